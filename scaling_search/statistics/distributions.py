"""Tails of the distributions that a report needs, from `math` and NumPy alone.

SciPy has them all, and is what they are tested against; but importing scipy.special takes longer than every figure of a
report together. Numbers in brackets are sections of the NIST Digital Library of Mathematical Functions.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from scaling_search.statistics.scores import Floats

_PRECISION = 1e-14
_MOST_TERMS = 100_000
_MOST_STEPS = 100
_MANY_DEGREES = 100
_erfc = np.frompyfunc(math.erfc, 1, 1)


def normal_quantile(chance: float) -> float:
    """x with P(Z ≤ x) = chance.

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    return NormalDist().inv_cdf(chance)


def normal_tail(x: Floats) -> Floats:
    """P(Z > x), to full relative precision."""
    return np.asarray(_erfc(x * math.sqrt(0.5)), np.float64) / 2


def f_tail(ratio: float, upper: float, lower: float) -> float:
    """P(F > ratio) with `upper` and `lower` degrees of freedom [8.17]."""
    total = lower + upper * ratio
    return beta(lower / total, lower / 2, upper / 2, upper * ratio / total)


def binomial_tail(least: int, trials: int, chance: float) -> float:
    """P(at least so many successes) [8.17.5].

    >>> binomial_tail(1, 2, 0.5)
    0.75
    """
    return 1.0 if least <= 0 else beta(chance, least, trials - least + 1)


def beta(x: float, a: float, b: float, rest: float | None = None) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction [8.17.22] where that is quick.

    `rest` is 1 − x where it is known to more digits than x leaves of it.
    """
    if x > (a + 1) / (a + b + 2):
        return 1 - beta(1 - x if rest is None else rest, b, a)
    if x <= 0:
        return 0.0
    front = math.exp(
        a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a + 1) - math.lgamma(b)
    )
    # Lentz's algorithm: the fraction 1/(1 + d1/(1 + d2/(1 + …))) from the front.
    fraction, c, d = 1.0, 1.0, 0.0
    for m in range(_MOST_TERMS):
        for step in (
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
            (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2)),
        ):
            d, c = 1 / (1 + step * d), 1 + step / c
            fraction *= c * d
        if abs(c * d - 1) < _PRECISION:
            break
    return front / fraction


@lru_cache(maxsize=256)
def inverse_chi_square(degrees: float) -> tuple[Floats, Floats]:
    """Chances, close together near 0 and 1, and degrees/χ² at those quantiles."""
    points = (1 + np.cos(np.linspace(np.pi, 0, 400)[1:-1])) / 2
    z = np.array([NormalDist().inv_cdf(point) for point in points.tolist()])
    if degrees >= _MANY_DEGREES:
        return points, degrees / _expansion(z, degrees)
    # Wilson & Hilferty's cube (1931, PNAS 17:684) to begin with; Newton's steps, on the logarithm, do the rest.
    spread = 2 / (9 * degrees)
    half = degrees / 2 * np.maximum(1 - spread + z * math.sqrt(spread), 1e-2) ** 3
    for _ in range(_MOST_STEPS):
        below, density = _gamma(degrees / 2, half)
        step = (below - points) / (density * half)
        half = half * np.exp(-np.clip(step, -3, 3))
        if np.abs(step).max() < 1e-10:
            break
    return points, degrees / 2 / half


def _expansion(z: Floats, n: float) -> Floats:
    """χ² with n degrees of freedom where a normal is z, from n = 100 on to 3e-7.

    Source: Goldberg & Levine 1946 (Ann. Math. Stat. 17:216).
    """
    return np.asarray(
        n
        + z * math.sqrt(2 * n)
        + (z**2 - 1) * 2 / 3
        + (z**3 - 7 * z) / (9 * math.sqrt(2 * n))
        - (6 * z**4 + 14 * z**2 - 32) / (405 * n)
        + (9 * z**5 + 256 * z**3 - 433 * z) / (4860 * math.sqrt(2) * n**1.5)
        + (12 * z**6 - 243 * z**4 - 923 * z**2 + 1472) / (25515 * n**2)
        - (3753 * z**7 + 4353 * z**5 - 289517 * z**3 - 289717 * z) / (9185400 * math.sqrt(2) * n**2.5)
    )


def _gamma(a: float, x: Floats) -> tuple[Floats, Floats]:
    """The regularised incomplete gamma function P(a, x), by its series [8.11.4], and its derivative in x."""
    front = np.exp(a * np.log(x) - x - math.lgamma(a + 1))
    term, total = np.ones_like(x), np.ones_like(x)
    for n in range(1, _MOST_TERMS):
        term *= x / (a + n)
        total += term
        if np.all(term < _PRECISION * total):
            break
    return front * total, front * a / x
