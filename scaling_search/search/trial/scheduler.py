"""Training what the ledger does not have yet: network after network, the next one compiling while one trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from scaling_search.search.trial.trial import Trial

if TYPE_CHECKING:
    from scaling_search.data.dataset import Split
    from scaling_search.search.trial.trainer import Trainer

_OTHERS_POLL_SECONDS = 1.0


def run_trials(trainer: Trainer, trials: Sequence[Trial], *, test: Split | None = None) -> int:
    """Runs what is missing of `trials`; returns how many were trained here. With `test`, each is tested too.

    Work that other processes hold is waited for; a dead worker's trial is taken up.
    """
    trained = 0
    keys = {trainer.row(trial).key: trial for trial in trials}
    trainer.ledger.add_trials([trainer.row(trial) for trial in trials])
    trainer.claims.tidy(list(keys))
    while missing := set(trainer.claims.unfinished(list(keys))):
        before = trained
        trained += _run_groups(trainer, [trial for key, trial in keys.items() if key in missing], test)
        if trained == before:
            trainer.networks.check_stop()
            time.sleep(_OTHERS_POLL_SECONDS)
    if test is not None:
        # Finished by a process that had no test split, or before this one's evaluation was kept.
        while untested := [trial for key, trial in keys.items() if key in _untested(trainer, list(keys))]:
            before = trained
            trained += _run_groups(trainer, untested, test, again=True)
            if trained == before:
                trainer.networks.check_stop()
                time.sleep(_OTHERS_POLL_SECONDS)
    return trained


def _run_groups(trainer: Trainer, trials: Sequence[Trial], test: Split | None, *, again: bool = False) -> int:
    groups = [list(group) for _, group in groupby(trials, key=lambda trial: trial.network)]
    trained = 0
    for group, following in zip(groups, [*groups[1:], None], strict=True):
        upcoming = None if following is None else following[0]
        trained += trainer.run(group, upcoming=upcoming, test=test, again=again)
    return trained


def _untested(trainer: Trainer, keys: list[str]) -> set[str]:
    """Complete trials without an evaluation on the test split."""
    tested = {row.trial_key for row in trainer.ledger.evaluations(keys) if row.split == "test"}
    return {row.key for row in trainer.ledger.trials(keys) if row.state == "complete"} - tested
