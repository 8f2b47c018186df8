"""What chance alone makes of the candidates, were all equal: draws of every candidate's error, and of their maxima.

    other[d, j] = images + σ*[j]·z[j]/√S[j]        own[d, c]: the same with the larger σ* of a candidate under test
Images enter as a Gaussian multiplier bootstrap (Chernozhukov, Chetverikov & Kato 2013, Ann. Statist. 41:2786) on
Student's t, for the variance between a few groups is itself uncertain; seeds as a generalised pivot (Weerahandi 1993,
J. Am. Stat. Assoc. 88:899) whose σ* are draws from `moderation`. One fixed seed: the same results, the same draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy.special import chdtri

from scaling_search.statistics.moderation import Moderated
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import Noise

# Enough for a 95 % point; a point farther out needs more, so that some draws lie beyond it.
_LEAST_DRAWS, _MOST_DRAWS, _BEYOND = 4000, 20_000, 50
# With very many candidates the pairs of each draw take seconds.
_MOST_NUMBERS = 2_000_000
_SEED = 20_110_301


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """Errors of the candidates' means in each draw, as the other candidate and as the one under test."""

    other: Float[np.ndarray, "draws K"]
    own: Float[np.ndarray, "draws K"]

    def maxima(self, row: int, error: Float[np.ndarray, " K"]) -> Float[np.ndarray, " draws"]:
        """max over j ≠ row of (other[j] − own[row]) / error[j] in each draw."""
        ratios = self.other - self.own[:, row, None]
        ratios *= (1 / error).astype(ratios.dtype)
        ratios[:, row] = -np.inf
        return np.asarray(ratios.max(axis=1))


def usual_draws(level: float, candidates: int) -> int:
    """How many draws find the point that is exceeded with 1 − level.

    >>> usual_draws(0.95, 8), usual_draws(0.995, 8), usual_draws(0.95, 1000)
    (4000, 10000, 2000)
    """
    wanted = min(_MOST_DRAWS, max(_LEAST_DRAWS, round(_BEYOND / max(1e-9, 1 - level))))
    return max(_LEAST_DRAWS // 4, min(wanted, _MOST_NUMBERS // candidates))


@lru_cache(maxsize=2)  # of differences and of accuracies: comparison and winner's figures use the same
def drawn(scores: Scores, noise: Noise, *, draws: int, seed: Moderated | None = None) -> Draws:
    """Draws for the means; `seed`: other posteriors of σ than those of differences."""
    sigma = noise.seed if seed is None else seed
    count, units = len(scores.names), noise.effects.shape[1]
    images, normals, order, widths = _chance(
        draws, min(count, units), count, scores.sample.degrees(scores.images)
    )
    generator = np.random.default_rng(_SEED + 1)
    small = small_samples(scores)
    if count <= units:
        size, axes = np.linalg.eigh(noise.effects @ noise.effects.T + np.diag(small))
        common = images @ (axes * np.sqrt(np.maximum(size, 0))).T.astype(np.float32)
    else:
        # The same by one normal a unit: a root of the covariance would take longer than all the rest.
        own = generator.standard_normal((draws, count), np.float32)
        common = images @ noise.effects.T.astype(np.float32) + own * np.sqrt(small).astype(np.float32)
    common *= widths[:, None]
    if noise.shared is not None:
        ease = generator.standard_normal((draws, noise.shared.shape[1]), np.float32)
        common -= ease @ noise.shared.T.astype(np.float32)
    if not sigma.known:
        return Draws(other=common, own=common)
    chances = (np.arange(draws) + 0.5) / draws
    # Two candidates have one s² between them, and so one chance.
    places = np.broadcast_to(order[:, :1], order.shape) if count == 2 else order
    scaled = normals / np.sqrt(scores.counts).astype(np.float32)
    return Draws(
        other=common
        + scaled * np.take_along_axis(sigma.other_quantiles(chances).T.astype(np.float32), places, axis=0),
        own=common
        + scaled * np.take_along_axis(sigma.own_quantiles(chances).T.astype(np.float32), places, axis=0),
    )


def small_samples(scores: Scores) -> Float[np.ndarray, " K"]:
    """What is added to each variance: half an image a seed, shared by the two of a pair.

    Keeps an interval honest where only a handful of images tell two candidates apart (Agresti & Min 2005, Stat. Med.
    24:729); in weights, 1/n² is (Σw²)².
    """
    weights = scores.sample.weights
    share = 1 / scores.images if weights is None else float((weights**2).sum())
    return share**2 / (2 * scores.counts)


def variances(scores: Scores, noise: Noise, rows: Int[np.ndarray, " R"]) -> Float[np.ndarray, "R K"]:
    """Variance of mean[j] − mean[c] for rows c under test and all others j, of σ the posterior medians."""
    image = (noise.effects**2).sum(axis=1) + small_samples(scores)
    own, other = (
        image + sigma**2 / scores.counts for sigma in (noise.seed.own_median, noise.seed.other_median)
    )
    found = own[rows, None] + other - 2 * noise.effects[rows] @ noise.effects.T
    if noise.shared is not None:
        parts = (noise.shared**2).sum(axis=1)
        found += parts[rows, None] + parts - 2 * noise.shared[rows] @ noise.shared.T
    return np.asarray(np.maximum(found, 1e-20))


@lru_cache(maxsize=4)
def _chance(
    draws: int, sources: int, candidates: int, degrees: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Standard normals (draws, sources), (draws, candidates); orders of evenly spread chances; √(df/χ²) (draws,)."""
    generator = np.random.default_rng(_SEED)
    images, seeds = (generator.standard_normal((draws, n), np.float32) for n in (sources, candidates))
    order = generator.permuted(np.broadcast_to(np.arange(draws)[:, None], (draws, candidates)), axis=0)
    chances = generator.permutation((np.arange(draws) + 0.5) / draws)
    return images, seeds, order, np.sqrt(degrees / chdtri(degrees, chances)).astype(np.float32)
