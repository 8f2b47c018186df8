"""The one training loop: compiled chunks of steps, an evaluation per epoch, and a poll of ``should_stop`` between
any two.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import jax
import numpy as np

from scaling_search.training import compiled as programs
from scaling_search.training import steps
from scaling_search.training.checkpoint import TrialCheckpoints
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.evaluate import evaluate_images, evaluation
from scaling_search.training.model import Model
from scaling_search.training.outcome import EpochMetrics, Outcome, TrainingStopped
from scaling_search.training.pixels import TrialPixels
from scaling_search.training.recipe import Recipe
from scaling_search.training.run import Hooks, Progress, Run, begin

Tree = Any

# Seconds between two polls of should_stop while training: short enough to leave promptly, far longer than a dispatch.
_CHUNK_SECONDS = 4.0


def train(
    model: Model,
    pixels: TrialPixels,
    recipe: Recipe,
    *,
    seed: int,
    compiled: CompiledTrial | Future[CompiledTrial] | None = None,
    checkpoints: TrialCheckpoints | None = None,
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
    checkpoints: TrialCheckpoints | None = None,
    hooks: Hooks | None = None,
) -> tuple[Outcome, ...]:
    """`train` for several seeds as one batched program: the same outcomes within float tolerance.

    ``compiled`` must have been compiled with ``seed_batch=len(seeds)``. `seeds.together` says when this pays.
    """
    return _run(model, pixels, recipe, list(seeds), len(seeds), compiled, checkpoints, hooks or Hooks())


def _run(
    model: Model,
    pixels: TrialPixels,
    recipe: Recipe,
    seeds: list[int],
    seed_batch: int | None,
    compiled: CompiledTrial | Future[CompiledTrial] | None,
    checkpoints: TrialCheckpoints | None,
    hooks: Hooks,
) -> tuple[Outcome, ...]:
    begun = compiled or programs.start_compiling(model, pixels, recipe, seed_batch=seed_batch)
    program = programs.ready(begun, hooks.should_stop)
    if program.seed_batch != seed_batch or program.setup.recipe != recipe:
        raise ValueError("the compiled programs are of another recipe or number of seeds")
    hooks.on_compiled(program)
    with programs.memory_errors(program.memory_bytes):
        run = begin(program, seeds, checkpoints)
        while run.epochs_done < recipe.epochs and not all(run.diverged(index) for index in range(len(seeds))):
            _train_epoch(run, pixels, hooks)
            _evaluate_epoch(run, pixels, hooks)
            run.save_when_due()
        return run.outcomes()


def _train_epoch(run: Run, pixels: TrialPixels, hooks: Hooks) -> None:
    program, recipe = run.program, run.program.setup.recipe
    epoch = run.epochs_done
    end = (epoch + 1) * program.setup.steps_per_epoch
    batched = program.seed_batch is not None
    key, order = programs.seed_inputs(run.seeds, len(pixels.train.labels), epoch=epoch, batched=batched)
    step = run.step
    while step < end and np.isfinite(run.state.loss_sum).any():
        if hooks.should_stop():
            run.leave()
        count = min(run.chunk, end - step)
        began = time.monotonic()
        run.state = jax.block_until_ready(
            program.advance(run.state, key, order, pixels.train, np.int32(count))
        )
        seconds = time.monotonic() - began
        run.epoch_seconds += seconds
        step += count
        run.chunk = max(1, min(int(_CHUNK_SECONDS * count / max(seconds, 1e-6)), 8 * run.chunk))
        total = recipe.epochs * program.setup.steps_per_epoch
        hooks.on_progress(Progress(step=step, total_steps=total, epoch=epoch, epochs=recipe.epochs))
        run.save_when_due()


def _evaluate_epoch(run: Run, pixels: TrialPixels, hooks: Hooks) -> None:
    program = run.program
    train_losses = np.atleast_1d(run.state.loss_sum) / program.setup.steps_per_epoch
    gradients = np.atleast_1d(run.state.gradient_sum) / program.setup.steps_per_epoch
    silent = np.atleast_2d(run.state.silent)
    losses = right = None
    began = time.monotonic()
    if np.isfinite(train_losses).any():
        params, batch_stats = steps.evaluation_weights(run.state)
        try:
            losses, right = evaluate_images(
                program, params, batch_stats, pixels.validation, hooks.should_stop
            )
        except TrainingStopped:
            run.leave()
    share = 1 / len(run.seeds)
    epoch = run.epochs_done + 1
    for index, seed in enumerate(run.seeds):
        if run.diverged(index):
            continue
        trained = np.isfinite(train_losses[index])
        evaluated = (
            evaluation(losses[index], right[index])
            if trained and losses is not None and right is not None
            else None
        )
        metrics = EpochMetrics(
            epoch=epoch,
            train_loss=float(train_losses[index]) if trained else None,
            accuracy=None if evaluated is None else evaluated.accuracy,
            loss=None if evaluated is None else evaluated.loss,
            train_seconds=run.epoch_seconds * share,
            evaluate_seconds=(time.monotonic() - began) * share,
            gradient_norm=float(gradients[index]) if np.isfinite(gradients[index]) else None,
            dead_share=float(silent[index].mean()) if silent.shape[1] else None,
        )
        run.history[index].append(metrics)
        run.correct[index] = None if evaluated is None else evaluated.correct
        hooks.on_epoch(seed, metrics)
    run.epoch_seconds = 0.0
