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

from scaling_search.search.additive import Additive
from scaling_search.search.scores import Bits, Floats, Marks, Scores
from scaling_search.search.tails import inverse_chi_square, normal_quantile, normal_tail

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
        seeds `raw` may be small by luck; the pivot carries that doubt, a plugged-in estimate does not.
        """
        if not self.degrees:
            return np.zeros_like(chances)
        # Between its points a line is exact enough.
        raw = self.raw * np.interp(chances, *inverse_chi_square(self.degrees))
        return np.asarray(np.maximum(0.0, raw - self.flips))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Every pair of candidates, shapes (K, K): entry [i, j] is candidate i minus candidate j. Or all minus one: (K,).

    difference: mean over the seeds that both have (NaN when none); image: its variance from images and
    flips; common: number of seeds that both have; noise: what seeds add.
    """

    difference: Floats
    image: Floats
    common: Floats
    noise: SeedNoise

    @property
    def variance(self) -> Floats:
        """Variance of the difference: two independent seed effects over the common seeds."""
        return np.asarray(self.image + 2 * self.noise.seed / self.common)


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


def compare(scores: Scores) -> Comparison:
    """All paired differences, each over the seeds and images that both candidates have.

    The image variance has 1/(S·n²) added: the adjustment of Agresti & Min 2005 (Stat. Med. 24:729), half an
    image per cell of each seed's 2x2 table, which keeps the interval honest when only a handful of images
    tell two candidates apart.
    """
    present = scores.present.astype(np.float64)
    common = present @ present.T
    means = scores.seed_means
    difference = np.full(common.shape, np.nan)
    np.divide(means @ present.T - present @ means.T, common, out=difference, where=common > 0)
    return Comparison(
        difference=difference,
        image=_difference_image(scores, common) + _half_an_image(common, scores.images),
        common=np.where(common > 0, common, np.nan),
        noise=difference_noise(scores),
    )


@lru_cache(maxsize=1)  # for the differences, and for the luck of the leader
def compare_with(scores: Scores, row: int) -> Comparison:
    """`compare`'s column of one candidate, without the others: what a thousand candidates need to face one leader."""
    shared = scores.present & scores.present[row]
    common = shared.sum(axis=1).astype(np.float64)
    image = np.full(len(common), np.nan)
    for pattern in map(np.array, {tuple(row) for row in shared[common > 0].tolist()}):
        here = np.nonzero((shared == pattern).all(axis=1))[0]
        own, other = (_per_image(scores.correct[rows], pattern) for rows in (here, [row]))
        image[here] = (own - other).var(axis=1, ddof=1, dtype=np.float64) / scores.images
    gaps = np.where(shared, scores.seed_means - scores.seed_means[row], 0).sum(axis=1)
    common = np.where(common > 0, common, np.nan)
    return Comparison(
        difference=gaps / common,
        image=image + _half_an_image(common, scores.images),
        common=common,
        noise=difference_noise(scores),
    )


def image_covariance(scores: Scores) -> Floats:
    """Covariance (K, K) that the choice of images gives to the accuracies, each over its own seeds."""
    return _covariance(scores.image_means)


def image_variance(scores: Scores) -> Floats:
    """The diagonal of `image_covariance`, (K,)."""
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


def _half_an_image(common: Floats, images: int) -> Floats:
    return 1 / (np.maximum(common, 1) * images**2)


def _difference_image(scores: Scores, common: Floats) -> Floats:
    """Variance over images of the difference of two per-image means, over n; (K, K), NaN without common seeds.

    Per-image means are over the seeds a pair has in common, so one covariance per distinct set of seeds.
    """
    patterns = {tuple(row) for row in scores.present}
    result = np.full(common.shape, np.nan)
    for pattern in {tuple(np.logical_and(one, other)) for one in patterns for other in patterns}:
        seeds = np.array(pattern)
        if not seeds.any():
            continue
        rows = np.ix_(*[np.nonzero(scores.present[:, seeds].all(axis=1))[0]] * 2)
        if seeds.all() and len(rows[0]) == len(common):
            covariance = image_covariance(scores)
        else:
            covariance = _covariance(_per_image(scores.correct[rows[0][:, 0]], seeds))
        spread = np.diag(covariance)[:, None] + np.diag(covariance)[None, :] - 2 * covariance
        result[rows] = np.where(common[rows] == seeds.sum(), np.maximum(spread, 0.0), result[rows])
    return result


def _sum_of_squares(values: np.ndarray) -> float:
    if values.dtype == np.bool_:
        return float(np.count_nonzero(values))
    return float(np.sum(values**2, dtype=np.float64))


def _per_image(correct: Marks, seeds: Bits) -> np.ndarray:
    return np.asarray(correct[:, seeds].mean(axis=1, dtype=np.float32))


def _covariance(per_image: np.ndarray) -> Floats:
    """Covariance over images, divided by n: (K, n) → (K, K)."""
    images = per_image.shape[1]
    centred = (per_image - per_image.mean(axis=1, keepdims=True)).astype(np.float32)
    return np.asarray((centred @ centred.T).astype(np.float64) / ((images - 1) * images))
