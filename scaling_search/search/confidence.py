"""Which candidates may be the best one: a confidence set, corrected for the number compared.

A candidate is out when some other one beats it by more than chance explains:
    T[c] = max over j of (mean[j] − mean[c]) / error[c, j]  >  threshold[c],
threshold[c] being the 95 % point of the same maximum when all candidates are equal. The set then holds the
true best candidate with probability at least 95 %: were c the best, T[c] could only be larger than its
threshold by chance. This is Gupta's subset selection (1965, Technometrics 7:225) in the form of Hsu's
multiple comparisons with the best (1984, Ann. Statist. 12:1136): one one-sided Dunnett test per candidate.
The naming of one winner, which can err on either side, is a two-sided claim: the last rival must be out at
half the error.

The reference for sets of models, the Model Confidence Set (Hansen, Lunde & Nason 2011, Econometrica 79:453),
promises to hold all equally best candidates at once and bootstraps all pairs. It was measured beside this set
(`make validate`) and is not used: bootstrapped over 2 or 3 seeds it loses the best candidate in 20 to 30 % of
searches with eight candidates where seeds are most of the noise, and where flips are, its set is twice as large.

The distribution of T under equality is drawn rather than tabulated, because candidates share images and are
correlated through them: images enter as a Gaussian multiplier bootstrap (Chernozhukov, Chetverikov & Kato
2013, Ann. Statist. 41:2786), seeds as a generalised pivot (Weerahandi 1993), so that few seeds give wide
thresholds. The draws use one fixed seed: the same results give the same set.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from scaling_search.search.scores import Floats, Scores
from scaling_search.search.statistics import sources
from scaling_search.search.variance import SeedNoise, compare, image_covariance

DRAWS = 10_000
_CACHED = 1 << 16  # floats
_DRAW_SEED = 20_110_301


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One candidate's test. statistic: T, in standard errors; threshold: what T may reach inside the set.

    p: chance of a T at least this large were the candidate the best, corrected for the number compared. Both are NaN
    where only who is inside was asked for.
    """

    name: str
    inside: bool
    statistic: float
    threshold: float
    p: float


