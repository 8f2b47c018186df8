"""A run between two polls: begun or restored, kept in checkpoints, what it came to, and a caller's hooks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from scaling_search.training import compiled as programs
from scaling_search.training import steps
from scaling_search.training.checkpoint import Position, TrialCheckpoints
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.flat import Flat
from scaling_search.training.outcome import EpochMetrics, Outcome, TrainingStopped


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands, for a progress bar."""

    step: int  # steps done
    total_steps: int
    epoch: int  # epochs done and evaluated
    epochs: int


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a caller may hang on a run. Each is called on the training thread; ``on_compiled`` before the first step,
    and what it raises ends the run.
    """

    on_compiled: Callable[[CompiledTrial], None] = lambda _program: None
    on_epoch: Callable[[int, EpochMetrics], None] = lambda _seed, _metrics: None
    on_progress: Callable[[Progress], None] = lambda _progress: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass(kw_only=True)
class Run:
    """A run between two polls. ``history`` is one list of epochs per seed, ``correct`` what each last got right."""

    program: CompiledTrial
    seeds: list[int]
    checkpoints: TrialCheckpoints | None
    state: steps.State
    history: list[list[EpochMetrics]]
    correct: list[NDArray[np.bool_] | None]
    epoch_seconds: float = 0.0  # training seconds of the epoch under way
    chunk: int = 1
    saved_at: float = field(default_factory=time.monotonic)
    saved_step: int | None = None

    @property
    def step(self) -> int:
        """Steps done."""
        return int(np.max(self.state.step))

    @property
    def epochs_done(self) -> int:
        """Epochs trained and evaluated."""
        return max(len(index) for index in self.history)

    def diverged(self, index: int) -> bool:
        """Whether this seed's last epoch had a loss that is not finite."""
        epochs = self.history[index]
        return bool(epochs) and (epochs[-1].train_loss is None or epochs[-1].loss is None)

    def leave(self) -> NoReturn:
        """Writes a checkpoint when there is anything new to keep, and raises TrainingStopped."""
        if self.checkpoints is not None and self.step > (self.saved_step or 0):
            self._save(self.checkpoints)
        raise TrainingStopped(self.saved_step)

    def save_when_due(self) -> None:
        """Writes a checkpoint when the last one is old enough. Raises StorageError."""
        kept = self.checkpoints
        if kept is not None and time.monotonic() - self.saved_at >= kept.every_seconds:
            self._save(kept)

    def _save(self, checkpoints: TrialCheckpoints) -> None:
        position = Position(
            state=self.state,
            history=tuple(tuple(index) for index in self.history),
            correct=tuple(self.correct),
            epoch_seconds=self.epoch_seconds,
        )
        checkpoints.save(position, self.seeds, self.program.setup.recipe)
        self.saved_step = self.step
        self.saved_at = time.monotonic()

    def outcomes(self) -> tuple[Outcome, ...]:
        """What each seed came to."""
        weights = steps.evaluation_weights(self.state)
        return tuple(self._outcome(index, *weights) for index in range(len(self.seeds)))

    def _outcome(self, index: int, params: Flat, batch_stats: Flat) -> Outcome:
        epochs, diverged = tuple(self.history[index]), self.diverged(index)
        own, own_stats = (
            {
                name: np.array(vector if self.program.seed_batch is None else vector[index])
                for name, vector in flat.items()
            }
            for flat in (params, batch_stats)
        )
        return Outcome(
            state="diverged" if diverged else "complete",
            seed=self.seeds[index],
            accuracy=None if diverged else epochs[-1].accuracy,
            loss=None if diverged else epochs[-1].loss,
            correct=None if diverged else self.correct[index],
            epochs=epochs,
            compile_seconds=self.program.compile_seconds / len(self.seeds),
            train_seconds=sum(metrics.train_seconds for metrics in epochs),
            evaluate_seconds=sum(metrics.evaluate_seconds for metrics in epochs),
            memory_bytes=self.program.memory_bytes,
            params=self.program.setup.params.unpack(own),
            batch_stats=self.program.setup.batch_stats.unpack(own_stats),
        )


def begin(program: CompiledTrial, seeds: list[int], checkpoints: TrialCheckpoints | None) -> Run:
    """From the newest whole checkpoint, else from the seeds' initial weights."""
    found = None if checkpoints is None else checkpoints.restore(program.state, seeds, program.setup.recipe)
    if found is None:
        return Run(
            program=program,
            seeds=seeds,
            checkpoints=checkpoints,
            state=programs.initial(program.setup, seeds, batched=program.seed_batch is not None),
            history=[[] for _ in seeds],
            correct=[None for _ in seeds],
        )
    return Run(
        program=program,
        seeds=seeds,
        checkpoints=checkpoints,
        state=found.state,
        history=[list(index) for index in found.history],
        correct=list(found.correct),
        epoch_seconds=found.epoch_seconds,
        saved_step=int(np.max(found.state.step)),
    )
