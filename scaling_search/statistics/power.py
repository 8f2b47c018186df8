"""How many seeds a wanted difference needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from scaling_search.statistics.paired_differences import compare
from scaling_search.statistics.scores import Scores

MOST_SEEDS = 1000


@dataclass(frozen=True, kw_only=True)
class Power:
    """seeds: how many each candidate needs, None when no number of seeds is enough; images: how many
    validation images are needed then, None when seeds do; power: reached with `seeds`; smallest: the
    difference that endless seeds could show with the images there are.
    """

    seeds: int | None
    images: int | None
    power: float | None
    smallest: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Noise as trials show it, in the terms of `seeds_needed`."""

    noise_sd: float
    disagreement: float


def measured(scores: Scores) -> Measured | None:
    """Noise of the candidates trained so far; None while no candidate has two seeds."""
    comparison = compare(scores)
    if not comparison.noise.degrees or comparison.noise.raw == 0:
        return None
    pairs = comparison.image[np.triu_indices(len(scores.names), 1)]
    seeds = comparison.common[np.triu_indices(len(scores.names), 1)]
    lasting = pairs - 2 * comparison.noise.flips / seeds
    return Measured(
        noise_sd=math.sqrt(comparison.noise.raw),
        disagreement=max(0.0, float(np.nanmedian(lasting))) * scores.images,
    )


def seeds_needed(
    difference: float,
    *,
    noise_sd: float,
    candidates: int,
    images: int,
    disagreement: float = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> Power:
    """Seeds per candidate to eliminate, with probability `power`, one that is `difference` behind the best.

    difference: in accuracy (0.005 is half a point); noise_sd: standard deviation over seeds of one
    candidate's accuracy; images: validation images; disagreement: variance over images of the difference
    between two candidates that seeds do not explain (0 when unknown: images are then taken to agree).
    The paired difference has variance 2·noise_sd²/S + disagreement/n; its one-sided t test at (1 − level)
    split over the candidates − 1 rivals (Bonferroni) has noise pooled on (candidates − 1)(S − 1) degrees of
    freedom. Power is that of the noncentral t distribution (Cohen 1988, Statistical Power Analysis, ch. 2).
    Raises ValueError for a difference or noise that is not positive.
    """
    if difference <= 0 or noise_sd <= 0 or candidates < 2:
        raise ValueError("power needs a positive difference and noise, and at least 2 candidates")
    reached = partial(_reached, difference, noise_sd=noise_sd, candidates=candidates, level=level)
    floor = disagreement / images
    smallest = _detectable(math.sqrt(floor), candidates=candidates, power=power, level=level)
    low, high = 2, 2
    while reached(high, floor) < power:
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            most = reached(MOST_SEEDS, 0.0) >= power
            wanted = math.ceil(images * (smallest / difference) ** 2) if most and smallest > 0 else None
            return Power(seeds=None, images=wanted, power=None, smallest=smallest)
    while low < high:
        middle = (low + high) // 2
        if reached(middle, floor) < power:
            low = middle + 1
        else:
            high = middle
    return Power(seeds=high, images=None, power=reached(high, floor), smallest=smallest)


def _reached(
    difference: float, seeds: int, floor: float, *, noise_sd: float, candidates: int, level: float
) -> float:
    """Power of one rival's test with this many seeds."""
    from scipy.special import nctdtr, stdtrit

    degrees = float((candidates - 1) * (seeds - 1))
    error = math.sqrt(2 * noise_sd**2 / seeds + floor)
    critical = float(stdtrit(degrees, 1 - (1 - level) / (candidates - 1)))
    return float(1 - nctdtr(degrees, difference / error, critical))


def _detectable(error: float, *, candidates: int, power: float, level: float) -> float:
    from scipy.special import ndtri

    return error * float(ndtri(1 - (1 - level) / (candidates - 1)) + ndtri(power))
