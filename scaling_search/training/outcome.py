"""What comes out of training: figures of a run, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scaling_search.errors import ScalingSearchError

Tree = Any


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """One epoch. A loss that is not finite is None, as is what was not measured because of it."""

    epoch: int  # 1, 2, …
    train_loss: float | None  # mean over the epoch's batches, augmented and smoothed as trained
    accuracy: float | None  # share of validation images whose top class is right
    loss: float | None  # mean validation cross-entropy, natural logarithm, no smoothing
    train_seconds: float
    evaluate_seconds: float
    gradient_norm: float | None = None  # mean over the epoch's steps, before clipping
    # Share of norm scales and biases whose gradient was exactly 0 in every step: units that a ReLU has switched off
    # for all training images.
    dead_share: float | None = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A split judged image by image. ``loss`` is None when it is not finite."""

    accuracy: float
    loss: float | None
    correct: NDArray[np.bool_]  # (images,)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished run. The figures are those of the last epoch, never of the best one: choosing among epochs by
    validation accuracy would flatter networks whose accuracy is the noisiest.

    A diverged run has no accuracy, loss or ``correct``. Seconds of seeds trained together are each seed's share.
    """

    state: Literal["complete", "diverged"]
    seed: int
    accuracy: float | None
    loss: float | None
    correct: NDArray[np.bool_] | None  # (validation images,)
    epochs: tuple[EpochMetrics, ...]
    compile_seconds: float
    train_seconds: float
    evaluate_seconds: float
    memory_bytes: (
        int | None
    )  # what XLA says the training program needs on the device; None where it does not say
    params: Tree  # averaged where the recipe averages
    batch_stats: Tree


class TrainingStopped(Exception):
    """``should_stop()`` said yes. Raised once the work can be continued: ``step`` is where the newest checkpoint
    stands (None: there is none, and a later call starts afresh). The caller knows the signal and raises
    `errors.StoppedError`.
    """

    def __init__(self, step: int | None) -> None:
        super().__init__("stopped" if step is None else f"stopped; a checkpoint is kept at step {step}")
        self.step = step

    def __reduce__(self) -> tuple[Any, ...]:  # pickle would hand the message to `__init__`
        return TrainingStopped, (self.step,)


class OutOfMemory(ScalingSearchError):
    """The device or the host has too little memory for this trial. Trying again would fail again."""

    exit_code = 4

    def __init__(self, message: str, *, predicted_bytes: int | None) -> None:
        super().__init__(message)
        self.predicted_bytes = predicted_bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(OutOfMemory, predicted_bytes=self.predicted_bytes), self.args