@dataclass(frozen=True, kw_only=True)
class ConfidenceSet:
    """verdicts: one per candidate judged, in the order of the scores; sources: the chance that was covered."""

    verdicts: tuple[Verdict, ...]
    level: float
    sources: str

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates that may be the best, in the order of the scores."""
        return tuple(verdict.name for verdict in self.verdicts if verdict.inside)


def confidence_set(
    scores: Scores,
    *,
    level: float = 0.95,
    alive: Collection[str] | None = None,
    draws: int = DRAWS,
    figures: bool = True,
) -> ConfidenceSet:
    """Judge the candidates `alive` (all, unless given) against each other.

    The threshold counts every candidate in `scores`, those no longer alive too: survivors of a race are the
    lucky ones among all that started, so their number alone would understate what luck can do. Without `figures` the
    same candidates are inside, found many times faster where there are a hundred.
    """
    error = 1 - level
    rows = [row for row, name in enumerate(scores.names) if alive is None or name in alive]
    comparison = compare(scores)
    observed = (-comparison.difference / np.sqrt(comparison.variance))[np.ix_(rows, rows)]
    np.fill_diagonal(observed, np.nan)
    null = _NullMaximum(scores, comparison.noise, draws)
    verdicts = []
    for row, statistic in zip(rows, np.fmax.reduce(observed, axis=1, initial=-np.inf).tolist(), strict=True):
        threshold, p = null.judge(row, statistic, error) if figures else (math.nan, math.nan)
        inside = statistic <= threshold if figures else null.inside(row, statistic, error)
        verdicts.append(
            Verdict(name=scores.names[row], inside=inside, statistic=statistic, threshold=threshold, p=p)
        )
    if len(verdicts) > 1 and sum(verdict.inside for verdict in verdicts) == 1:
        verdicts = _confirm_alone(verdicts, rows, null, error)
    return ConfidenceSet(verdicts=tuple(verdicts), level=level, sources=sources(comparison.noise))


def _confirm_alone(
    verdicts: list[Verdict], rows: list[int], null: _NullMaximum, error: float
) -> list[Verdict]:
    """Let the closest rival back in unless it is out at half the error too."""
    outside = {place: verdict for place, verdict in enumerate(verdicts) if not verdict.inside}
    statistics = {rows[place]: verdict.statistic for place, verdict in outside.items()}
    closest = null.most_likely(statistics)
    place, last = next((place, outside[place]) for place in outside if rows[place] == closest)
    threshold, _ = null.judge(closest, last.statistic, error / 2)
    verdicts[place] = replace(last, threshold=threshold, inside=last.statistic <= threshold)
    return verdicts


class _NullMaximum:
    """Draws of max over j of (noise[j] − noise[c]) / error[c, j], all candidates being equal."""

    def __init__(self, scores: Scores, noise: SeedNoise, draws: int) -> None:
        count = len(scores.names)
        normals, uniforms = _chance(draws, count)
        # Half of what `compare` adds to each pair.
        images = image_covariance(scores) + np.diag(1 / (2 * scores.counts * scores.images**2))
        size, axes = np.linalg.eigh(images)
        seeds = 1 / scores.counts
        deviation = np.sqrt(noise.pivots(uniforms)).astype(np.float32)
        self._drawn = normals[0] @ (axes * np.sqrt(np.maximum(size, 0))).T.astype(np.float32)
        self._drawn += deviation[:, None] * np.sqrt(seeds).astype(np.float32) * normals[1]
        own = np.diag(images) + noise.seed * seeds
        error = np.sqrt(np.maximum(own[:, None] + own[None, :] - 2 * _off_diagonal(images), 1e-30))
        self._error = error.astype(np.float32)

    def judge(self, row: int, statistic: float, error: float) -> tuple[float, float]:
        """Threshold exceeded with probability `error`, and the p value of the statistic."""
        if self._drawn.shape[1] == 1:
            return np.inf, 1.0
        largest = self._largest(row)
        threshold = float(np.partition(largest, self._rank(error))[self._rank(error)])
        return threshold, float((1 + np.count_nonzero(largest >= statistic)) / (1 + len(largest)))

    def inside(self, row: int, statistic: float, error: float) -> bool:
        """Whether the statistic is at most the threshold."""
        if self._drawn.shape[1] == 1:
            return True
        enough = len(self._drawn) - self._rank(error)
        least, most = self._reached(row, statistic)
        if least >= enough or most < enough:
            return least >= enough
        return bool(np.count_nonzero(self._largest(row) >= statistic) >= enough)

    def most_likely(self, statistics: Mapping[int, float]) -> int:
        """The row with the highest p value of its statistic; of equal ones, the one with the smallest statistic."""
        bounds = {row: self._reached(row, statistic) for row, statistic in statistics.items()}
        highest = max(least for least, _ in bounds.values())
        found = {
            row: least if least == most else np.count_nonzero(self._largest(row) >= statistics[row])
            for row, (least, most) in bounds.items()
            if most >= highest
        }
        return max(found, key=lambda row: (found[row], -statistics[row]))

    def _rank(self, error: float) -> int:
        return math.ceil((1 - error) * len(self._drawn)) - 1

    def _reached(self, row: int, statistic: float) -> tuple[int, int]:
        """In how many draws the maximum reaches the statistic: at least and at most.

        From the highest of the other candidates in each draw alone: its gap is one that the maximum is over, and
        divided by the smallest error there is (the largest, of a negative gap) it is at least the maximum.
        """
        own = self._first == row
        highest = np.where(own, self._second_value, self._first_value) - self._drawn[:, row]
        errors = self._error[row]
        others = np.delete(errors, row)
        least = highest / errors[np.where(own, self._second, self._first)]
        most = highest / np.where(highest >= 0, others.min(), others.max())
        return int(np.count_nonzero(least >= statistic)), int(np.count_nonzero(most >= statistic))

    def _largest(self, row: int) -> np.ndarray:
        """The maximum over the other candidates in each draw."""
        others = np.arange(self._drawn.shape[1]) != row
        largest = np.empty(len(self._drawn), np.float32)
        # A few draws at a time, which stay in the cache: this is where the time of a decision goes.
        step = max(1, _CACHED // len(others))
        for start in range(0, len(largest), step):
            drawn = self._drawn[start : start + step]
            gaps = drawn[:, others] - drawn[:, [row]]
            gaps /= self._error[row, others]
            gaps.max(axis=1, out=largest[start : start + step])
        return largest

    @cached_property
    def _first(self) -> np.ndarray:
        """Place of the highest candidate in each draw."""
        return np.asarray(self._drawn.argmax(axis=1))

    @cached_property
    def _first_value(self) -> np.ndarray:
        return np.take_along_axis(self._drawn, self._first[:, None], axis=1)[:, 0]

    @cached_property
    def _second(self) -> np.ndarray:
        """Place of the second highest candidate in each draw."""
        rest = self._drawn.copy()
        np.put_along_axis(rest, self._first[:, None], -np.inf, axis=1)
        return np.asarray(rest.argmax(axis=1))

    @cached_property
    def _second_value(self) -> np.ndarray:
        return np.take_along_axis(self._drawn, self._second[:, None], axis=1)[:, 0]


@lru_cache(maxsize=4)
def _chance(draws: int, candidates: int) -> tuple[np.ndarray, Floats]:
    """Standard normals (2, draws, K) and evenly spread chances in random order (draws,)."""
    generator = np.random.default_rng(_DRAW_SEED)
    normals = generator.standard_normal((2, draws, candidates), dtype=np.float32)
    return normals, generator.permutation((np.arange(draws) + 0.5) / draws)


def _off_diagonal(matrix: Floats) -> Floats:
    return matrix - np.diag(np.diag(matrix))
