"""Trainers for worker processes: claims, records and order are the real ones, the training is said."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scaling_search.architecture.network import fingerprint
from scaling_search.search.trial.trial import Trial
from tests.search.pretend import Pretend


def learns(trial: Trial) -> float:
    """An accuracy of the network's own: 0.6 to 0.8."""
    return 0.6 + 0.2 * int(fingerprint(trial.network)[:2], 16) / 255


def make(job: Any, learns: Any, **given: Any) -> Pretend:
    """A trainer that pretends, from what a worker has."""
    return Pretend(
        given.pop("ledger"),
        learns,
        space=SimpleNamespace(recipe=job.recipe, study=None),  # type: ignore[arg-type]
        checkpoints=job.checkpoints,
        retry_failed=job.retry_failed,
        **given,
    )


def build(job: Any, **given: Any) -> Pretend:
    """Trains in no time."""
    return make(job, learns, **given)


def learns_by_recipe(trial: Trial) -> float:
    """As `learns`, a little better with a high rate and with more epochs."""
    more = 0.0 if trial.recipe is None else trial.recipe.learning_rate + 0.01 * trial.recipe.epochs
    return learns(trial) + 0.1 * min(more, 1.0)


def build_by_recipe(job: Any, **given: Any) -> Pretend:
    """Trains in no time, each recipe to something else."""
    return make(job, learns_by_recipe, **given)


def build_slow(job: Any, **given: Any) -> Pretend:
    """A fifth of a second each; the stop is looked for in between."""
    trainer = make(job, learns, **given)

    def slow(trial: Trial) -> float:
        for _ in range(10):
            time.sleep(0.02)
            trainer.networks.check_stop()
        return learns(trial)

    trainer.learns = slow
    return trainer


def build_mortal(job: Any, **given: Any) -> Pretend:
    """The worker that first trains seed 1 is killed in it."""

    def deadly(trial: Trial) -> float:
        mark = Path(job.checkpoints) / "killed"
        if trial.seed == 1 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return learns(trial)

    return make(job, deadly, **given)
