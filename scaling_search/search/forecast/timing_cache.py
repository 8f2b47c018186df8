"""How fast this machine trains a study's networks: a short measurement, kept in the cache for the next plan.

Nothing here loads an accelerator library: `probe` measures.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.architecture.schema import digest
from scaling_search.errors import StorageError
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.trial import provenance
from scaling_search.search.trial.timing import Timing
from scaling_search.system.files import cache_folder, save


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was timed on a device. `memory_bytes`: what was free there, None where it does not say.

    block: seeds of a network that train before the next network does; gain: how many times faster they do than alone.
    """

    device: str
    platform: str  # cpu, gpu or tpu
    memory_bytes: int | None
    timings: tuple[Timing, ...]
    block: int = 1
    gain: float = 1.0


def path_of(space: SearchSpace, network: Network) -> Path:
    """The cache file for this machine, these versions, a network, and what of recipe and data decides how long a step
    takes (not the number of epochs, the rates or the seeds).
    """
    recipe, info = space.recipe, space.info
    decides = [
        provenance.speed_traits(),
        provenance.versions(),
        fingerprint(network),
        [recipe.optimizer, recipe.batch_size, recipe.ema_images is None, recipe.clip_norm is None],
        [recipe.crop_padding, recipe.flip],
        [info.name, info.train_count, space.study.dataset.validation],
    ]
    return cache_folder("timings") / f"{digest(json.dumps(decides))[:32]}.json"


def read(path: Path) -> Calibration | None:
    """What was measured before; None without it, or where the file is damaged: it can be measured again."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        timings = tuple(Timing(**timing) for timing in whole.pop("timings"))
        return Calibration(**whole, timings=timings) if timings else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def keep(path: Path, found: Calibration) -> None:
    """Writes what was measured, in place of an earlier measurement; a cache that cannot be written is no failure.

    The longest time to compile a network is kept: a later measurement may find its program in the cache of programs,
    which the other networks are not in.
    """
    before = read(path)
    known = {} if before is None else {timing.network: timing.compile_seconds for timing in before.timings}
    timings = tuple(
        replace(timing, compile_seconds=max(timing.compile_seconds, known.get(timing.network, 0.0)))
        for timing in found.timings
    )
    text = json.dumps(asdict(replace(found, timings=timings)), indent=1)
    with contextlib.suppress(StorageError):
        save(text, path)
