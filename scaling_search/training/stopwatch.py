"""How fast a compiled trial is: a few steps and batches, timed on the device that will train it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import numpy as np

from scaling_search.training import compiled as programs
from scaling_search.training import steps
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.outcome import TrainingStopped
from scaling_search.training.pixels import TrialPixels

_SECONDS = 1.5
_CHUNKS = 5
_FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds: to set a run up (weights drawn, first step), for a later training step, to judge one image.

    `fastest_step_seconds`: in the fastest chunk, which other work on the machine disturbed least.
    """

    setup_seconds: float
    step_seconds: float
    fastest_step_seconds: float
    image_seconds: float


def measure(program: CompiledTrial, pixels: TrialPixels, *, should_stop: Callable[[], bool]) -> Speed:
    """Takes about two seconds, or three steps and batches where those take longer.

    A step's time is the median over chunks of steps, so that one hiccup of the machine does not count. The first step
    and the first batch only warm up. Raises TrainingStopped and OutOfMemory.
    """
    with programs.memory_errors(program.memory_bytes):
        key, order = programs.seed_inputs([0], len(pixels.train.labels), epoch=0, batched=False)
        state = programs.initial(program.setup, [0], batched=False)

        def advance(count: int) -> float:
            nonlocal state
            if should_stop():
                raise TrainingStopped(None)
            began = time.monotonic()
            state = jax.block_until_ready(program.advance(state, key, order, pixels.train, np.int32(count)))
            return (time.monotonic() - began) / count

        advance(1)
        # Once more: what drawing weights compiles is compiled once in a process, not for every trial.
        began = time.monotonic()
        state = programs.initial(program.setup, [0], batched=False)
        advance(1)
        setup = time.monotonic() - began
        once = advance(1)
        count = max(1, round(_SECONDS / _CHUNKS / once)) if once > 0 else 1
        chunks = _repeat(lambda: advance(count), seconds_each=once * count)
        step = statistics.median(chunks)

        weights = steps.evaluation_weights(state)
        batch = programs.take(pixels.validation, 0, size=program.evaluation_batch)

        def judge() -> float:
            if should_stop():
                raise TrainingStopped(None)
            began = time.monotonic()
            jax.block_until_ready(program.evaluate(*weights, batch))
            return time.monotonic() - began

        judged = statistics.median(_repeat(judge, seconds_each=judge()))
    return Speed(
        setup_seconds=max(0.0, setup - step),
        step_seconds=step,
        fastest_step_seconds=min(chunks),
        image_seconds=judged / program.evaluation_batch,
    )


def _repeat(work: Callable[[], float], *, seconds_each: float) -> list[float]:
    times = _CHUNKS if seconds_each * _CHUNKS <= 2 * _SECONDS else _FEWEST
    return [work() for _ in range(times)]
