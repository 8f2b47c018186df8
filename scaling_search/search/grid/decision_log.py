"""The decision log of a race: each round's decisions as rows of the ledger, and read from there again.

A decision follows from the results that it read, so it can be taken again at any time; a long race's many
decisions are costly to take. Rows therefore carry their basis, a digest of all that was read, and stand in for
the decision where the basis is what the ledger holds now.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scaling_search.ledger.storage.rows import DecisionRow
from scaling_search.racing import race
from scaling_search.racing.race import Decision
from scaling_search.statistics.confidence_set import Verdict
from scaling_search.statistics.scores import Scores

GOES_ON = "goes on"


def decisions(
    table: Scores,
    recorded: Iterable[DecisionRow],
    *,
    seeds: int,
    level: float,
    trained_by: str,
    with_p_values: bool = True,
) -> list[Decision]:
    """The decisions of a race of at most `seeds` rounds, as many as are complete.

    From the log as far as they rest on these very results, then taken anew (without the `figures`
    behind them where only who stays matters). `trained_by`: recipe and data.
    """
    by_round: dict[int, list[DecisionRow]] = defaultdict(list)
    for row in recorded:
        by_round[row.round].append(row)
    found: list[Decision] = []
    reading, rows_of = True, {name: row for row, name in enumerate(table.names)}
    for basis in bases(table, seeds=seeds, level=level, trained_by=trained_by):
        running = found[-1].keep if found else table.names
        column = len(found)
        if not all(table.present[rows_of[name], column] for name in running):
            break
        written = _decision(by_round.get(column + 1, []), running, basis) if reading else None
        reading = written is not None
        found.append(
            written or race.decide(table, found, rounds=seeds, level=level, with_p_values=with_p_values)
        )
        if found[-1].finished(seeds):
            break
    return found


def nobody_stopped(table: Scores, recorded: Iterable[DecisionRow], *, seeds: int) -> bool:
    """Whether every candidate has all its seeds though no round was decided: trained without a race.

    One test may then spend the whole error; a race spends it over rounds, each of which may stop somebody.
    """
    complete = len(table.seeds) >= seeds and bool(table.present.all())
    return complete and not any(row.round > 0 for row in recorded)


def rows(decision: Decision, *, study: str, basis: str, now: str) -> list[DecisionRow]:
    """One row for each candidate that a round decided about."""
    tested = {verdict.name: verdict for verdict in decision.verdicts}
    about = {"basis": basis, "error": decision.error, "sources": decision.sources}
    found = []
    for name in (*decision.keep, *decision.drop):
        verdict = tested.get(name)
        found.append(
            DecisionRow(
                study=study,
                round=decision.round,
                network=name,
                verdict=decision.drop.get(name, GOES_ON),
                statistic=None if verdict is None else _finite(verdict.statistic),
                threshold=None if verdict is None else _finite(verdict.threshold),
                detail=json.dumps(about if verdict is None else about | {"p": verdict.p}),
                created_at=now,
            )
        )
    return found


def bases(table: Scores, *, seeds: int, level: float, trained_by: str) -> Iterator[str]:
    """For each round the digest of what its decision rests on: the trials up to its seed, and how they are judged.

    Results of a trial never change, so naming the trial is enough.
    """
    so_far = hashlib.sha256(json.dumps([trained_by, seeds, level]).encode())
    for column in range(min(seeds, len(table.seeds))):
        there = [table.names[row] for row in table.present[:, column].nonzero()[0]]
        so_far.update(json.dumps([table.seeds[column], *there]).encode())
        yield so_far.hexdigest()


def _decision(written: Sequence[DecisionRow], running: Sequence[str], basis: str) -> Decision | None:
    """What the rows of one round say about those running; None unless there is one for each that rests on `basis`."""
    details: dict[str, dict[str, Any]] = {row.network: json.loads(row.detail or "{}") for row in written}
    # Rows of an earlier search by this name may stand beside them.
    known = {row.network: row for row in written if details[row.network].get("basis") == basis}
    if known.keys() != set(running):
        return None
    ordered = [known[name] for name in running]
    return Decision(
        round=ordered[0].round,
        keep=tuple(row.network for row in ordered if row.verdict == GOES_ON),
        drop={row.network: row.verdict for row in ordered if row.verdict != GOES_ON},
        verdicts=tuple(
            _verdict(row, details[row.network]["p"]) for row in ordered if "p" in details[row.network]
        ),
        error=details[ordered[0].network]["error"],
        sources=details[ordered[0].network]["sources"],
    )


def _verdict(row: DecisionRow, p: float) -> Verdict:
    return Verdict(
        name=row.network,
        inside=row.verdict == GOES_ON,
        statistic=-float("inf") if row.statistic is None else row.statistic,
        threshold=float("inf") if row.threshold is None else row.threshold,
        p=p,
    )


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
