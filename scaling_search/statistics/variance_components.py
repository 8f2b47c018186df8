"""What chance does to a table of scores: images, flips, seeds, and what a seed does to all candidates alike.

Model, for candidate c, seed s and validation image i (a crossed random-effects layout):
    y[c,s,i] = accuracy[c] + common[s] + seed[c,s] + image[c,i] + flip[c,s,i]
so a mean over S seeds and n images has the variance image²/n + (common² + σ²[c])/S + flip²[c]/(S·n). The products of
`effects` give the first and last terms together; the variance s²[c] of a candidate's seed means estimates
σ²[c] + f[c], f[c] = flip²[c]/n, once the common effect is removed. Every candidate has a σ² of its own, made moderate
by what the others show (`moderation`).

The common effect is the precision-weighted mean of the candidates' deviations: unweighted, one noisy candidate
would spread its noise over all the others.

Sources: Cornfield & Tukey 1956 (Ann. Math. Stat. 27:907, expected mean squares of crossed layouts); Owen 2007 (Ann.
Appl. Stat. 1:386); Grubbs 1948 (J. Am. Stat. Assoc. 43:243, unequal precisions in a two-way layout); Bouthillier et
al. 2021 (arXiv:2103.03098, seeds as a source of variance).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from scaling_search.statistics.moderation import Moderated, moderated
from scaling_search.statistics.scores import Scores

_PASSES = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """The chance in `scores`, by candidate.

    means: accuracies with the common seed effects removed, so that those with other seeds compare fairly (the plain
    means, up to one constant, where all have the same); effects: `ImageSample.effects`; flips: f; square, degrees: s²
    and its degrees of freedom after the common effect was removed; seed: the moderated σ; raw: the same from s² with
    the common effect in it, for an accuracy by itself; shared (K, S): how an error in each common effect moves the
    means; nothing where all have the same seeds.
    """

    means: Float[np.ndarray, " K"]
    effects: Float[np.ndarray, "K G"]
    flips: Float[np.ndarray, " K"]
    square: Float[np.ndarray, " K"]
    degrees: Float[np.ndarray, " K"]
    seed: Moderated
    raw: Moderated
    shared: Float[np.ndarray, "K S"] | None

    @property
    def scatter(self) -> Float[np.ndarray, " K"]:
        """Variance over seeds of each candidate's accuracy on these images, moderated: σ² + f."""
        return np.asarray(self.seed.variance + self.flips)


@lru_cache(maxsize=2)
def noise(scores: Scores) -> Noise:
    """All of it; σ is 0 where no candidate has two seeds, for then nothing is known about seeds."""
    counts, table = scores.counts.astype(float), scores.seed_means
    replicates = counts - 1
    gaps = np.where(scores.present, table - scores.means[:, None], 0.0)
    plain = np.divide((gaps**2).sum(axis=1), replicates, out=np.zeros_like(counts), where=replicates > 0)
    flips = _flips(scores, plain)
    raw = moderated(plain, replicates, flips)
    means, square, degrees, seed, shared = scores.means, plain, replicates, raw, None
    if len(counts) > 1 and replicates.any():
        for _ in range(_PASSES):
            weights = np.ones_like(counts) if len(counts) == 2 else 1 / (seed.other_median**2 + flips)
            means, square, degrees, shared = _mean_squares(scores, weights)
            seed = moderated(square, degrees, flips)
    return Noise(
        means=means,
        effects=scores.sample.effects(scores.image_means),
        flips=flips,
        square=square,
        degrees=degrees,
        seed=seed,
        raw=raw,
        shared=shared,
    )


def without_common(
    tables: Float[np.ndarray, "*tables K S"],
    present: Bool[np.ndarray, "K S"],
    weights: Float[np.ndarray, " K"],
) -> tuple[Float[np.ndarray, "*tables K"], Float[np.ndarray, "*tables K S"]]:
    """Least squares of table[c,s] = candidate[c] + common[s] on the cells that are present, each weighted by candidate.

    Gives the candidates' means without the common effects, and the residuals. The candidates are eliminated from the
    normal equations, so that a thousand cost no more than their seeds do. A candidate without a cell gets NaN.
    """
    counts = present.sum(axis=1)
    shares = present / np.maximum(counts, 1)[:, None]
    means = (tables * shares).sum(axis=-1)
    centred = np.where(present, tables - means[..., None], 0.0)
    cells = present * weights[:, None]
    normal = np.diag(cells.sum(axis=0)) - cells.T @ shares
    common = np.einsum("...ks,ks,ts->...t", centred, cells, np.linalg.pinv(normal, hermitian=True))
    residual = centred - common[..., None, :]
    moved = (residual * shares).sum(axis=-1)
    residual = np.where(present, residual - moved[..., None], 0.0)
    return np.where(counts > 0, means + moved, np.nan), residual


def _mean_squares(
    scores: Scores, weights: Float[np.ndarray, " K"]
) -> tuple[
    Float[np.ndarray, " K"], Float[np.ndarray, " K"], Float[np.ndarray, " K"], Float[np.ndarray, "K S"] | None
]:
    """Means, s², its degrees of freedom, and how the common effects move the means.

    A candidate takes part in the estimate of the common effect that it is compared with: of its S − 1 degrees of
    freedom a share w[c]/Σw is lost.
    """
    counts = scores.counts.astype(float)
    means, residual = without_common(scores.seed_means, scores.present, weights)
    totals = (scores.present * weights[:, None]).sum(axis=0)
    totals[totals == 0] = 1.0  # a seed that nobody is judged on
    kept = 1 - (scores.present * weights[:, None] / totals).sum(axis=1) / counts
    degrees = np.where(kept > 1e-9, (counts - 1) * kept, 0.0)
    square = np.divide((residual**2).sum(axis=1), degrees, out=np.zeros_like(counts), where=degrees > 0)
    if scores.present.all():
        return scores.means, square, degrees, None
    return means, square, degrees, scores.present / counts[:, None] / np.sqrt(totals)


def _flips(scores: Scores, square: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """f: the part of s² that a finite number of images causes. Of a candidate with one seed, the others' median.

    Over the units of the sample with weights W, E[Σ v] = f + σ²·ΣW² for v, the variance over seeds of each unit's
    sum; and E[s²] = f + σ².
    """
    units = scores.sample.unit_weights(scores.images)
    shared = float((units**2).sum())
    found = np.full(len(square), np.nan)
    for row in np.flatnonzero(scores.counts > 1):
        sums = scores.sample.unit_sums(scores.correct[row, scores.present[row]])
        spread = float((sums**2).sum() - len(sums) * (sums.mean(axis=0) ** 2).sum()) / (len(sums) - 1)
        found[row] = max(0.0, spread - square[row] * shared) / (1 - shared)
    usual = float(np.nanmedian(found)) if np.isfinite(found).any() else 0.0
    return np.where(np.isnan(found), usual, found)


def errors(scores: Scores) -> Float[np.ndarray, " K"]:
    """Standard errors of the means over new seeds on these images, moderated: what scatters about a surface."""
    found = noise(scores)
    return np.asarray(np.sqrt(found.scatter / scores.counts))
