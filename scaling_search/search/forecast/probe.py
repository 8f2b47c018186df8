"""Measuring how fast the networks of a plan are here, and remembering it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from scaling_search.errors import ScalingSearchError
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.forecast import model, timing_cache
from scaling_search.search.forecast.model import Basis
from scaling_search.search.forecast.timing_cache import Calibration
from scaling_search.search.plan.builds import Build
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.trial.trial import Callback

if TYPE_CHECKING:
    # `plan` must not load what compiles, unless it measures.
    from scaling_search.search.trial.trial import Networks

# Below this ratio of MACs a line through two networks says more of their shapes than of their sizes.
_APART = 1.5


def probes(builds: Sequence[Build]) -> list[Build]:
    """The networks to time: the cheapest and the most expensive, or the first to train where all cost about the same.

    All of them will be trained, so nothing is compiled in vain. With the base among them they are far enough apart to
    show what a step costs besides its MACs: without it a search of digits took 1.2 times what was forecast.
    """
    networks = sorted(builds, key=lambda row: row.cost.macs)
    if networks[-1].cost.macs < _APART * networks[0].cost.macs:
        return list(builds[:1])
    return [networks[0], networks[-1]]


def measure(
    space: SearchSpace,
    builds: Sequence[Build],
    networks: Networks,
    say: Callable[[str], None],
    *,
    seeds: int,
) -> Calibration:
    """Times the probes of `builds` on this device and remembers it. Errors: OutOfMemory, TrainingStopped."""
    timings, timed = [], probes(builds)
    for row in timed:
        say(f"measuring: compiling {row.network.name} {row.triple} and timing a few steps")
        timings.append(networks.timing(row.network, row.cost.macs))
    block = min(networks.block, seeds)
    found = Calibration(
        device=networks.device,
        platform=networks.platform,
        memory_bytes=None if networks.platform == "cpu" else networks.available_memory(),
        timings=tuple(timings),
        block=block,
        gain=max(1.0, networks.gain(timed[0].network, block)) if block > 1 else 1.0,
    )
    timing_cache.keep(timing_cache.path_of(space, space.base), found)
    return found


def remembered(space: SearchSpace) -> Calibration | None:
    """What was measured here before for this study, if anything."""
    return timing_cache.read(timing_cache.path_of(space, space.base))


def known_or_measured(
    space: SearchSpace,
    builds: Sequence[Build],
    networks: Networks,
    rows: Sequence[TrialRow],
    callback: Callback,
) -> Basis | None:
    """What is known of speed here: from `rows`, trials of the recipe and the data, from the cache, or measured now.

    None where that cannot be. Errors: TrainingStopped, and those of a study that cannot be trained at all.
    """
    from scaling_search.training.outcome import OutOfMemory, TrainingStopped

    found = model.from_ledger(space.recipe, rows, device=networks.device)
    if found is not None:
        return found
    known = remembered(space)
    if known is None or known.device != networks.device:
        try:
            known = measure(space, builds, networks, callback.note, seeds=space.study.grid.seeds)
        except OutOfMemory:
            return None  # its trial will fail, and be recorded with the reason
        except (TrainingStopped, ScalingSearchError):
            raise
        except Exception as error:
            callback.say(f"no forecast: {type(error).__name__}: {error}")
            return None
    return basis(space, known)


def basis(space: SearchSpace, found: Calibration) -> Basis:
    """A measurement as a basis of forecasts."""
    validation = round(space.info.train_count * space.study.dataset.validation)
    return model.from_calibration(
        space.recipe, found, train=space.info.train_count - validation, validation=validation
    )
