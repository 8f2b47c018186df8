"""The comparison with the best in the shape that `search` reads until it reads `multiple_comparisons` itself.

Everything here goes once its callers do, as do `intervals.differences` and `variance_components.difference_noise`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from scaling_search.statistics.decision import preference
from scaling_search.statistics.intervals import IMAGES, IMAGES_AND_SEEDS
from scaling_search.statistics.multiple_comparisons import compare
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import noise


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One candidate's test: `BehindTheBest`'s statistic, threshold and p."""

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
    with_p_values: bool = True,  # noqa: ARG001 - they cost nothing any more
) -> ConfidenceSet:
    """Judge the candidates `alive` (all, unless given) against each other, by `compare`."""
    found = compare(scores, level=level, among=alive, draws=draws)
    alone = len(found.names) == 1
    verdicts = tuple(
        Verdict(
            name=name,
            inside=bool(found.inside[row]),
            statistic=-np.inf if alone else float(found.statistic[row]),
            threshold=np.inf if alone else float(found.threshold[row]),
            p=1.0 if alone else float(found.p[row]),
        )
        for row, name in enumerate(found.names)
    )
    return ConfidenceSet(verdicts=verdicts, level=level, sources=_sources(scores))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """winner: the best mean; tied: the rest of the set, best mean first; cheapest: the cheapest of the set."""

    winner: str
    tied: tuple[str, ...]
    cheapest: str


def choose(
    scores: Scores,
    members: ConfidenceSet,
    *,
    costs: Mapping[str, float],
    triples: Mapping[str, tuple[float, float, float]],
) -> Choice:
    """The best mean of the set, the others, and the cheapest; of equal ones the cheaper, then the more central."""
    behind = compare(scores, among=members.names)
    order = preference(behind, costs, triples)
    means = dict(zip(scores.names, noise(scores).means, strict=True))
    ranked = sorted(members.names, key=lambda name: (-round(float(means[name]), 12), order[name]))
    return Choice(
        winner=ranked[0], tied=tuple(ranked[1:]), cheapest=min(members.names, key=order.__getitem__)
    )


def _sources(scores: Scores) -> str:
    return IMAGES_AND_SEEDS if noise(scores).seed.known else IMAGES
