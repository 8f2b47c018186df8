"""Rounds of trials: who competes, and training what the ledger does not have yet, one seed after the other."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.trial.trial import Trial

if TYPE_CHECKING:
    from scaling_search.data.dataset import Split

    # `report` reads rounds' results and must not load what trains them.
    from scaling_search.search.trial.trainer import Trainer

_OTHERS_POLL_SECONDS = 1.0


def run_trials(trainer: Trainer, trials: Sequence[Trial], *, test: Split | None = None) -> int:
    """Runs what is missing of `trials`; returns how many ran here. The next one compiles while one trains.

    With `test`, each is judged on that split too.
    """
    trained = 0
    keys = {trainer.row(trial).key: trial for trial in trials}
    trainer.ledger.add_trials([trainer.row(trial) for trial in trials])
    if test is None:
        # With a test split a finished trial's checkpoint may still save training it once more.
        trainer.claims.tidy(list(keys))
    while missing := trainer.claims.unfinished(list(keys)):
        before = trained
        left = set(missing)
        wanted = [
            list(group)
            for _, group in groupby(
                (trial for key, trial in keys.items() if key in left), key=lambda trial: trial.network
            )
        ]
        for position, group in enumerate(wanted):
            upcoming = wanted[position + 1][0] if position + 1 < len(wanted) else None
            if test is None:
                trained += trainer.run_seeds(group, upcoming=upcoming)
            else:
                trained += sum(trainer.run(trial, upcoming=upcoming, test=test) for trial in group)
        if trained == before:
            trainer.check_stop()
            time.sleep(_OTHERS_POLL_SECONDS)
    if test is not None:
        trained += sum(trainer.run(trial, test=test) for trial in trials)
    return trained


def trial_of(member: Candidate, seed: int) -> Trial:
    """One trial of a candidate."""
    return Trial(
        network=member.network, cost=member.cost, seed=seed, label=f"{member.triple} φ={member.phi:g}"
    )
