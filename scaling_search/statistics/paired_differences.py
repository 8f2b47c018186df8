"""Paired differences of candidates, each over the seeds and images that both have. The model of chance: `variance`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scaling_search.statistics.scores import Bits, Floats, Scores
from scaling_search.statistics.variance_components import SeedNoise, centred, difference_noise, image_effects


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All K candidates minus some, shapes (K, R): entry [i, j] is candidate i minus others[j]. Or minus one: (K,).

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


def compare(scores: Scores, others: Sequence[int] | None = None) -> Comparison:
    """All candidates minus those of the rows `others` (all, unless given).

    The image variance has 1/(S·n²) added: the adjustment of Agresti & Min 2005 (Stat. Med. 24:729), half an
    image per cell of each seed's 2x2 table, which keeps the interval honest when only a handful of images
    tell two candidates apart.
    """
    rows = np.arange(len(scores.names)) if others is None else np.asarray(others, np.intp)
    present, means = scores.present.astype(np.float64), scores.seed_means
    common = present @ present[rows].T
    difference = np.full(common.shape, np.nan)
    np.divide(means @ present[rows].T - present @ means[rows].T, common, out=difference, where=common > 0)
    return Comparison(
        difference=difference,
        image=_image(scores, rows, common) + 1 / (np.maximum(common, 1) * scores.images**2),
        common=np.where(common > 0, common, np.nan),
        noise=difference_noise(scores),
    )


@lru_cache(maxsize=1)  # for the differences, and for the luck of the leader
def compare_with(scores: Scores, row: int) -> Comparison:
    """All candidates minus one: what a thousand need to face one leader."""
    found = compare(scores, [row])
    return Comparison(
        difference=found.difference[:, 0],
        image=found.image[:, 0],
        common=found.common[:, 0],
        noise=found.noise,
    )


def _image(scores: Scores, rows: np.ndarray, common: Floats) -> Floats:
    """Variance over images of the difference of two per-image means, over n; NaN without common seeds.

    Per-image means are over the seeds a pair has in common, so one covariance per distinct set of seeds.
    """
    if scores.present.all():
        return _spread(image_effects(scores), rows)
    result = np.full(common.shape, np.nan)
    for seeds in _common_seeds(scores.present, scores.present[rows]):
        having: Bits = np.all(scores.present[:, seeds], axis=1)
        (first,), (second,) = np.nonzero(having), np.nonzero(having[rows])
        means = scores.correct[first][:, seeds].mean(axis=1, dtype=np.float32)
        spread = _spread(centred(means), np.searchsorted(first, rows[second]))
        cells = np.ix_(first, second)
        result[cells] = np.where(common[cells] == seeds.sum(), spread, result[cells])
    return result


def _common_seeds(one: Bits, other: Bits) -> list[Bits]:
    """Each set of seeds that a candidate of the one and one of the other have in common."""
    patterns = ({tuple(row) for row in cells.tolist()} for cells in (one, other))
    first, second = (np.array(list(found)) for found in patterns)
    both = {tuple(row) for row in (first[:, None] & second).reshape(-1, one.shape[1]).tolist()}
    return [np.array(pattern) for pattern in both if any(pattern)]


def _spread(effects: np.ndarray, others: np.ndarray) -> Floats:
    """Variance of each one's difference to each of `others`, of image effects (K, n); never negative."""
    own = np.einsum("ki,ki->k", effects, effects, dtype=np.float64)
    found: Floats = own[:, None] + own[others]
    found -= 2 * (effects @ effects[others].T)
    return np.maximum(found, 0.0, out=found)
