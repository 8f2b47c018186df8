"""The Model Confidence Set of Hansen, Lunde & Nason 2011 (Econometrica 79:453), for comparison.

Statistic T_R = max over pairs of |mean[i] − mean[j]| / error[i, j], elimination of the candidate most beaten,
until the remaining ones cannot be told apart; its distribution by a bootstrap over seeds and images crossed (the
pigeonhole bootstrap of Owen 2007, Ann. Appl. Stat. 1:386).
"""

from __future__ import annotations

import numpy as np

from scaling_search.statistics.scores import Scores


def model_confidence_set(scores: Scores, *, level: float = 0.95, resamples: int = 500) -> tuple[str, ...]:
    """Names inside the set; every candidate must have every seed."""
    generator = np.random.default_rng(20_110_301)
    candidates, seeds, images = scores.correct.shape
    cells = scores.correct.reshape(candidates * seeds, images).astype(np.float32)
    image_weights = generator.multinomial(images, np.full(images, 1 / images), size=resamples)
    by_seed = (image_weights.astype(np.float32) @ cells.T / images).reshape(resamples, candidates, seeds)
    seed_weights = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    resampled = np.einsum("bcs,bs->bc", by_seed, seed_weights) - scores.means
    noise = resampled[:, :, None] - resampled[:, None, :]
    error = np.sqrt((noise**2).mean(axis=0)) + np.eye(candidates) + 1e-12
    observed = (scores.means[:, None] - scores.means[None, :]) / error
    standard = noise / error
    inside = list(range(candidates))
    while len(inside) > 1:
        pairs = np.ix_(inside, inside)
        largest = np.abs(standard[:, inside][:, :, inside]).max(axis=(1, 2))
        if observed[pairs].max() <= np.quantile(largest, level):
            break
        inside.remove(inside[int(np.argmin(observed[pairs].min(axis=1)))])
    return tuple(scores.names[row] for row in inside)
