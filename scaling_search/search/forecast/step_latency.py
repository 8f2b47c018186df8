"""How long a training step of a network takes on this device: compiled and timed once, then read from the cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from scaling_search.architecture.network import Network
from scaling_search.report.figures import duration
from scaling_search.search.forecast import timing_cache
from scaling_search.search.forecast.timing_cache import Calibration
from scaling_search.search.plan.budget import StepSeconds, cost_at
from scaling_search.search.plan.search_space import SearchSpace, search_space
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import provenance
from scaling_search.search.trial.setup import make_networks
from scaling_search.search.trial.timing import Timing

if TYPE_CHECKING:
    from scaling_search.search.trial.compiled_networks import CompiledNetworks


# A quiet machine's steps differ by less.
_STEADY = 1.25


def timed_space(
    study: Study,
    *,
    as_published: bool = False,
    source: Network | None = None,
    say: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> SearchSpace:
    """The search space of a study, with what times steps where its budget or limits ask for it. Errors: InputError."""
    latencies = Latencies(say=say, should_stop=should_stop)
    seconds: StepSeconds | None = latencies.seconds if study.timed else None
    space = search_space(study, as_published=as_published, step_seconds=seconds, source=source)
    latencies.space = space
    return space


class Latencies:
    """Step times of a study's networks, with its recipe, on its data.

    A time that was measured stands, for this machine and these versions: the plan of a grid is the same when it is
    made again. `say` hears of every measurement, `should_stop` ends one (TrainingStopped).
    """

    space: SearchSpace

    def __init__(self, *, say: Callable[[str], None], should_stop: Callable[[], bool]) -> None:
        self._say = say
        self._should_stop = should_stop
        self._networks: CompiledNetworks | None = None

    def seconds(self, network: Network) -> float:
        """Seconds of one step, in the fastest of a few chunks of steps: other work on the machine only adds to a time.

        Infinite where its memory is not there.
        """
        named = timing_cache.path_of(self.space, network)
        path = named.with_name(f"step-{named.name}")
        known = timing_cache.read(path)
        if known is None:
            self._networks = self._networks or make_networks(self.space, should_stop=self._should_stop)
            known = self._measure(self._networks, network, cost_at(network, network.resolution).macs)
            if known is None:
                return math.inf
            timing_cache.keep(path, known)
        return _undisturbed(known.timings[0])

    def _measure(self, networks: CompiledNetworks, network: Network, macs: int) -> Calibration | None:
        from scaling_search.training.outcome import OutOfMemory

        available = provenance.available_memory()
        if available is not None and networks.estimated_memory(network) > available:
            return None
        self._say(f"timing a step: {network.name}, {network.resolution} px, {macs / 1e6:.4g} M MACs")
        try:
            timing = networks.timing(network, macs)
        except OutOfMemory:
            return None
        if timing.step_seconds > _STEADY * _undisturbed(timing):
            self._say(
                f"unsteady: {duration(_undisturbed(timing))} to {duration(timing.step_seconds)} a step; other work on "
                "this machine spoils a choice by time"
            )
        return Calibration(
            device=provenance.device(), platform=networks.platform, memory_bytes=available, timings=(timing,)
        )


def _undisturbed(timing: Timing) -> float:
    return timing.fastest_step_seconds or timing.step_seconds
