"""How large the largest of many differences gets by chance: draws of it, all candidates being equal.

    M[c] = max over j of (noise[j] − noise[c]) / error[c, j]
With a thousand candidates a draw has a million differences. Few are needed: the highest candidates of a draw bound its
maxima from both sides, which mostly tells on which side of a figure they lie; the rest is computed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scaling_search.search.scores import Floats, Scores
from scaling_search.search.variance import SeedNoise, image_covariance

DRAWS = 10_000
_DRAW_SEED = 20_110_301
_CACHED = 1 << 18  # floats
_FEW = 2  # at least, so that there is one besides the candidate itself
_Draws = NDArray[np.float32]


class NullMaximum:
    """The draws. Candidates are named by their rows in `scores`."""

    def __init__(self, scores: Scores, noise: SeedNoise, draws: int) -> None:
        count = len(scores.names)
        # Half of what `compare` adds to each pair.
        added = 1 / (2 * scores.counts * scores.images**2)
        covariance = image_covariance(scores) + np.diag(added)
        by_image, by_seed, chances = _chance(draws, min(count, scores.images), count)
        pivots = noise.pivots(chances)
        if count <= scores.images:
            size, axes = np.linalg.eigh(covariance)
            drawn = (axes * np.sqrt(np.maximum(size, 0))).astype(np.float32) @ by_image
        else:
            # The same by one normal an image: a root of the covariance would take longer than all the rest.
            weights = scores.image_means - scores.means[:, None]
            weights /= math.sqrt((scores.images - 1) * scores.images)
            drawn = weights.astype(np.float32) @ by_image
            pivots = pivots + 1 / (2 * scores.images**2)
        deviation = np.sqrt(pivots).astype(np.float32)
        by_seed = by_seed * deviation
        by_seed *= np.sqrt(1 / scores.counts).astype(np.float32)[:, None]
        drawn += by_seed
        self._drawn: _Draws = drawn  # (K, draws)
        self._draws = draws
        own = np.diag(covariance) + noise.seed / scores.counts
        error = own[:, None] + own[None, :] - 2 * covariance
        np.fill_diagonal(error, 1.0)
        self._error: _Draws = np.sqrt(np.maximum(error, 1e-30)).astype(np.float32)
        # Of each draw the two highest candidates, what is drawn for them, and the highest of the rest.
        self._highest, self._values, self._rest = self._pick_highest()

    def judge(self, row: int, statistic: float, error: float) -> tuple[float, float]:
        """Threshold exceeded with probability `error`, and the p value of the statistic."""
        if len(self._drawn) == 1:
            return np.inf, 1.0
        rank = self._rank(error)
        low, high = (float(np.partition(bound, rank)[rank]) for bound in self._bounds(row))
        threshold = float(np.partition(self._largest(row, low, high), rank)[rank])
        return threshold, (1 + self._reaching(row, statistic)) / (1 + self._draws)

    def inside(self, row: int, statistic: float, error: float) -> bool:
        """Whether the statistic is at most the threshold."""
        if len(self._drawn) == 1:
            return True
        enough = self._draws - self._rank(error)
        least, most = self._reached(row, statistic)
        if least >= enough or most < enough:
            return least >= enough
        return self._reaching(row, statistic) >= enough

    def most_likely(self, statistics: Mapping[int, float]) -> int:
        """The row with the highest p value of its statistic; of equal ones, the one with the smallest statistic."""
        bounds = {row: self._reached(row, statistic) for row, statistic in statistics.items()}
        highest = max(least for least, _ in bounds.values())
        found = {
            row: least if least == most else self._reaching(row, statistics[row])
            for row, (least, most) in bounds.items()
            if most >= highest
        }
        return max(found, key=lambda row: (found[row], -statistics[row]))

    def _rank(self, error: float) -> int:
        return math.ceil((1 - error) * self._draws) - 1

    def _pick_highest(self) -> tuple[NDArray[np.intp], _Draws, _Draws]:
        draws = np.arange(self._draws)
        highest, values = [], []
        for _ in range(_FEW):
            highest.append(self._drawn.argmax(axis=0))
            values.append(self._drawn[highest[-1], draws])
            self._drawn[highest[-1], draws] = -np.inf
        rest = self._drawn.max(axis=0)
        for candidates, drawn in zip(highest[::-1], values[::-1], strict=True):
            self._drawn[candidates, draws] = drawn
        return np.array(highest), np.array(values), rest

    def _highest_gap(self, row: int) -> _Draws:
        """How far the highest of the others is above this candidate, in each draw."""
        own = self._highest[0] == row
        return np.asarray(np.where(own, self._values[1], self._values[0]) - self._drawn[row])

    def _extremes(self, row: int) -> tuple[np.float32, np.float32]:
        """The smallest and the largest of this candidate's errors."""
        errors = np.delete(self._error[row], row)
        return errors.min(), errors.max()

    def _reached(self, row: int, statistic: float) -> tuple[int, int]:
        """In how many draws the maximum reaches the statistic: at least and at most."""
        if statistic == -math.inf:  # of one without rivals
            return self._draws, self._draws
        gap = self._highest_gap(row)
        near, far = map(float, self._extremes(row) if statistic >= 0 else self._extremes(row)[::-1])
        # A hair's breadth for the rounding of products where the maximum has quotients.
        slack = 1e-6 * abs(statistic) * max(near, far)
        least = np.count_nonzero(gap >= statistic * far + slack)
        return int(least), int(np.count_nonzero(gap >= statistic * near - slack))

    def _bounds(self, row: int) -> tuple[_Draws, _Draws]:
        """What the maximum is at least and at most, in each draw: that over the highest, and what the rest allows."""
        maxima = self._values - self._drawn[row]
        maxima /= self._error[row][self._highest]
        maxima[self._highest == row] = -np.inf
        least: _Draws = maxima.max(axis=0)
        gap, (small, large) = self._rest - self._drawn[row], self._extremes(row)
        return least, np.maximum(least, gap / np.where(gap >= 0, small, large))

    def _reaching(self, row: int, statistic: float) -> int:
        """In how many draws the maximum reaches the statistic."""
        return int(np.count_nonzero(self._largest(row, statistic, statistic) >= statistic))

    def _largest(self, row: int, low: float, high: float) -> _Draws:
        """The maximum in each draw where it may lie in `low` … `high`; elsewhere something on the same side of it."""
        least, most = self._bounds(row)
        found = np.where(most < low, most, least)
        (wanted,) = np.nonzero((most >= low) & (least <= high))
        errors = self._error[row, :, None]
        # A few draws at a time, which stay in the cache.
        step = max(1, _CACHED // len(errors))
        for start in range(0, len(wanted), step):
            some = wanted[start : start + step]
            gaps = self._drawn[:, some]
            gaps -= gaps[row].copy()
            gaps /= errors
            gaps[row] = -np.inf
            found[some] = gaps.max(axis=0)
        return np.asarray(found)


@lru_cache(maxsize=4)
def _chance(draws: int, sources: int, candidates: int) -> tuple[_Draws, _Draws, Floats]:
    """Standard normals (sources, draws) and (candidates, draws), evenly spread chances in random order (draws,)."""
    generator = np.random.default_rng(_DRAW_SEED)
    first, second = (generator.standard_normal((draws, n), dtype=np.float32) for n in (sources, candidates))
    chances = generator.permutation((np.arange(draws) + 0.5) / draws)
    return first.T, np.ascontiguousarray(second.T), chances
