"""A picture as data: panels of series of points, drawn by the formats that can."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Look = Literal["family", "test", "grid", "published"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """``x`` > 0 on a logarithmic axis; ``low`` and ``high`` bound ``y`` where an interval is known."""

    x: float
    y: float
    label: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points of one kind; ``look`` picks marker and colour, ``line`` joins the points in order."""

    name: str
    look: Look
    points: tuple[Point, ...]
    line: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One pair of axes. Panels do not share a y axis: figures on two data sets are not comparable."""

    title: str
    series: tuple[Series, ...]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Panels side by side: x logarithmic (a count), y in per cent."""

    title: str
    x_title: str
    y_title: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...] = ()


def linear_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 × 10^k that cover [low, high].

    >>> linear_ticks(91.3, 97.2)
    (91.0, 92.0, 93.0, 94.0, 95.0, 96.0, 97.0, 98.0)
    """
    span = high - low
    if not span > 0:
        low, high, span = low - 0.5, high + 0.5, 1.0
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda factor: abs(math.log(factor * power / rough)))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(i * step, 10) for i in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers that cover [low, high]: 1 to 9 × 10^k, fewer per decade the more decades there are.

    >>> log_ticks(2.1e6, 3.9e6), log_ticks(2.1e6, 3.9e7)
    ((2000000.0, 3000000.0, 4000000.0), (2000000.0, 5000000.0, 10000000.0, 20000000.0, 50000000.0))
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors: Sequence[int] = range(1, 10) if high < 5 * low else (1, 2, 5) if high < 1e4 * low else (1,)
    ticks = [factor * 10.0**power for power in range(first, last + 2) for factor in factors]
    start = max(tick for tick in ticks if tick <= low * (1 + 1e-9))
    stop = min(tick for tick in ticks if tick >= high * (1 - 1e-9) and tick > start)
    return tuple(tick for tick in ticks if start <= tick <= stop)
