"""Training what the ledger does not have yet: network after network, the next one compiling while one trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
    keys = {trainer.row(trial).key: trial for trial in trials}
    trainer.ledger.add_trials([trainer.row(trial) for trial in trials])
    trainer.claims.tidy(list(keys))
    trained = _until_none(trainer, keys, trainer.claims.unfinished, test)
    if test is not None:
        # Finished by a process that had no test split, or before this one's evaluation was kept.
        trained += _until_none(trainer, keys, trainer.claims.untested, test, again=True)
    return trained


def _until_none(
    trainer: Trainer,
    trials: Mapping[str, Trial],
    left: Callable[[list[str]], list[str]],
    test: Split | None,
    *,
    again: bool = False,
) -> int:
    trained = 0
    while keys := left(list(trials)):
        ran = _run_groups(trainer, [trials[key] for key in keys], test, again=again)
        trained += ran
        if not ran:
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
