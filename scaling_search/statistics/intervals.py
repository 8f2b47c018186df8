"""Accuracies and differences with intervals for new images and new seeds; the winner's corrected for its choice.

The winner of a search has the best mean partly by chance (the winner's curse), so its plain interval lies too high and
holds the truth too rarely. Its limits therefore come from the least favourable case, that all candidates in the
confidence set are equally good: then the winner's error is the largest of theirs.
    accuracy:    mean[w] − q.975 of max over the set of other[j] (own[w] for w)   …   mean[w] + q.975 of own[w]
    difference:  mean[j] − mean[w] − q.95|own[w] − other[j]|   …   mean[j] − mean[w] + the larger of that and
                 e[w,j]·q.975 of (other[w*] − other[k])/e[w*,k] over k, w* the best of a draw, both within the set
Draws, σ and e are those of `multiple_comparisons`; an accuracy by itself also varies with what a seed does to all
candidates alike, which cancels out of differences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri

from scaling_search.statistics.collapse import CollapseRate, collapse_rate, collapsed, judged, with_collapses
from scaling_search.statistics.draws import drawn, usual_draws, variances
from scaling_search.statistics.multiple_comparisons import LEVEL, BehindTheBest, few_groups, quantile
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import noise

_Drawn = Float[np.ndarray, " draws"]
IMAGES = "images"
IMAGES_AND_SEEDS = "images and seeds"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval; NaN limits where none can be given (fewer than ten groups of images).

    sd: sample standard deviation over the seeds, None with one seed; sources: the chance that the interval
    covers, `IMAGES` where nothing could be learnt about seeds, `IMAGES_AND_SEEDS` otherwise.
    """

    value: float
    low: float
    high: float
    standard_error: float
    sd: float | None
    seeds: int
    sources: str


@dataclass(frozen=True, kw_only=True)
class Winner:
    """What a search says of the candidate that it names.

    accuracy: its mean, with an interval that holds although it was chosen; expected: the same where a training may
    collapse, None where none did; differences: each candidate minus the winner, by name; collapses: of all trials.
    """

    name: str
    accuracy: Estimate
    expected: Estimate | None
    differences: dict[str, Estimate]
    collapses: CollapseRate


def accuracies(
    scores: Scores, *, level: float = LEVEL, collapses: bool = False, draws: int | None = None
) -> tuple[Estimate, ...]:
    """Accuracy of each candidate by itself, over the seeds that did not collapse; the winner's: `winner`.

    collapses: of a training that may collapse, as often as those of all candidates together did.
    """
    flagged = collapsed(scores)
    kept = judged(scores, flagged)
    draws = draws or usual_draws(level, len(kept.names))
    errors = drawn(kept, noise(kept), draws=draws, seed=noise(kept).raw).own
    rate = _rate(scores, flagged, level) if collapses else None
    return tuple(_accuracy(kept, row, error, error, rate, level) for row, error in enumerate(errors.T))


def winner(
    scores: Scores, name: str, behind: BehindTheBest, *, level: float = LEVEL, draws: int | None = None
) -> Winner:
    """The figures of the candidate that was named, and of the others against it, corrected for its choice.

    behind: the comparison that named it, of some or all of the candidates in `scores`. A difference of one that may
    be the best always has 0 in its interval.
    """
    flagged = collapsed(scores)
    kept, row = judged(scores, flagged), scores.names.index(name)
    inside = np.array([other in behind.row and behind.inside[behind.row[other]] for other in scores.names])
    inside[row] = True
    draws = draws or usual_draws(level, len(kept.names))
    single = drawn(kept, noise(kept), draws=draws, seed=noise(kept).raw)
    own, errors = single.own[:, row], single.other[:, inside]
    largest = np.maximum(own, np.where(np.flatnonzero(inside) == row, -np.inf, errors).max(axis=1))
    rate = _rate(scores, flagged, level)
    return Winner(
        name=name,
        accuracy=_accuracy(kept, row, largest, own, None, level),
        expected=_accuracy(kept, row, largest, own, rate, level) if flagged.any() else None,
        differences=_differences(kept, row, inside, level, draws),
        collapses=rate,
    )


def difference(
    scores: Scores, name: str, other: str, *, level: float = LEVEL, draws: int | None = None
) -> Estimate:
    """`other` minus `name`, two that were not chosen by these scores: paired over seeds and images.

    >>> rng = np.random.default_rng(0)
    >>> hard = rng.normal(0, 2.5, 2000)
    >>> bits = np.array([2.0, 3.4])[:, None, None] + hard + rng.normal(0, 1, (2, 3, 2000)) > 0
    >>> from scaling_search.statistics import gather
    >>> found = difference(gather({"a": dict(enumerate(bits[0])), "b": dict(enumerate(bits[1]))}), "a", "b")
    >>> 0 < found.low < found.value < found.high
    True
    """
    kept = judged(scores, collapsed(scores))
    row, column = kept.names.index(name), kept.names.index(other)
    found, chance = noise(kept), drawn(kept, noise(kept), draws=draws or usual_draws(level, len(kept.names)))
    value = float(found.means[column] - found.means[row])
    reach = quantile(np.abs(chance.own[:, column] - chance.own[:, row]), level)
    reach = math.nan if few_groups(kept) else reach
    variance = float(variances(kept, found, np.array([row]))[0, column])
    return _estimate(kept, value, value - reach, value + reach, variance, _gaps(kept, column, row))


