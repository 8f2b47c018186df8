"""Accuracies and paired differences, each with an interval. The model and its sources: `variance`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scaling_search.statistics.distributions import normal_quantile
from scaling_search.statistics.paired_differences import compare_with
from scaling_search.statistics.scores import Bits, Floats, Scores
from scaling_search.statistics.variance_components import (
    SeedNoise,
    accuracy_noise,
    half_width,
    image_variance,
)

IMAGES = "images"
IMAGES_AND_SEEDS = "images and seeds"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval.

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


def accuracies(scores: Scores, *, level: float = 0.95) -> tuple[Estimate, ...]:
    """Accuracy of each candidate with an interval for new images and new seeds.

    Wilson's interval at the effective number of images p(1−p)/V, so it stays within 0..1 and works at 0 and
    1 too. Source: Franco et al. 2019 (J. Surv. Stat. Methodol. 7:334); V and its quantile from `variance`.
    """
    noise = accuracy_noise(scores)
    share = 1 / scores.counts.astype(np.float64)
    image = image_variance(scores)
    error = np.sqrt(image + share * noise.seed)
    half = half_width(image, share, noise, level=level)
    sds, seeds = _sds(scores.seed_means, scores.present), scores.counts.tolist()
    result = []
    for row, (mean, deviation, reach) in enumerate(
        zip(scores.means.tolist(), error.tolist(), half.tolist(), strict=True)
    ):
        low, high = _wilson(mean, deviation, reach, scores.images, level)
        result.append(
            Estimate(
                value=mean,
                low=low,
                high=high,
                standard_error=deviation,
                sd=sds[row],
                seeds=seeds[row],
                sources=sources(noise),
            )
        )
    return tuple(result)


def differences(scores: Scores, leader: str, *, level: float = 0.95) -> tuple[Estimate | None, ...]:
    """Accuracy of each candidate minus the leader's, paired by seed and image, with an interval.

    None where a candidate shares no seed with the leader. The intervals are for one difference each; which
    candidates can be eliminated is for `confidence.confidence_set`, which corrects for their number.
    """
    first = scores.names.index(leader)
    comparison = compare_with(scores, first)
    half = half_width(comparison.image, 2 / comparison.common, comparison.noise, level=level)
    errors = np.sqrt(comparison.variance)
    # The leader against itself is 0 for certain.
    half[first] = errors[first] = 0.0
    both = scores.present & scores.present[first]
    sds, seeds = _sds(scores.seed_means - scores.seed_means[first], both), both.sum(axis=1).tolist()
    result = []
    for row, (value, reach, error) in enumerate(
        zip(comparison.difference.tolist(), half.tolist(), errors.tolist(), strict=True)
    ):
        estimate = Estimate(
            value=value,
            low=value - reach,
            high=value + reach,
            standard_error=error,
            sd=sds[row],
            seeds=seeds[row],
            sources=sources(comparison.noise),
        )
        result.append(estimate if seeds[row] else None)
    return tuple(result)


def _wilson(mean: float, error: float, half: float, images: int, level: float) -> tuple[float, float]:
    """Wilson's limits for a mean whose variance is error² rather than that of n independent images."""
    spread = mean * (1 - mean)
    quantile = half / error if error > 0 else normal_quantile(0.5 + level / 2)
    effective = spread / error**2 if error > 0 and spread > 0 else float(images)
    shrink = quantile**2 / effective
    centre = (mean + shrink / 2) / (1 + shrink)
    reach = quantile * math.sqrt(spread / effective + shrink / (4 * effective)) / (1 + shrink)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def sources(noise: SeedNoise) -> str:
    """The chance that an interval covers, in words."""
    return IMAGES_AND_SEEDS if noise.degrees else IMAGES


def _sds(values: Floats, cells: Bits) -> list[float | None]:
    """Sample standard deviations over the cells of each row; None for fewer than two."""
    several = cells.sum(axis=1) > 1
    found = iter(values[several].std(axis=1, ddof=1, where=cells[several]).tolist())
    return [next(found) if enough else None for enough in several.tolist()]
