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
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from scaling_search.statistics.intervals import sources
from scaling_search.statistics.max_statistic import NullMaximum
from scaling_search.statistics.paired_differences import compare
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import difference_noise

_PAIRS = 1 << 20  # at a time


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
    draws: int | None = None,
    with_p_values: bool = True,
) -> ConfidenceSet:
    """Judge the candidates `alive` (all, unless given) against each other.

    The threshold counts every candidate in `scores`, those no longer alive too: survivors of a race are the
    lucky ones among all that started, so their number alone would understate what chance can do. Without `figures` the
    same candidates are inside, found many times faster where there are a hundred.
    """
    error = 1 - level
    judged_names = set(scores.names if alive is None else alive)
    rows = [row for row, name in enumerate(scores.names) if name in judged_names]
    statistics = _statistics(scores, rows)
    noise = difference_noise(scores)
    null = NullMaximum(scores, noise, draws)
    if with_p_values:
        judged = [null.test(row, statistic, error) for row, statistic in statistics.items()]
        inside = [statistics[row] <= threshold for row, (threshold, _) in zip(rows, judged, strict=True)]
    else:
        judged = [(math.nan, math.nan)] * len(rows)
        inside = null.inside(statistics, error)
    verdicts = [
        Verdict(name=scores.names[row], inside=within, statistic=statistics[row], threshold=threshold, p=p)
        for row, within, (threshold, p) in zip(rows, inside, judged, strict=True)
    ]
    if len(verdicts) > 1 and sum(verdict.inside for verdict in verdicts) == 1:
        verdicts = _confirm_alone(verdicts, rows, null, error)
    return ConfidenceSet(verdicts=tuple(verdicts), level=level, sources=sources(noise))


def _statistics(scores: Scores, rows: list[int]) -> dict[int, float]:
    """T of each of these rows against the others of them, some at a time: all pairs of 10,000 take gigabytes."""
    found: dict[int, float] = {}
    step = max(1, _PAIRS // len(scores.names))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        comparison = compare(scores, some)
        observed = comparison.difference / np.sqrt(comparison.variance)
        observed[some, range(len(some))] = np.nan
        among = observed if len(rows) == len(observed) else observed[rows]
        found |= zip(some, np.fmax.reduce(among, axis=0, initial=-np.inf).tolist(), strict=True)
    return found


def _confirm_alone(
    verdicts: list[Verdict], rows: list[int], null: NullMaximum, error: float
) -> list[Verdict]:
    """Let the closest rival back in unless it is out at half the error too."""
    outside = {place: verdict for place, verdict in enumerate(verdicts) if not verdict.inside}
    statistics = {rows[place]: verdict.statistic for place, verdict in outside.items()}
    closest = null.most_likely(statistics)
    place, last = next((place, outside[place]) for place in outside if rows[place] == closest)
    threshold, _ = null.test(closest, last.statistic, error / 2)
    verdicts[place] = replace(last, threshold=threshold, inside=last.statistic <= threshold)
    return verdicts
