"""Candidates of equal cost: resolutions moved until the real cost is what phi asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scaling_search.errors import InputError

# What the budget counts, of a network at this resolution.
AmountAt = Callable[[int], float]


@dataclass(frozen=True, kw_only=True)
class Match:
    """`resolution` is None where no resolution brings the network in; `reason` says why."""

    resolution: int | None
    reason: str | None


def nearest_resolution(
    start: int,
    *,
    target: float,
    tolerance: float,
    lowest: int,
    highest: int,
    step: int,
    amount_at: AmountAt,
) -> Match:
    """The resolution nearest to `start` with |amount / target - 1| <= tolerance, from `lowest` to `highest`.

    No cost falls as the resolution rises (every map side is a non-decreasing function of it), so the first resolution
    inside is found by bisection from the side the network stands on. A timed cost may waver: then what is found is
    inside, but perhaps not the nearest.
    """
    low, high = target * (1 - tolerance), target * (1 + tolerance)

    def amount(resolution: int) -> float:
        try:
            return amount_at(resolution)
        except InputError:
            return 0.0  # too small for the strides: as cheap as can be

    here = amount(start)
    if low <= here <= high:
        return Match(resolution=start, reason=None)
    up = here < low
    end = highest if up else lowest
    steps = _fewest(
        lambda count: amount(start + count * step) >= low if up else amount(start - count * step) <= high,
        most=(end - start if up else start - end) // step,
    )
    if steps is None:
        return Match(resolution=None, reason=_out_of_reach(amount, start, end, target))
    found = start + steps * step if up else start - steps * step
    if low <= amount(found) <= high:
        return Match(resolution=found, reason=f"resolution adjusted from {start} to {found} px")
    return Match(
        resolution=None,
        reason=f"one step of resolution near {found} px jumps over the band around the target",
    )


def _out_of_reach(amount: AmountAt, start: int, end: int, target: float) -> str:
    last = amount(end)
    if end != start and last == amount(start):
        return f"{last / target:.2f} x the target, and no resolution changes that"
    if end > start:
        return f"only {last / target:.2f} x the target even at {end} px: too shallow and narrow"
    return f"costs {last / target:.2f} x the target even at the base's {end} px: too deep or wide"


def _fewest(true_from: Callable[[int], bool], *, most: int) -> int | None:
    """Smallest count from 1 to `most` where the predicate, false below and true from there on, holds.

    In steps that double, then by bisection between the last two: what is far away and expensive is not looked at.
    """
    low, high = 1, 1
    while high <= most and not true_from(high):
        low, high = high + 1, high * 2
    if high > most:
        high = most
        if low > high or not true_from(high):
            return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if true_from(middle) else (middle + 1, high)
    return low
