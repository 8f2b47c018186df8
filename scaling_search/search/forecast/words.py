"""A forecast in words."""

from __future__ import annotations

from collections.abc import Sequence

from scaling_search.report.figures import are, duration, size
from scaling_search.search.forecast.model import Forecast, shared
from scaling_search.system import machine


def sentences(found: Forecast, workers: int = 1) -> list[str]:
    """Time and memory in words; `workers`: how many train at the same time."""
    low, high = min(found.trial_seconds), max(found.trial_seconds)
    left = "nothing is left to train"
    if found.missing:
        trials = are(found.missing, "trial")
        part = (
            f" ({duration(found.screening_seconds)} of it for screening)" if found.screening_seconds else ""
        )
        left = (
            f"{trials} still to train, about {duration(found.total_seconds)} ({duration(found.low_seconds)} to "
            f"{duration(found.high_seconds)}){part}"
        )
    spread = duration(low) if duration(low) == duration(high) else f"{duration(low)} to {duration(high)}"
    time = (
        f"Time, by {found.source} ({found.device}): {spread} a trial and {duration(found.compile_seconds)} to compile "
        f"a network; {left}.{_busy()}"
    )
    if workers > 1 and found.missing:
        time += f" The {workers} workers share it: about {duration(shared(found, workers))} for all."
    return [time, memory_sentence(found.memory_bytes, found.available_bytes)]


def _busy() -> str:
    """That other work on the machine makes all of it uncertain."""
    load, cores = machine.load(), machine.cores()
    if load is None or load <= cores:
        return ""
    return f" The machine is busy (load {load:.1f} on {cores} cores): hence the wide interval."


def memory_sentence(needed: Sequence[int], available: int | None) -> str:
    """Memory in words, with a warning where it is not enough."""
    low, high = size(min(needed)), size(max(needed))
    said = f"Memory: a trial takes about {low if low == high else f'{low} to {high}'} (estimated)"
    if available is None:
        return f"{said}."
    over = sum(one > available for one in needed)
    short = f": too little for {over} of {len(needed)} networks" if over else ""
    return f"{said}; {size(available)} are available{short}."
