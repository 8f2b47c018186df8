"""The one training loop: compiled chunks of steps, an evaluation per epoch, and a poll of ``should_stop`` between
any two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from scaling_search.training import compiled as programs
from scaling_search.training import steps
from scaling_search.training.checkpoint import Checkpoints, Position
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.evaluate import evaluation, judge
from scaling_search.training.model import Model
from scaling_search.training.outcome import EpochMetrics, Outcome, TrainingStopped
from scaling_search.training.pixels import TrialPixels
from scaling_search.training.recipe import Recipe

Tree = Any

# Seconds between two polls of should_stop while training: short enough to leave promptly, far longer than a dispatch.
_CHUNK_SECONDS = 4.0


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


def train(
    model: Model,
    pixels: TrialPixels,
    recipe: Recipe,
    *,
    seed: int,
    compiled: CompiledTrial | Future[CompiledTrial] | None = None,
    checkpoints: Checkpoints | None = None,
    hooks: Hooks | None = None,
) -> Outcome:
    """Trains one network with one seed and judges it on the validation split after every epoch.

    Same arguments, same machine: the same outcome to the bit (its seconds excepted), however often it was stopped
    and continued through ``checkpoints``. Data order and augmentation depend on seed and step alone, never on the
    network.

    A loss that is not finite ends the run with state "diverged". Raises TrainingStopped, OutOfMemory, StorageError
    (a checkpoint cannot be written) and InputError (batch larger than the training split).
    """
    return _run(model, pixels, recipe, [seed], None, compiled, checkpoints, hooks or Hooks())[0]


def train_seeds(
    model: Model,
    pixels: TrialPixels,
    recipe: Recipe,
    *,
    seeds: Sequence[int],
    compiled: CompiledTrial | Future[CompiledTrial] | None = None,
    checkpoints: Checkpoints | None = None,
    hooks: Hooks | None = None,
) -> tuple[Outcome, ...]:
    """`train` for several seeds as one batched program: the same outcomes within float tolerance.

    ``compiled`` must have been compiled with ``lanes=len(seeds)``. `seeds.together` says when this pays.
    """
    return _run(model, pixels, recipe, list(seeds), len(seeds), compiled, checkpoints, hooks or Hooks())


@dataclass(kw_only=True)
class _Run:
    """A run between two polls. ``history`` is one tuple of epochs per seed."""

    program: CompiledTrial
    seeds: list[int]
    state: steps.State
    history: list[list[EpochMetrics]]
    correct: list[NDArray[np.bool_] | None]
    epoch_seconds: float = 0.0  # training seconds of the epoch under way
    chunk: int = 1
    saved_at: float = field(default_factory=time.monotonic)
    saved_step: int | None = None

    @property
    def step(self) -> int:
        return int(np.max(self.state.step))

    @property
    def epochs_done(self) -> int:
        return max(len(lane) for lane in self.history)

    def diverged(self, lane: int) -> bool:
        epochs = self.history[lane]
        return bool(epochs) and (epochs[-1].train_loss is None or epochs[-1].loss is None)


def _run(
    model: Model,
    pixels: TrialPixels,
    recipe: Recipe,
    seeds: list[int],
    lanes: int | None,
    compiled: CompiledTrial | Future[CompiledTrial] | None,
    checkpoints: Checkpoints | None,
    hooks: Hooks,
) -> tuple[Outcome, ...]:
    begun = compiled or programs.start_compiling(model, pixels, recipe, lanes=lanes)
    program = programs.ready(begun, hooks.should_stop)
    if program.lanes != lanes or program.trial.recipe != recipe:
        raise ValueError("the compiled programs are of another recipe or number of seeds")
    hooks.on_compiled(program)
    with programs.memory_errors(program.memory_bytes):
        run = _begin(program, seeds, checkpoints)
        while run.epochs_done < recipe.epochs and not all(run.diverged(lane) for lane in range(len(seeds))):
            _train_epoch(run, pixels, checkpoints, hooks)
            _evaluate_epoch(run, pixels, checkpoints, hooks)
            _save_when_due(run, checkpoints)
        return _outcomes(run)


def _begin(program: CompiledTrial, seeds: list[int], checkpoints: Checkpoints | None) -> _Run:
    position = (
        None if checkpoints is None else checkpoints.restore(program.state, seeds, program.trial.recipe)
    )
    if position is not None:
        return _Run(
            program=program,
            seeds=seeds,
            state=position.state,
            history=[list(lane) for lane in position.history],
            correct=list(position.correct),
            epoch_seconds=position.epoch_seconds,
            saved_step=int(np.max(position.state.step)),
        )
    return _Run(
        program=program,
        seeds=seeds,
        state=programs.initial(program.trial, seeds, batched=program.lanes is not None),
        history=[[] for _ in seeds],
        correct=[None for _ in seeds],
    )


def _train_epoch(run: _Run, pixels: TrialPixels, checkpoints: Checkpoints | None, hooks: Hooks) -> None:
    program, recipe = run.program, run.program.trial.recipe
    epoch = run.epochs_done
    end = (epoch + 1) * program.trial.steps_per_epoch
    batched = program.lanes is not None
    key, order = programs.seed_inputs(run.seeds, len(pixels.train.labels), epoch=epoch, batched=batched)
    step = run.step
    while step < end and np.isfinite(run.state.loss_sum).any():
        _poll(run, checkpoints, hooks)
        count = min(run.chunk, end - step)
        began = time.monotonic()
        run.state = jax.block_until_ready(
            program.advance(run.state, key, order, pixels.train, np.int32(count))
        )
        seconds = time.monotonic() - began
        run.epoch_seconds += seconds
        step += count
        run.chunk = max(1, min(int(_CHUNK_SECONDS * count / max(seconds, 1e-6)), 8 * run.chunk))
        total = recipe.epochs * program.trial.steps_per_epoch
        hooks.on_progress(Progress(step=step, total_steps=total, epoch=epoch, epochs=recipe.epochs))
        _save_when_due(run, checkpoints)


def _evaluate_epoch(run: _Run, pixels: TrialPixels, checkpoints: Checkpoints | None, hooks: Hooks) -> None:
    program = run.program
    train_losses = np.atleast_1d(run.state.loss_sum) / program.trial.steps_per_epoch
    losses = right = None
    began = time.monotonic()
    if np.isfinite(train_losses).any():
        params, batch_stats = steps.evaluation_weights(run.state)
        try:
            losses, right = judge(program, params, batch_stats, pixels.validation, hooks.should_stop)
        except TrainingStopped:
            _leave(run, checkpoints)
    share = 1 / len(run.seeds)
    epoch = run.epochs_done + 1
    for lane, seed in enumerate(run.seeds):
        if run.diverged(lane):
            continue
        trained = np.isfinite(train_losses[lane])
        judged = (
            evaluation(losses[lane], right[lane])
            if trained and losses is not None and right is not None
            else None
        )
        metrics = EpochMetrics(
            epoch=epoch,
            train_loss=float(train_losses[lane]) if trained else None,
            accuracy=None if judged is None else judged.accuracy,
            loss=None if judged is None else judged.loss,
            train_seconds=run.epoch_seconds * share,
            evaluate_seconds=(time.monotonic() - began) * share,
        )
        run.history[lane].append(metrics)
        run.correct[lane] = None if judged is None else judged.correct
        hooks.on_epoch(seed, metrics)
    run.epoch_seconds = 0.0


def _poll(run: _Run, checkpoints: Checkpoints | None, hooks: Hooks) -> None:
    if hooks.should_stop():
        _leave(run, checkpoints)


def _leave(run: _Run, checkpoints: Checkpoints | None) -> None:
    """Writes a checkpoint when there is anything new to keep, and raises TrainingStopped."""
    if checkpoints is not None and run.step > (run.saved_step or 0):
        _save(run, checkpoints)
    raise TrainingStopped(run.saved_step)


def _save_when_due(run: _Run, checkpoints: Checkpoints | None) -> None:
    if checkpoints is not None and time.monotonic() - run.saved_at >= checkpoints.every_seconds:
        _save(run, checkpoints)


def _save(run: _Run, checkpoints: Checkpoints) -> None:
    checkpoints.save(
        Position(
            state=run.state,
            history=tuple(tuple(lane) for lane in run.history),
            correct=tuple(run.correct),
            epoch_seconds=run.epoch_seconds,
        ),
        run.seeds,
        run.program.trial.recipe,
    )
    run.saved_step = run.step
    run.saved_at = time.monotonic()


def _outcomes(run: _Run) -> tuple[Outcome, ...]:
    params, batch_stats = steps.evaluation_weights(run.state)
    outcomes = []
    for lane, seed in enumerate(run.seeds):
        epochs, diverged = tuple(run.history[lane]), run.diverged(lane)
        own, own_stats = (
            {
                name: np.array(vector if run.program.lanes is None else vector[lane])
                for name, vector in flat.items()
            }
            for flat in (params, batch_stats)
        )
        outcomes.append(
            Outcome(
                state="diverged" if diverged else "complete",
                seed=seed,
                accuracy=None if diverged else epochs[-1].accuracy,
                loss=None if diverged else epochs[-1].loss,
                correct=None if diverged else run.correct[lane],
                epochs=epochs,
                compile_seconds=run.program.compile_seconds / len(run.seeds),
                train_seconds=sum(metrics.train_seconds for metrics in epochs),
                evaluate_seconds=sum(metrics.evaluate_seconds for metrics in epochs),
                memory_bytes=run.program.memory_bytes,
                params=run.program.trial.params.unpack(own),
                batch_stats=run.program.trial.batch_stats.unpack(own_stats),
            )
        )
    return tuple(outcomes)
