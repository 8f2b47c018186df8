"""Candidates of equal cost: resolutions moved until the real MACs are what phi asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.errors import InputError

# Real MACs of a network at a resolution.
MacsAt = Callable[[Network, int], int]


@dataclass(frozen=True, kw_only=True)
class Match:
    """`resolution` is None where no resolution brings the network in; `reason` says why."""

    resolution: int | None
    reason: str | None


def nearest_resolution(
    network: Network, *, target: float, tolerance: float, lowest: int, step: int, macs_at: MacsAt
) -> Match:
    """The resolution nearest to the network's own with |macs / target - 1| <= tolerance, not under `lowest`.

    MACs never fall as the resolution rises (every map side is a non-decreasing function of it), so the first
    resolution inside is found by bisection from the side the network stands on.
    """
    low, high = target * (1 - tolerance), target * (1 + tolerance)

    def macs(resolution: int) -> float:
        try:
            return macs_at(network, resolution)
        except InputError:
            return 0.0  # too small for the strides: as cheap as can be

    start = network.resolution
    here = macs(start)
    if low <= here <= high:
        return Match(resolution=start, reason=None)
    if here < low:
        found = _first(lambda pixels: macs(pixels) >= low, start, 8192, step)
        inside = found is not None and macs(found) <= high
    else:
        # Downwards: the largest resolution that is not above the band.
        found = _last(lambda pixels: macs(pixels) <= high, lowest, start, step)
        inside = found is not None and macs(found) >= low
    if found is not None and inside:
        return Match(resolution=found, reason=f"resolution moved from {start} to {found} px")
    if found is None:
        ratio = macs(lowest) / target
        return Match(
            resolution=None,
            reason=f"costs {ratio:.2f} x the target even at the base's {lowest} px: too deep or wide",
        )
    return Match(
        resolution=None,
        reason=f"one step of resolution near {found} px jumps over the band around the target",
    )


def _first(true_from: Callable[[int], bool], start: int, end: int, step: int) -> int | None:
    """Smallest start + k*step <= end where the monotone predicate holds."""
    low, high = 1, (end - start) // step
    if high < 1 or not true_from(start + high * step):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if true_from(start + middle * step) else (middle + 1, high)
    return start + low * step


def _last(true_until: Callable[[int], bool], lowest: int, start: int, step: int) -> int | None:
    """Largest start - k*step >= lowest where the predicate, true below and false above, holds."""
    low, high = 1, (start - lowest) // step
    if high < 1 or not true_until(start - high * step):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if true_until(start - middle * step) else (middle + 1, high)
    return start - low * step
