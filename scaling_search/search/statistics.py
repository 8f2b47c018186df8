"""Accuracies and paired differences, each with an interval. The model and its sources: `variance`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scaling_search.search.scores import Floats, Scores
from scaling_search.search.variance import (
    SeedNoise,
    accuracy_noise,
    compare,
    half_width,
    image_covariance,
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
    image = np.diag(image_covariance(scores))
    error = np.sqrt(image + share * noise.seed)
    half = half_width(image, share, noise, level=level)
    result = []
    for row, mean in enumerate(scores.means):
        low, high = _wilson(float(mean), float(error[row]), float(half[row]), scores.images, level)
        result.append(
            Estimate(
                value=float(mean),
                low=low,
                high=high,
                standard_error=float(error[row]),
                sd=_sd(scores.seed_means[row][scores.present[row]]),
                seeds=int(scores.counts[row]),
                sources=sources(noise),
            )
        )
    return tuple(result)


def differences(scores: Scores, leader: str, *, level: float = 0.95) -> tuple[Estimate | None, ...]:
    """Accuracy of each candidate minus the leader's, paired by seed and image, with an interval.

    None where a candidate shares no seed with the leader. The intervals are for one difference each; which
    candidates can be ruled out is for `confidence.confidence_set`, which corrects for their number.
    """
    comparison = compare(scores)
    column = scores.names.index(leader)
    half = half_width(
        comparison.image[:, column], 2 / comparison.common[:, column], comparison.noise, level=level
    )
    means, present, variance = scores.seed_means, scores.present, comparison.variance
    result: list[Estimate | None] = []
    for row in range(len(scores.names)):
        both = present[row] & present[column]
        if not both.any():
            result.append(None)
            continue
        value = float(comparison.difference[row, column])
        # The leader against itself is 0 for certain.
        certain = row == column
        result.append(
            Estimate(
                value=value,
                low=value if certain else value - float(half[row]),
                high=value if certain else value + float(half[row]),
                standard_error=0.0 if certain else math.sqrt(variance[row, column]),
                sd=_sd((means[row] - means[column])[both]),
                seeds=int(both.sum()),
                sources=sources(comparison.noise),
            )
        )
    return tuple(result)


def _wilson(mean: float, error: float, half: float, images: int, level: float) -> tuple[float, float]:
    """Wilson's limits for a mean whose variance is error² rather than that of n independent images."""
    from scipy.special import ndtri

    spread = mean * (1 - mean)
    quantile = half / error if error > 0 else float(ndtri(0.5 + level / 2))
    effective = spread / error**2 if error > 0 and spread > 0 else float(images)
    shrink = quantile**2 / effective
    centre = (mean + shrink / 2) / (1 + shrink)
    reach = quantile * math.sqrt(spread / effective + shrink / (4 * effective)) / (1 + shrink)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def sources(noise: SeedNoise) -> str:
    """The chance that an interval covers, in words."""
    return IMAGES_AND_SEEDS if noise.degrees else IMAGES


def _sd(values: Floats) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None
