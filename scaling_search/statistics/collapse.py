"""Seeds that collapsed: trainings that ended near chance while the others of their kind learned.

They say something of a candidate, but not how good it is when it trains: one seed at chance would widen every interval
of the search by tens of points. So they are flagged, the candidate is judged on its other seeds, and how often seeds
collapse is a figure of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import betaincinv

from scaling_search.statistics.scores import Scores

# Of the way from chance to the median accuracy.
_SHARE = 0.5
# A search that learned next to nothing has no trial that collapsed: what is below half is then noise.
_ERRORS = 5.0
# A candidate with so many cannot be named.
MOST = 1


@dataclass(frozen=True, kw_only=True)
class CollapseRate:
    """How often seeds collapse, with the exact interval of Clopper & Pearson 1934 (Biometrika 26:404)."""

    collapsed: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.collapsed / self.trials


def collapsed(scores: Scores) -> Bool[np.ndarray, "K S"]:
    """Trials below half of the way from chance to the median over all trials, by more than images explain.

    Nothing is flagged where the accuracy of chance is unknown.
    """
    chance = scores.sample.chance
    if chance is None:
        return np.zeros_like(scores.present)
    median = float(np.median(scores.seed_means[scores.present]))
    half = chance + _SHARE * (median - chance)
    weights = scores.sample.unit_weights(scores.images)
    error = math.sqrt(median * (1 - median) * float((weights**2).sum()))
    if half > median - _ERRORS * error:
        return np.zeros_like(scores.present)
    low: Bool[np.ndarray, "K S"] = scores.present & (scores.seed_means < half)
    return low


def judged(scores: Scores, flagged: Bool[np.ndarray, "K S"]) -> Scores:
    """The scores without the collapsed trials; a candidate that has no others keeps them: that is how good it is."""
    others = (scores.present & ~flagged).any(axis=1)
    return scores.without(flagged & others[:, None])


def collapse_rate(collapsed: int, trials: int, *, level: float = 0.95) -> CollapseRate:
    """The rate of `collapsed` of `trials`.

    >>> rate = collapse_rate(1, 10)
    >>> round(rate.low, 4), round(rate.high, 4)
    (0.0025, 0.445)
    """
    tail = (1 - level) / 2
    low = float(betaincinv(collapsed, trials - collapsed + 1, tail)) if collapsed else 0.0
    high = float(betaincinv(collapsed + 1, trials - collapsed, 1 - tail)) if collapsed < trials else 1.0
    return CollapseRate(collapsed=collapsed, trials=trials, low=low, high=high)


def with_collapses(
    accuracies: Float[np.ndarray, " draws"], rate: CollapseRate, chance: float
) -> Float[np.ndarray, " draws"]:
    """Draws of the accuracy of a training that may collapse: (1 − q)·a + q·chance, q ~ Beta(k + ½, N − k + ½)."""
    points = (np.arange(len(accuracies)) + 0.5) / len(accuracies)
    shares = betaincinv(rate.collapsed + 0.5, rate.trials - rate.collapsed + 0.5, points)
    drawn = np.random.default_rng(0).permutation(shares)
    return np.asarray((1 - drawn) * accuracies + drawn * chance)
