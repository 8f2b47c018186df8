"""How far chance moves an accuracy or a paired difference; seeds and images both count as chance.

Model, for candidate c, seed s and validation image i (a crossed random-effects layout):
    y[c,s,i] = accuracy[c] + seed[c,s] + image[c,i] + flip[c,s,i]
so the mean over S seeds and n images has the variance
    V = image²/n + seed²/S + flip²/(S·n).
The variance of the per-image means over n estimates the first and last terms together; the variance of the
per-seed means estimates seed² + flip²/n, and taking away the flips, which are in both, leaves an unbiased V.
With few seeds, seed² is pooled over candidates (after removing what a seed does to all of them alike), as
in any analysis of variance.

Sources: Cornfield & Tukey 1956 (Ann. Math. Stat. 27:907, expected mean squares of crossed layouts);
Owen 2007 (Ann. Appl. Stat. 1:386, why the cells of a crossed layout are not independent);
Bouthillier et al. 2021 (arXiv:2103.03098, seeds as a source of variance).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scaling_search.statistics.additive_model import Additive
from scaling_search.statistics.distributions import inverse_chi_square, normal_quantile, normal_tail
from scaling_search.statistics.scores import Floats, Scores

# Where the search for a half width ends: its relative precision, and the steps that no search has needed.
_LAST_STEP = 1e-5  # relative; what is left after it is about its square
_MOST_STEPS = 100


@dataclass(frozen=True, kw_only=True)
class SeedNoise:
    """Variance between the seed means of one candidate, pooled over candidates.

    raw: variance of a seed mean, flips included; flips: the part that a finite number of images causes;
    degrees: of freedom of `raw`; 0 when no candidate has two seeds, and then nothing is known about seeds.
    """

    raw: float
    flips: float
    degrees: float

    @property
    def seed(self) -> float:
        """The variance that more images would not remove; never negative."""
        return max(0.0, self.raw - self.flips)

    def pivots(self, chances: Floats) -> Floats:
        """Values of `seed` that the data leave possible, one per quantile in `chances`.

        raw·degrees/χ² − flips: the generalised pivotal quantity of Weerahandi 1993 (JASA 88:899). With few
        seeds `raw` may be small by chance; the pivot carries that doubt, a plugged-in estimate does not.
        """
        if not self.degrees:
            return np.zeros_like(chances)
        # Between its points a line is exact enough.
        raw = self.raw * np.interp(chances, *inverse_chi_square(self.degrees))
        return np.asarray(np.maximum(0.0, raw - self.flips))


@lru_cache(maxsize=1)  # asked for by every figure of a report
def difference_noise(scores: Scores) -> SeedNoise:
    """Seed noise of differences: what a seed does to all candidates alike is removed first.

    The two-way residuals of the seed means have mean square seed² + flip²/n on `degrees` degrees of freedom,
    the three-way residuals have mean square flip².
    """
    design = Additive.of(scores.present)
    degrees = int(scores.present.sum()) - design.rank
    if degrees <= 0:
        return SeedNoise(raw=0.0, flips=0.0, degrees=0.0)
    images, means = scores.images, scores.seed_means
    between = float(np.sum(means**2)) - design.explained(means.sum(axis=1), means.sum(axis=0))
    total = _sum_of_squares(scores.correct) - design.explained(scores.by_candidate, scores.by_seed)
    flips = max(0.0, total - images * between) / (degrees * (images - 1))
    return SeedNoise(raw=max(0.0, between) / degrees, flips=flips / images, degrees=float(degrees))


def accuracy_noise(scores: Scores) -> SeedNoise:
    """Seed noise of an accuracy by itself: what a seed does to all candidates alike counts too.

    The sum of squares within candidates is that of the two-way residuals plus that of the seeds; when a
    seed's common effect dominates, the degrees of freedom of Satterthwaite 1946 (Biometrics Bull. 2:110)
    fall to the number of seeds less one.
    """
    counts, images = scores.counts, scores.images
    replicates = int(np.sum(counts - 1))
    if replicates <= 0:
        return SeedNoise(raw=0.0, flips=0.0, degrees=0.0)
    means = scores.seed_means
    within = max(0.0, float(np.sum(means**2) - np.sum(means.sum(axis=1) ** 2 / counts)))
    explained = float(np.sum(np.sum(scores.by_candidate**2, axis=1) / counts))
    total = _sum_of_squares(scores.correct) - explained
    flips = max(0.0, total - images * within) / (replicates * (images - 1) * images)
    residual = difference_noise(scores)
    parts = [
        (residual.raw * residual.degrees, residual.degrees),
        (max(0.0, within - residual.raw * residual.degrees), replicates - residual.degrees),
    ]
    spread = sum(square**2 / degrees for square, degrees in parts if degrees)
    degrees = within**2 / spread if spread else float(replicates)
    return SeedNoise(raw=within / replicates, flips=flips, degrees=degrees)


@lru_cache(maxsize=1)  # for the differences, and for what chance makes of them
def image_effects(scores: Scores) -> NDArray[np.float32]:
    """`centred` image means, each candidate's over its own seeds."""
    return centred(scores.image_means)


def centred(per_image: np.ndarray) -> NDArray[np.float32]:
    """(mean[c, i] − mean[c]) / √(n·(n − 1)) of per-image means (K, n).

    The products of two rows add up to the covariance, over n, that the choice of images gives to two accuracies.
    """
    images = per_image.shape[1]
    gaps: NDArray[np.float32] = (per_image - per_image.mean(axis=1, keepdims=True)).astype(np.float32)
    gaps /= np.float32(math.sqrt(images * (images - 1)))
    return gaps


def image_variance(scores: Scores) -> Floats:
    """Variance (K,) that the choice of images gives to the accuracies, each over its own seeds."""
    return np.asarray(scores.image_means.var(axis=1, ddof=1) / scores.images)


def half_width(image: Floats, share: Floats, noise: SeedNoise, *, level: float) -> Floats:
    """Half the width of the interval around an estimate with variance image + share·seed².

    Solves mean over pivots of P(|N(0, image + share·seed²)| > h) = 1 − level for h: Student's t when seeds
    are all that varies, normal when images are. `image` and `share` have one shape, h has the same. The left side
    falls and is convex, so Newton's steps, after the first, rise to the solution and never pass it. They begin at the
    half width that the estimate of seed² itself would give, and never go below the one without seeds.
    """
    nodes, weights = np.polynomial.legendre.leggauss(80)
    pivots = noise.pivots((1 + nodes) / 2)
    deviations = np.sqrt(np.maximum(image[..., None] + share[..., None] * pivots, 1e-300))
    quantile = normal_quantile((1 + level) / 2)
    least, half = quantile * np.sqrt(image), quantile * np.sqrt(image + share * noise.seed)
    for _ in range(_MOST_STEPS):
        units = half[..., None] / deviations
        outside = normal_tail(units) @ weights
        falls = (np.exp(-(units**2) / 2) / deviations) @ weights / math.sqrt(2 * math.pi)
        step = (outside - (1 - level)) / falls
        half = np.maximum(half + step, least)
        if not np.any(np.abs(step) > _LAST_STEP * half):
            break
    return np.asarray(half)


def _sum_of_squares(values: np.ndarray) -> float:
    if values.dtype == np.bool_:
        return float(np.count_nonzero(values))
    return float(np.sum(values**2, dtype=np.float64))
