"""How long a training step of a network takes on this device: compiled and timed once, then read from the cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from scaling_search.architecture.network import Network
from scaling_search.data import catalog
from scaling_search.report.figures import duration
from scaling_search.search.forecast import timing_cache
from scaling_search.search.forecast.timing_cache import Calibration
from scaling_search.search.plan.budget import StepSeconds, cost_at
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import provenance
from scaling_search.search.trial.setup import of
from scaling_search.search.trial.timing import Timing

if TYPE_CHECKING:
    from scaling_search.search.trial.compiled_networks import CompiledNetworks


# A quiet machine's steps differ by less.
_STEADY = 1.25


def step_timer(
    study: Study, *, say: Callable[[str], None], should_stop: Callable[[], bool] = lambda: False
) -> StepSeconds | None:
    """What times steps for a study whose budget or limits ask for it; None for the others."""
    return Latencies(study, say=say, should_stop=should_stop).seconds if study.timed else None


class Latencies:
    """Step times of a study's networks, with its recipe, on its data.

    A time that was measured stands, for this machine and these versions: the plan of a grid is the same when it is
    made again. `say` hears of every measurement, `should_stop` ends one (TrainingStopped).
    """

    def __init__(self, study: Study, *, say: Callable[[str], None], should_stop: Callable[[], bool]) -> None:
        self._study = study
        self._info = catalog.describe(study.dataset.name)
        self._say = say
        self._should_stop = should_stop
        self._workshop: CompiledNetworks | None = None

    def seconds(self, network: Network) -> float:
        """Seconds of one step, in the fastest of a few chunks of steps: other work on the machine only adds to a time.

        Infinite where its memory is not there.
        """
        named = timing_cache.place(self._study, network, self._info)
        path = named.with_name(f"step-{named.name}")
        known = timing_cache.read(path)
        if known is None:
            self._workshop = self._workshop or self._open()
            known = self._measure(self._workshop, network, cost_at(network, network.resolution).macs)
            if known is None:
                return math.inf
            timing_cache.keep(path, known)
        return _undisturbed(known.timings[0])

    def _open(self) -> CompiledNetworks:
        from scaling_search.search.trial.compiled_networks import CompiledNetworks
        from scaling_search.training.cache import enable_cache

        enable_cache()
        return CompiledNetworks(
            dataset=of(self._study),
            recipe=self._study.resolved_recipe(),
            should_stop=self._should_stop,
        )

    def _measure(self, compiled: CompiledNetworks, network: Network, macs: int) -> Calibration | None:
        from scaling_search.training.outcome import OutOfMemory

        available = provenance.available_memory()
        if available is not None and compiled.estimated_memory(network) > available:
            return None
        self._say(f"timing a step: {network.name}, {network.resolution} px, {macs / 1e6:.4g} M MACs")
        try:
            timing = compiled.timing(network, macs)
        except OutOfMemory:
            return None
        if timing.step_seconds > _STEADY * _undisturbed(timing):
            self._say(
                f"unsteady: {duration(_undisturbed(timing))} to {duration(timing.step_seconds)} a step; other work on "
                "this machine spoils a choice by time"
            )
        return Calibration(
            device=provenance.device(), platform=compiled.platform, memory_bytes=available, timings=(timing,)
        )


def _undisturbed(timing: Timing) -> float:
    return timing.fastest_step_seconds or timing.step_seconds
