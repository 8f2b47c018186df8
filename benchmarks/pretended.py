"""A trainer that takes a given time and learns a given share: claims, records and order are the real ones."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.search.trial.claims import Held
from scaling_search.search.trial.compiled_networks import CompiledNetworks
from scaling_search.search.trial.timing import Timing
from scaling_search.search.trial.trainer import Trainer
from scaling_search.search.trial.trial import Extras, Trial
from scaling_search.search.trial.worker_process import Job
from scaling_search.training.outcome import Outcome

_STEP_SECONDS = 0.02


class _Networks(CompiledNetworks):
    """Compiles nothing."""

    def timing(self, network: Network, macs: int) -> Timing:
        return Timing(
            network=fingerprint(network),
            macs=macs,
            compile_seconds=0.0,
            setup_seconds=0.0,
            step_seconds=1e-3,
            image_seconds=1e-6,
            memory_bytes=None,
        )

    def prepare(self, network: Network, *, seed_batch: int | None = None) -> None:
        pass


class _Trainer(Trainer):
    """Sleeps. A candidate's accuracy is its network's own; its seeds agree on most images."""

    seconds = 0.0

    def _train(self, held: Held, upcoming: Trial | None, *, batched: bool) -> tuple[Outcome, ...]:  # noqa: ARG002
        until = time.monotonic() + self.seconds
        while (left := until - time.monotonic()) > 0:
            self.networks.check_stop()
            time.sleep(min(left, _STEP_SECONDS))
        return tuple(self._outcome(trial) for trial in held.trials)

    def _outcome(self, trial: Trial) -> Outcome:
        share = 0.7 + 0.2 * int(fingerprint(trial.network)[:4], 16) / 0xFFFF
        images = len(self.networks.dataset.validation)
        hard = np.random.default_rng(0).random(images)
        correct = hard + np.random.default_rng([1, trial.seed]).normal(0, 0.05, images) < share
        return Outcome(
            state="complete",
            seed=trial.seed,
            accuracy=float(correct.mean()),
            loss=1.0,
            correct=correct,
            epochs=(),
            compile_seconds=0.0,
            train_seconds=self.seconds,
            evaluate_seconds=0.0,
            memory_bytes=None,
            params={},
            batch_stats={},
        )

    def _extras(
        self,
        held: Held,  # noqa: ARG002
        outcomes: Sequence[Outcome],
        extras: Extras,  # noqa: ARG002
        *,
        batched: bool,  # noqa: ARG002
    ) -> list[list[object]]:
        return [[] for _ in outcomes]


def build(seconds: float) -> Callable[..., Trainer]:
    """For `Workers`: trials take so many seconds."""
    return functools.partial(_build, seconds)


def _build(
    seconds: float, job: Job, *, dataset: Any, should_stop: Callable[[], bool], **given: Any
) -> Trainer:
    folder: Path | None = job.checkpoints
    trainer = _Trainer(
        networks=_Networks(dataset=dataset, recipe=job.recipe, should_stop=should_stop),
        checkpoints=folder,
        retry_failed=job.retry_failed,
        **given,
    )
    trainer.seconds = seconds
    return trainer
