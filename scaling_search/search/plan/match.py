"""Networks of equal cost: the nearest step, up or down, at which a cost lies within a tolerance of its target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scaling_search.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Match:
    """`steps` is None where none brings the cost in; `reason` says why."""

    steps: int | None
    reason: str | None = None


def nearest(
    amount_at: Callable[[int], float],
    *,
    target: float,
    tolerance: float,
    down: int,
    up: int,
    say: Callable[[int], str],
) -> Match:
    """The number of steps nearest to 0, from -down to up, with |amount / target - 1| <= tolerance.

    No cost falls as the steps rise, so the first inside is found by bisection from the side on which the network
    stands. A timed cost may waver: then what is found is inside, but perhaps not the nearest. `say` names a step.
    """
    low, high = target * (1 - tolerance), target * (1 + tolerance)

    def amount(steps: int) -> float:
        try:
            return amount_at(steps)
        except InputError:
            return 0.0  # too small for the strides: as cheap as can be

    here = amount(0)
    if low <= here <= high:
        return Match(steps=0)
    sign, most = (1, up) if here < low else (-1, down)
    count = _fewest(
        lambda count: amount(count) >= low if sign > 0 else amount(-count) <= high,
        most=most,
    )
    if count is None:
        last = amount(sign * most)
        if last == here and most:
            return Match(
                steps=None, reason=f"{last / target:.2f} x the target, and no adjustment changes that"
            )
        if sign > 0:
            reason = f"only {last / target:.2f} x the target even at {say(most)}: too shallow and narrow"
        else:
            reason = f"costs {last / target:.2f} x the target even at {say(-most)}: too deep or wide"
        return Match(steps=None, reason=reason)
    if low <= amount(sign * count) <= high:
        return Match(steps=sign * count)
    return Match(
        steps=None, reason=f"one step near {say(sign * count)} jumps over the band around the target"
    )


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
