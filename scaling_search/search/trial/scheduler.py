"""Training what the ledger does not have yet: network after network, the next one compiling while one trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from scaling_search.search.trial import weights
from scaling_search.search.trial.trial import NOTHING_MORE, Extras, Trial

if TYPE_CHECKING:
    from scaling_search.search.trial.trial import TrialRunner

_OTHERS_POLL_SECONDS = 1.0


def run_trials(
    trainer: TrialRunner,
    trials: Sequence[Trial],
    *,
    extras: Extras = NOTHING_MORE,
    likely: Sequence[Trial] = (),
) -> int:
    """Runs what is missing of `trials`, with `extras`; returns how many were trained here.

    `likely` are trials that may be asked for next: idle workers begin them, and record none that is not asked for.

    Work that other processes hold is waited for; a dead worker's trial is taken up. Finished trials without figures on
    a test split that is wanted are trained again; kept weights are not missed (`run_again`).
    """
    keys = {trainer.row(trial).key: trial for trial in trials}
    trainer.ledger.add_trials([trainer.row(trial) for trial in trials])
    trainer.claims.tidy(list(keys))
    trained = _run_all(trainer, keys, trainer.claims.unfinished, extras, likely=likely)
    if extras.test is not None:
        # Finished by a process that had no test split.
        def untested(own: list[str]) -> list[str]:
            tested = {row.trial_key for row in trainer.ledger.evaluations(own) if row.split == "test"}
            return trainer.claims.incomplete(own, there=tested)

        trained += _run_all(trainer, keys, untested, extras, again=True)
    return trained


def run_again(trainer: TrialRunner, trials: Sequence[Trial], *, extras: Extras) -> int:
    """Trains finished trials once more, to keep weights that were not kept; returns how many were trained here."""
    keys = {trainer.row(trial).key: trial for trial in trials}

    def unkept(own: list[str]) -> list[str]:
        return trainer.claims.incomplete(own, there=weights.kept(trainer.ledger, own))

    return _run_all(trainer, keys, unkept, extras, again=True)


def _run_all(
    trainer: TrialRunner,
    keys: dict[str, Trial],
    missing: Callable[[list[str]], Collection[str]],
    extras: Extras,
    *,
    again: bool = False,
    likely: Sequence[Trial] = (),
) -> int:
    """Runs until nothing is missing, waiting for what others hold."""
    trained = 0
    while left := set(missing(list(keys))):
        before = trained
        groups = groupby(
            (trial for key, trial in keys.items() if key in left),
            key=lambda trial: (trial.network, trial.recipe),
        )
        trained += trainer.run_groups(
            [list(group) for _, group in groups], extras=extras, again=again, likely=likely
        )
        if trained == before:
            trainer.networks.check_stop()
            time.sleep(_OTHERS_POLL_SECONDS)
    return trained
