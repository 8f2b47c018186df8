"""The decision log of a race: each look as rows of the ledger, and read from there again.

A look follows from the results that it read, so it can be taken again at any time; those of a long race are costly. A
row therefore carries its basis, a digest of all that was read and of the rule, and stands in for the look where the
basis is what the ledger holds now.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_search.ledger.storage.decision_rows import DecisionRow, LookRow
from scaling_search.ledger.storage.schema import DECISIONS, LOOKS
from scaling_search.racing.looks import Look
from scaling_search.report.table import Interval, finite
from scaling_search.statistics import RULE_VERSION, BehindTheBest, Decision
from scaling_search.statistics.multiple_comparisons import LEVEL

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader

CONTINUES = "continues"
_FIGURES: Mapping[str, type] = {
    **dict.fromkeys(("estimate", "low", "high", "statistic", "threshold", "p"), float),
    "inside": bool,
    "seeds": int,
    "collapsed": int,
}


def rows(look: Look, *, study: str, now: str, decision: Decision | None = None) -> list[object]:
    """A look, and one row for each candidate that it decided about; `decision`: what was named after it."""
    behind = look.behind
    row = LookRow(
        study=study,
        round=look.seeds,
        rule=RULE_VERSION,
        basis=look.basis,
        error=look.error,
        candidates=len(look.keep) + len(look.drop),
        remaining=len(look.keep),
        nothing_decided=None if behind is None else behind.nothing_decided,
        winner=None if decision is None else decision.winner,
        decided=decision is not None and decision.decided,
        indifference=None if decision is None else decision.indifference,
        created_at=now,
    )
    return [row, *(_row(look, study, name) for name in (*look.keep, *look.drop))]


def has(ledger: Reader, look: Sequence[object]) -> bool:
    """Whether the ledger has this look with what was named after it, whenever that was."""
    (row,) = (one for one in look if isinstance(one, LookRow))
    before = ledger.rows(LOOKS, study=row.study, round=row.round)
    return any(replace(one, created_at=row.created_at) == row for one in before)


def _row(look: Look, study: str, name: str) -> DecisionRow:
    return DecisionRow(
        study=study,
        round=look.seeds,
        candidate=name,
        verdict=look.drop.get(name, CONTINUES),
        **figures_of(look.behind, name),
    )


def figures_of(behind: BehindTheBest | None, name: str) -> dict[str, Any]:
    """What `behind` says of a candidate, by the names of its fields; None where that is not finite.

    Empty where the candidate was not compared.
    """
    at = None if behind is None else behind.row.get(name)
    return {} if at is None else {key: finite(getattr(behind, key)[at].item()) for key in _FIGURES}


def interval_of(behind: BehindTheBest, name: str) -> Interval | None:
    """How far a candidate is behind the best; None where that is not known.

    While nothing is decided, as after one seed, limits that are both 0 only say that the candidate leads.
    """
    said = figures_of(behind, name)
    low, high, value = (said.get(key) for key in ("low", "high", "estimate"))
    if low is None or high is None or (behind.nothing_decided is not None and low == high):
        return None
    return Interval(low=low, high=high, value=value)


def read(ledger: Reader, study: str, order: Sequence[str]) -> list[Look]:
    """The looks that the ledger has of a study, candidates in the race's `order`."""
    by_round: dict[int, dict[str, DecisionRow]] = {}
    for row in ledger.rows(DECISIONS, study=study):
        by_round.setdefault(row.round, {})[row.candidate] = row
    return [
        _look(row, by_round.get(row.round, {}), order)
        for row in sorted(ledger.rows(LOOKS, study=study), key=lambda row: row.round)
        if row.rule == RULE_VERSION
    ]


def _look(row: LookRow, about: dict[str, DecisionRow], order: Sequence[str]) -> Look:
    ordered = [about[name] for name in order if name in about]
    tested = [one for one in ordered if one.inside is not None]

    def column(name: str) -> np.ndarray:
        values = [getattr(one, name) for one in tested]
        known = np.array([math.nan if value is None else value for value in values])
        return known.astype(_FIGURES[name])

    behind = None
    if tested:
        behind = BehindTheBest(
            names=tuple(one.candidate for one in tested),
            **{name: column(name) for name in _FIGURES},
            level=1 - row.error if row.error else LEVEL,
            nothing_decided=row.nothing_decided,
        )
    return Look(
        seeds=row.round,
        keep=tuple(one.candidate for one in ordered if one.verdict == CONTINUES),
        drop={one.candidate: one.verdict for one in ordered if one.verdict != CONTINUES},
        error=row.error,
        behind=behind,
        basis=row.basis,
    )
