"""How many seeds a wanted difference needs, and what the images there are can show with any number of them."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int
from scipy.special import nctdtr, ndtri, stdtrit

from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import noise

MOST_SEEDS = 1000
POWER = 0.8


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
    """Noise of a typical pair of the candidates trained so far; None while no candidate has two seeds."""
    found = noise(scores)
    if not found.seed.known:
        return None
    typical = float(np.median(found.scatter))
    if typical == 0:
        return None
    lasting = lasting_variances(scores, np.arange(len(scores.names)))
    return Measured(
        noise_sd=math.sqrt(typical),
        disagreement=float(np.median(lasting)) * scores.images if len(lasting) else 0.0,
    )


def lasting_variances(scores: Scores, rows: Int[np.ndarray, " R"]) -> Float[np.ndarray, " pairs"]:
    """Variance of each pair's difference that images leave however many seeds there are; never negative."""
    found = noise(scores)
    effects, flips = found.effects[rows], (found.flips / scores.counts)[rows]
    own = (effects**2).sum(axis=1) - flips
    pairs = own[:, None] + own - 2 * effects @ effects.T
    return np.asarray(np.maximum(pairs[np.triu_indices(len(rows), 1)], 0.0))


def seeds_needed(
    difference: float,
    *,
    noise_sd: float,
    candidates: int,
    images: int,
    disagreement: float = 0.0,
    power: float = POWER,
    level: float = 0.95,
) -> Power:
    """Seeds per candidate to eliminate, with probability `power`, one that is `difference` behind the best.

    As many show that one that is equally good is at most `difference` behind. difference: in accuracy (0.005 is half a
    point); noise_sd: standard deviation over seeds of one candidate's accuracy; images: validation images;
    disagreement: variance over images of the difference between two candidates that seeds do not explain (0 when
    unknown: images are then taken to agree).
    The paired difference has variance 2·noise_sd²/S + disagreement/n; its one-sided t test at (1 − level)
    split over the candidates − 1 others (Bonferroni) has noise pooled on (candidates − 1)(S − 1) degrees of
    freedom. Power is that of the noncentral t distribution (Cohen 1988, Statistical Power Analysis, ch. 2).
    Raises ValueError for a difference or noise that is not positive.
    """
    if difference <= 0 or noise_sd <= 0 or candidates < 2:
        raise ValueError("power needs a positive difference and noise, and at least 2 candidates")
    reached = partial(_reached, difference, noise_sd=noise_sd, candidates=candidates, level=level)
    floor = disagreement / images
    smallest = detectable(math.sqrt(floor), candidates=candidates, power=power, level=level)
    low, high = 2, 2
    while reached(high, floor) < power:
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            most = reached(MOST_SEEDS, 0.0) >= power
            wanted = math.ceil(images * (smallest / difference) ** 2) if most and smallest > 0 else None
            return Power(seeds=None, images=wanted, power=None, smallest=smallest)
    seeds = low + bisect_left(range(low, high), power, key=lambda number: reached(number, floor))
    return Power(seeds=seeds, images=None, power=reached(seeds, floor), smallest=smallest)


def detectable(error: float, *, candidates: int, power: float = POWER, level: float = 0.95) -> float:
    """The difference that a test with this standard error finds with probability `power`."""
    return error * float(ndtri(1 - (1 - level) / max(1, candidates - 1)) + ndtri(power))


def _reached(
    difference: float, seeds: int, floor: float, *, noise_sd: float, candidates: int, level: float
) -> float:
    """Power of one comparison with this many seeds."""
    degrees = float((candidates - 1) * (seeds - 1))
    error = math.sqrt(2 * noise_sd**2 / seeds + floor)
    critical = float(stdtrit(degrees, 1 - (1 - level) / (candidates - 1)))
    return float(1 - nctdtr(degrees, difference / error, critical))
