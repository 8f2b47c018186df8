"""The rule before this one, for the ratio of widths: seed variance pooled over candidates, nothing corrected.

Accuracies' intervals solve mean over pivots of P(|N(0, image + seed²/S)| > h) = 5 % for h, seed² being a generalised
pivot (Weerahandi 1993) with the degrees of freedom of the pooled within-candidate variance.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, ndtri

from scaling_search.statistics.scores import Scores


def width(scores: Scores, row: int, *, level: float = 0.95) -> float:
    """Width of the interval of one candidate's accuracy; every candidate must have every seed."""
    count, seeds, images = scores.correct.shape
    image = float(scores.image_means[row].var(ddof=1)) / images
    degrees = count * (seeds - 1)
    within = scores.seed_means.var(axis=1, ddof=1).mean()
    flips = float((scores.image_means * (1 - scores.image_means)).mean()) * seeds / (seeds - 1)
    flips = (flips - within) / (images - 1)
    points = (np.arange(400) + 0.5) / 400
    seed = np.maximum(0.0, within * degrees / chdtri(degrees, points) - flips)
    deviations = np.sqrt(image + seed / seeds)
    found = brentq(
        lambda half: 2 * float(np.mean(ndtr(-half / deviations))) - (1 - level),
        0.5 * float(ndtri(0.975)) * np.sqrt(image),
        100 * float(deviations.max()),
    )
    return 2 * float(found)
