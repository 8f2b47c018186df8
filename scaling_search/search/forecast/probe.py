"""Measuring how fast the networks of a plan are here, and remembering it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.search.forecast import model, timing_cache
from scaling_search.search.forecast.model import Basis, wanted
from scaling_search.search.forecast.timing_cache import Calibration
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import Planned, base_of
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import provenance
from scaling_search.search.trial.setup import of

if TYPE_CHECKING:
    # `plan` must not load what compiles, unless it measures.
    from scaling_search.search.trial.compiled_networks import CompiledNetworks


# Below this ratio of MACs a line through two networks says more of their shapes than of their sizes.
_APART = 1.5


def probes(planned: Planned) -> list[Candidate]:
    """The networks to time: the cheapest and the most expensive, or the first to train where all cost about the same.

    All of them will be trained by `grid`, so nothing is compiled in vain, and the first trial waits for no compiler.
    """
    in_order = wanted(planned)
    networks = sorted(in_order, key=lambda row: row.cost.macs)
    if networks[-1].cost.macs < _APART * networks[0].cost.macs:
        return in_order[:1]
    return [networks[0], networks[-1]]


def open_compiled_networks(study: Study) -> CompiledNetworks:
    """Where networks of a study can be timed without a ledger."""
    from scaling_search.search.trial.compiled_networks import CompiledNetworks
    from scaling_search.training.cache import enable_cache

    dataset = of(study)
    enable_cache()
    return CompiledNetworks(dataset=dataset, recipe=study.resolved_recipe(), should_stop=lambda: False)


def measure(planned: Planned, compiled: CompiledNetworks, say: Callable[[str], None]) -> Calibration:
    """Times the probes on this device and remembers it. Errors: OutOfMemory, TrainingStopped."""
    timings, timed = [], probes(planned)
    for row in timed:
        say(f"measuring: compiling {row.network.name} {row.triple} and timing a few steps")
        timings.append(compiled.timing(row.network, row.cost.macs))
    block = min(compiled.block, planned.study.grid.seeds)
    found = Calibration(
        device=provenance.device(),
        platform=compiled.platform,
        memory_bytes=None if compiled.platform == "cpu" else provenance.available_memory(),
        timings=tuple(timings),
        block=block,
        gain=max(1.0, compiled.gain(timed[0].network, block)) if block > 1 else 1.0,
    )
    timing_cache.keep(_place(planned), found)
    return found


def remembered(planned: Planned) -> Calibration | None:
    """What was measured here before for this study, if anything."""
    return timing_cache.read(_place(planned))


def basis(planned: Planned, found: Calibration) -> Basis:
    """A measurement as a basis of forecasts."""
    validation = round(planned.info.train_count * planned.study.dataset.validation)
    return model.from_calibration(
        planned.study.resolved_recipe(),
        found,
        train=planned.info.train_count - validation,
        validation=validation,
    )


def _place(planned: Planned) -> Path:
    return timing_cache.place(planned.study, base_of(planned.study), planned.info)