def _accuracy(
    scores: Scores, row: int, below: _Drawn, above: _Drawn, rate: CollapseRate | None, level: float
) -> Estimate:
    """The mean, down to where chance may have added the draws `below`, up to where it may have taken those `above`.

    Within 0 … 1, and a width at 0 and 1 too: Wilson's interval at the effective number of images p(1−p)/V (Franco et
    al. 2019, J. Surv. Stat. Methodol. 7:334).
    """
    found, half, mean = noise(scores), (1 + level) / 2, float(scores.means[row])
    if few_groups(scores):
        low = high = math.nan
    elif rate is None:
        low = _wilson(mean, quantile(below, half), scores.images, level)[0]
        high = _wilson(mean, quantile(above, half), scores.images, level)[1]
    else:
        chance = scores.sample.chance or 0.0
        low = quantile(with_collapses(np.clip(mean - below, 0, 1), rate, chance), 1 - half)
        high = quantile(with_collapses(np.clip(mean + above, 0, 1), rate, chance), half)
    if rate is not None:
        mean += rate.value * ((scores.sample.chance or 0.0) - mean)
    variance = float((found.effects[row] ** 2).sum()) + found.raw.other_median[row] ** 2 / scores.counts[row]
    return _estimate(scores, mean, low, high, variance, scores.seed_means[row, scores.present[row]])


def _differences(
    scores: Scores, row: int, inside: Bool[np.ndarray, " K"], level: float, draws: int
) -> dict[str, Estimate]:
    """Each candidate minus the one in `row`."""
    found, count = noise(scores), len(scores.names)
    chance = drawn(scores, found, draws=draws)
    variance = variances(scores, found, np.arange(count))
    members = np.flatnonzero(inside)
    among = chance.other[:, members]
    best = among.argmax(axis=1)
    ratios = (among.max(axis=1)[:, None] - among) / np.sqrt(variance)[np.ix_(members, members)][best]
    least_favourable = quantile(ratios.max(axis=1), (1 + level) / 2)
    result = {}
    for other, name in enumerate(scores.names):
        value = float(found.means[other] - found.means[row])
        below = quantile(np.abs(chance.own[:, row] - chance.other[:, other]), level)
        above = max(below, math.sqrt(variance[row, other]) * least_favourable)
        low, high = value - below, value + above
        if inside[other]:
            low, high = min(low, 0.0), max(high, 0.0)
        if other == row:
            low = high = 0.0
        elif few_groups(scores):
            low = high = math.nan
        own = float(variance[row, other]) if other != row else 0.0
        result[name] = _estimate(scores, value, low, high, own, _gaps(scores, other, row))
    return result


def _gaps(scores: Scores, one: int, other: int) -> Float[np.ndarray, " S"]:
    """One candidate's accuracy minus another's, for each seed that both have."""
    both = scores.present[one] & scores.present[other]
    return np.asarray((scores.seed_means[one] - scores.seed_means[other])[both])


def _estimate(
    scores: Scores, value: float, low: float, high: float, variance: float, seeds: Float[np.ndarray, " S"]
) -> Estimate:
    return Estimate(
        value=value,
        low=low,
        high=high,
        standard_error=math.sqrt(variance),
        sd=float(seeds.std(ddof=1)) if len(seeds) > 1 else None,
        seeds=len(seeds),
        sources=IMAGES_AND_SEEDS if noise(scores).seed.known else IMAGES,
    )


def _wilson(mean: float, reach: float, images: int, level: float) -> tuple[float, float]:
    """Wilson's limits for a mean of which ± reach is the plain interval."""
    spread = mean * (1 - mean)
    shrink = reach**2 / spread if spread > 0 and reach > 0 else float(ndtri((1 + level) / 2)) ** 2 / images
    centre = (mean + shrink / 2) / (1 + shrink)
    half = math.sqrt(shrink * spread + shrink**2 / 4) / (1 + shrink)
    return max(0.0, centre - half), min(1.0, centre + half)


def _rate(scores: Scores, flagged: Bool[np.ndarray, "K S"], level: float) -> CollapseRate:
    return collapse_rate(int(flagged.sum()), int(scores.present.sum()), level=level)
