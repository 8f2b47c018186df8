"""Judging trained weights on a split: every image once, in the split's order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from scaling_search.training import compiled as programs
from scaling_search.training import steps
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.outcome import Evaluation, Outcome, TrainingStopped

Tree = Any


def evaluate(
    compiled: CompiledTrial,
    outcomes: Sequence[Outcome],
    pixels: steps.Pixels,
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[Evaluation, ...]:
    """Judges finished runs on any split (the test split), with the program that judged them on validation.

    With a batched program the outcomes are those of its `train_seeds`. Raises TrainingStopped and OutOfMemory.
    """
    setup = compiled.setup
    weights = [
        (setup.params.pack(outcome.params), setup.batch_stats.pack(outcome.batch_stats))
        for outcome in outcomes
    ]
    if compiled.seed_batch is not None:
        if len(outcomes) != compiled.seed_batch:
            raise ValueError(f"{len(outcomes)} outcomes for a program of {compiled.seed_batch} seeds")
        weights = [jax.tree.map(lambda *leaves: np.stack(leaves), *weights)]
    found = []
    with programs.memory_errors(compiled.memory_bytes):
        for params, batch_stats in weights:
            losses, right = evaluate_images(compiled, params, batch_stats, pixels, should_stop)
            found += [
                evaluation(seed_losses, index) for seed_losses, index in zip(losses, right, strict=True)
            ]
    return tuple(found)


def evaluate_images(
    program: CompiledTrial,
    params: Tree,
    batch_stats: Tree,
    pixels: steps.Pixels,
    should_stop: Callable[[], bool],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Losses and rights (seeds, images) of every image of a split, in its order."""
    count = len(pixels.labels)
    found = []
    for start in range(0, count, program.evaluation_batch):
        if should_stop():
            raise TrainingStopped(None)
        batch = programs.take(pixels, start, size=program.evaluation_batch)
        found.append(jax.block_until_ready(program.evaluate(params, batch_stats, batch)))
    # The last batch is filled up with copies of the last image; they are cut off here.
    losses = np.concatenate([np.atleast_2d(losses) for losses, _ in found], axis=1)[:, :count]
    right = np.concatenate([np.atleast_2d(right) for _, right in found], axis=1)[:, :count]
    return losses, right


def evaluation(losses: NDArray[np.float32], right: NDArray[np.bool_]) -> Evaluation:
    loss = float(losses.mean(dtype=np.float64))
    return Evaluation(
        accuracy=float(right.mean(dtype=np.float64)),
        loss=loss if np.isfinite(loss) else None,
        correct=right.copy(),
    )
