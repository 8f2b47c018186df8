"""How large the largest of many differences gets by chance: draws of it, all candidates being equal.

    M[c] = max over j of (noise[j] − noise[c]) / error[c, j]
With a thousand candidates a draw has a million differences. Few are needed: the highest candidates of a draw bound its
maxima from both sides, which mostly tells on which side of a figure they lie; the rest is computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scaling_search.statistics.scores import Floats, Scores
from scaling_search.statistics.variance_components import SeedNoise, image_effects, image_variance

_DRAW_SEED = 20_110_301
_CACHED = 1 << 18  # floats
_MOST_DRAWS, _LEAST_DRAWS, _MOST_NUMBERS = 10_000, 4_000, 4_000_000
_FEW = 2  # at least, so that there is one besides the candidate itself
_Draws = NDArray[np.float32]


def usual_draws(candidates: int) -> int:
    """10,000, of more than 400 candidates fewer, of 1,000 and more 4,000: with those `make validate` counts errors.

    Their chance puts a level of 5 % between 4.6 and 5.4 % at first (10,000) and between 4.3 and 5.7 % at last. In 30
    simulated searches of 1,000 equal candidates 4.4 % were put out with either number; 0.3 % of the verdicts differed.
    """
    return max(_LEAST_DRAWS, min(_MOST_DRAWS, _MOST_NUMBERS // candidates))


class NullMaximum:
    """The draws. Candidates are named by their rows in `scores`."""

    def __init__(self, scores: Scores, noise: SeedNoise, draws: int | None = None) -> None:
        count = len(scores.names)
        draws = usual_draws(count) if draws is None else draws
        # Half of what `compare` adds to each pair.
        added = 1 / (2 * scores.counts * scores.images**2)
        effects = image_effects(scores)
        by_image, by_seed, chances = _chance(draws, min(count, scores.images), count)
        pivots = noise.pivots(chances)
        if count <= scores.images:
            covariance = (effects @ effects.T).astype(np.float64) + np.diag(added)
            size, axes = np.linalg.eigh(covariance)
            root = (axes * np.sqrt(np.maximum(size, 0))).T
        else:
            # The same by one normal an image: a root of the covariance would take longer than all the rest.
            root = effects.T
            pivots = pivots + 1 / (2 * scores.images**2)
        self._draws = draws
        self._drawn: _Draws = np.empty((draws, count), np.float32)
        # Of each draw the highest candidates, what is drawn for them, and the highest of the rest.
        self._highest = np.empty((_FEW, draws), np.intp)
        self._values: _Draws = np.empty((_FEW, draws), np.float32)
        self._rest: _Draws = np.empty(draws, np.float32)
        root = np.ascontiguousarray(root, np.float32)
        deviation, share = (np.sqrt(part).astype(np.float32) for part in (pivots, 1 / scores.counts))
        for block in _blocks(draws, count):
            drawn = np.matmul(by_image[block], root, out=self._drawn[block])
            seeds = by_seed[block] * deviation[block, None]
            seeds *= share
            drawn += seeds
            self._pick_highest(block)
        own = image_variance(scores) + added + noise.seed / scores.counts
        # Of each difference; of each candidate the smallest and the largest.
        self._error: _Draws = np.empty((count, count), np.float32)
        self._small, self._large = np.empty((2, count), np.float32)
        for block in _blocks(count, count):
            error = self._error[block]
            variance = own[block, None] + own - 2 * (effects[block] @ effects.T)
            np.sqrt(np.maximum(variance, 1e-30), out=error, casting="same_kind")
            itself = np.arange(len(error)), np.arange(count)[block]
            for found, nothing, least in ((self._small, np.inf, np.min), (self._large, 0.0, np.max)):
                error[itself] = nothing
                found[block] = least(error, axis=1)
            error[itself] = 1.0

    def test(self, row: int, statistic: float, error: float) -> tuple[float, float]:
        """Threshold exceeded with probability `error`, and the p value of the statistic."""
        if len(self._error) == 1:
            return np.inf, 1.0
        rank = self._rank(error)
        low, high = (float(np.partition(bound, rank)[rank]) for bound in self._bounds(row))
        threshold = float(np.partition(self._largest(row, low, high), rank)[rank])
        return threshold, (1 + self._reaching(row, statistic)) / (1 + self._draws)

    def inside(self, statistics: Mapping[int, float], error: float) -> list[bool]:
        """Of each row whether its statistic is at most its threshold."""
        if len(self._error) == 1:
            return [True]
        enough = self._draws - self._rank(error)
        return [
            least >= enough
            if least >= enough or most < enough
            else self._reaching(row, statistics[row]) >= enough
            for row, (least, most) in self._reached(statistics).items()
        ]

    def most_likely(self, statistics: Mapping[int, float]) -> int:
        """The row with the highest p value of its statistic; of equal ones, the one with the smallest statistic."""
        bounds = self._reached(statistics)
        highest = max(least for least, _ in bounds.values())
        found = {
            row: least if least == most else self._reaching(row, statistics[row])
            for row, (least, most) in bounds.items()
            if most >= highest
        }
        return max(found, key=lambda row: (found[row], -statistics[row]))

    def _rank(self, error: float) -> int:
        return math.ceil((1 - error) * self._draws) - 1

    def _pick_highest(self, block: slice) -> None:
        drawn = self._drawn[block]
        draws = np.arange(len(drawn))
        for place in range(_FEW):
            highest = drawn.argmax(axis=1)
            self._highest[place, block], self._values[place, block] = highest, drawn[draws, highest]
            drawn[draws, highest] = -np.inf
        self._rest[block] = drawn.max(axis=1)
        for place in range(_FEW):
            drawn[draws, self._highest[place, block]] = self._values[place, block]

    def _reached(self, statistics: Mapping[int, float]) -> dict[int, tuple[int, int]]:
        """By row in how many draws the maximum reaches the statistic: at least and at most.

        The highest of the others is above the candidate by a gap; its smallest and largest error make that a quotient.
        """
        rows, values = np.array([*statistics], np.intp), np.array([*statistics.values()])
        small, large = self._small[rows].astype(np.float64), self._large[rows].astype(np.float64)
        near, far = np.where(values >= 0, (small, large), (large, small))
        # A hair's breadth for the rounding of products where the maximum has quotients. One without rivals is at -inf.
        slack = 1e-6 * np.abs(values) * large
        with np.errstate(invalid="ignore"):
            surely, maybe = (
                np.where(values > -math.inf, bound, values).astype(np.float32)
                for bound in (values * far + slack, values * near - slack)
            )
        places = np.full(len(self._error), -1)
        places[rows] = np.arange(len(rows))
        least, most = np.zeros((2, len(rows)), np.int64)
        for block in _blocks(self._draws, len(rows)):
            gaps = self._values[0, block, None] - self._drawn[block][:, rows]
            at = places[self._highest[0, block]]
            (own,) = np.nonzero(at >= 0)
            gaps[own, at[own]] = (self._values[1, block] - self._values[0, block])[own]
            least += np.count_nonzero(gaps >= surely, axis=0)
            most += np.count_nonzero(gaps >= maybe, axis=0)
        return dict(zip(statistics, zip(least.tolist(), most.tolist(), strict=True), strict=True))

    def _bounds(self, row: int) -> tuple[_Draws, _Draws]:
        """What the maximum is at least and at most, in each draw: that over the highest, and what the rest allows."""
        own = self._drawn[:, row]
        maxima = self._values - own
        maxima /= self._error[row][self._highest]
        maxima[self._highest == row] = -np.inf
        least: _Draws = maxima.max(axis=0)
        gap = self._rest - own
        return least, np.maximum(least, gap / np.where(gap >= 0, self._small[row], self._large[row]))

    def _reaching(self, row: int, statistic: float) -> int:
        """In how many draws the maximum reaches the statistic."""
        return int(np.count_nonzero(self._largest(row, statistic, statistic) >= statistic))

    def _largest(self, row: int, low: float, high: float) -> _Draws:
        """The maximum in each draw where it may lie in `low` … `high`; elsewhere something on the same side of it."""
        least, most = self._bounds(row)
        found = np.where(most < low, most, least)
        (wanted,) = np.nonzero((most >= low) & (least <= high))
        for block in _blocks(len(wanted), len(self._error)):
            some = wanted[block]
            gaps = self._drawn[some]
            gaps -= gaps[:, row, None].copy()
            gaps /= self._error[row]
            gaps[:, row] = -np.inf
            found[some] = gaps.max(axis=1)
        return np.asarray(found)


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """A few rows at a time, which stay in the cache."""
    step = max(1, _CACHED // columns)
    return (slice(start, start + step) for start in range(0, rows, step))


@lru_cache(maxsize=4)
def _chance(draws: int, sources: int, candidates: int) -> tuple[_Draws, _Draws, Floats]:
    """Standard normals (draws, sources) and (draws, candidates), evenly spread chances in random order (draws,)."""
    generator = np.random.default_rng(_DRAW_SEED)
    first, second = (generator.standard_normal((draws, n), dtype=np.float32) for n in (sources, candidates))
    chances = generator.permutation((np.arange(draws) + 0.5) / draws)
    return first, second, chances
