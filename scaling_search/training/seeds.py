"""Seeds in turn or together: which is faster here, by measurement."""

from __future__ import annotations

import time
from dataclasses import dataclass

import jax
import numpy as np

from scaling_search.training import compiled as programs
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.pixels import TrialPixels


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds of one training step: of one seed alone, and of ``seed_batch`` seeds in one batched program."""

    alone: float
    together: float
    seed_batch: int

    @property
    def gain(self) -> float:
        """How many times faster the seeds train together than in turn."""
        return self.seed_batch * self.alone / self.together


def batched_by_default(platform: str) -> bool:
    """What to do unmeasured: together on accelerators, in turn on a CPU.

    One seed already fills a CPU's cores, and batching turns each matrix product of shared shape into one per seed.
    """
    return platform != "cpu"


def measure(alone: CompiledTrial, together: CompiledTrial, pixels: TrialPixels, *, repeats: int = 5) -> Speed:
    """Times both programs on the default device, interleaved; medians of ``repeats`` chunks of one epoch or four
    steps.
    """
    if alone.seed_batch is not None or together.seed_batch is None:
        raise ValueError("measure needs a program of one seed and one of several")
    count = np.int32(min(4, alone.setup.steps_per_epoch))
    states, inputs = {}, {}
    times: dict[str, list[float]] = {}
    for name, program in (("alone", alone), ("together", together)):
        batched, seeds = program.seed_batch is not None, list(range(program.seed_batch or 1))
        inputs[name] = programs.seed_inputs(seeds, len(pixels.train.labels), epoch=0, batched=batched)
        states[name] = programs.initial(program.setup, seeds, batched=batched)
        times[name] = []
    for repeat in range(repeats + 1):
        for name, program in (("alone", alone), ("together", together)):
            began = time.perf_counter()
            states[name] = jax.block_until_ready(
                program.advance(states[name], *inputs[name], pixels.train, count)
            )
            if repeat:  # the first one warms up
                times[name].append((time.perf_counter() - began) / int(count))
    return Speed(
        alone=float(np.median(times["alone"])),
        together=float(np.median(times["together"])),
        seed_batch=together.seed_batch,
    )
