"""Predictions along a family whose truth is known: a power law, and families that flatten."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from benchmarks.validate.operating_characteristics import FIGURES, Row
from scaling_search.statistics.power_law import Point, law, predict

SD, SEEDS = 0.004, 3
MEMBERS = (2, 3, 4)
TRUTHS: dict[str, float] = {
    "a power law, next member": math.inf,
    "flat from φ = 2, next member": 2.0,
    "flat from φ = 1.5, next member": 1.5,
}


def examine(name: str, *, searches: int, first: int = 0) -> Row:
    """Families of 2, 3 and 4 members of φ = 0, 1, …, three seeds each; the next member is predicted."""
    held, widths, before = [], [], []
    for search in range(first, first + searches):
        generator = np.random.default_rng((search, 8))
        members = MEMBERS[search % len(MEMBERS)]
        truth = _family(generator, TRUTHS[name])
        seen = [truth(phi) + SD * generator.standard_normal(SEEDS) for phi in range(members)]
        points = [
            Point(
                macs=2.0**phi,
                accuracy=float(marks.mean()),
                error=float(marks.std(ddof=1)) / math.sqrt(SEEDS),
                seeds=SEEDS,
            )
            for phi, marks in enumerate(seen)
        ]
        (said,) = predict(points, [2.0**members])
        got = truth(members) + SD * float(generator.standard_normal(SEEDS).mean())
        held.append(said.holds(got))
        widths.append(said.high - said.low)
        _, low, high = law(points, 2.0**members)
        before.append(high - low)
    found: dict[str, float | None] = dict.fromkeys(FIGURES)
    found |= {
        "prediction_coverage": float(np.mean(held)),
        "width_ratio": float(np.median(widths) / np.median(before)),
    }
    return Row(
        name=name, candidates=1, seeds=SEEDS, searches=searches, figures=found, spread=dict.fromkeys(found)
    )


def _family(generator: np.random.Generator, flat_from: float) -> Callable[[float], float]:
    floor, excess, slope = generator.uniform((0.02, 0.08, 0.15), (0.1, 0.25, 0.5))
    return lambda phi: float(1 - floor - excess * 2 ** (-slope * min(phi, flat_from)))


def limits(name: str) -> dict[str, float]:
    """What must hold."""
    return {"prediction_coverage": 0.93} | ({"width_ratio": 1.6} if math.isinf(TRUTHS[name]) else {})
