"""The decision log of a race: each look as rows of the ledger, and read from there again.

A decision follows from the results that it read, so it can be taken again at any time; a long race's many decisions are
costly to take. A look therefore carries its basis, a digest of all that was read and of the rule, and stands in for the
decision where the basis is what the ledger holds now.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scaling_search.ledger.storage.rows import DecisionRow, LookRow
from scaling_search.racing import race
from scaling_search.racing.race import Decision
from scaling_search.statistics.confidence_set import Verdict
from scaling_search.statistics.scores import Scores

CONTINUES = "continues"
RULE = 1


@dataclass(frozen=True, kw_only=True)
class Log:
    """A study's looks, and what each decided."""

    looks: tuple[LookRow, ...] = ()
    decisions: tuple[DecisionRow, ...] = ()


def decisions(
    table: Scores,
    log: Log,
    *,
    seeds: int,
    level: float,
    trained_by: str,
    with_p_values: bool = True,
) -> list[Decision]:
    """The decisions of a race of at most `seeds` rounds, as many as are complete.

    From the log as far as it rests on these very results, then taken anew. `trained_by`: recipe and data.
    """
    by_round: dict[int, list[DecisionRow]] = defaultdict(list)
    for row in log.decisions:
        by_round[row.round].append(row)
    looks = {look.round: look for look in log.looks}
    found: list[Decision] = []
    reading, rows_of = True, {name: row for row, name in enumerate(table.names)}
    for basis in bases(table, seeds=seeds, level=level, trained_by=trained_by):
        running = found[-1].keep if found else table.names
        column = len(found)
        if not all(table.present[rows_of[name], column] for name in running):
            break
        look = looks.get(column + 1)
        written = None
        if reading and look is not None and look.basis == basis:
            written = _decision(look, by_round[column + 1], running)
        reading = written is not None
        found.append(
            written or race.decide(table, found, rounds=seeds, level=level, with_p_values=with_p_values)
        )
        if found[-1].finished(seeds):
            break
    return found


def nobody_stopped(table: Scores, log: Log, *, seeds: int) -> bool:
    """Whether every candidate has all its seeds though no look was taken: trained without a race.

    One test may then spend the whole error; a race spends it over rounds, each of which may stop somebody.
    """
    return len(table.seeds) >= seeds and bool(table.present.all()) and not log.looks


def rows(decision: Decision, *, study: str, basis: str, now: str) -> list[object]:
    """A look, and one row for each candidate that it decided about."""
    tested = {verdict.name: verdict for verdict in decision.verdicts}
    look = LookRow(
        study=study,
        round=decision.round,
        rule=RULE,
        basis=basis,
        error=decision.error,
        sources=decision.sources,
        candidates=len(decision.keep) + len(decision.drop),
        remaining=len(decision.keep),
        created_at=now,
    )
    about = [
        DecisionRow(
            study=study,
            round=decision.round,
            candidate=name,
            verdict=decision.drop.get(name, CONTINUES),
            estimate=_finite(tested[name].statistic) if name in tested else None,
            high=_finite(tested[name].threshold) if name in tested else None,
        )
        for name in (*decision.keep, *decision.drop)
    ]
    return [look, *about]


def bases(table: Scores, *, seeds: int, level: float, trained_by: str) -> Iterator[str]:
    """For each round the digest of what its decision rests on: rule, trials up to its seed, and how they are judged.

    Results of a trial never change, so naming the trial is enough.
    """
    so_far = hashlib.sha256(json.dumps([RULE, trained_by, seeds, level]).encode())
    for column in range(min(seeds, len(table.seeds))):
        there = [table.names[row] for row in table.present[:, column].nonzero()[0]]
        so_far.update(json.dumps([table.seeds[column], *there]).encode())
        yield so_far.hexdigest()


def _decision(look: LookRow, written: Iterable[DecisionRow], running: Sequence[str]) -> Decision | None:
    """What the rows of one look say about those running; None unless there is one for each."""
    known = {row.candidate: row for row in written}
    if not known.keys() >= set(running):
        return None
    ordered = [known[name] for name in running]
    return Decision(
        round=look.round,
        keep=tuple(row.candidate for row in ordered if row.verdict == CONTINUES),
        drop={row.candidate: row.verdict for row in ordered if row.verdict != CONTINUES},
        verdicts=tuple(_verdict(row) for row in ordered if look.error > 0),
        error=look.error,
        sources=look.sources,
    )


def _verdict(row: DecisionRow) -> Verdict:
    return Verdict(
        name=row.candidate,
        inside=row.verdict == CONTINUES,
        statistic=-float("inf") if row.estimate is None else row.estimate,
        threshold=float("inf") if row.high is None else row.high,
        p=float("nan"),
    )


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
