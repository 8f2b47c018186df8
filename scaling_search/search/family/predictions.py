"""Predictions along the family: made before a member is trained, and the end of it where the curve is flat."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import DecisionRow, TrialRow
from scaling_search.report.table import Interval
from scaling_search.search.plan.candidates import Candidate
from scaling_search.statistics.power_law import Flatness, Point, flat, predict
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader


PREDICTED = "predicted"


def points(members: Sequence[Candidate], trials: Sequence[TrialRow]) -> list[Point]:
    """Members with complete trials. A mean's standard error is that over seeds; with one seed, that from images."""
    found = []
    for member in members:
        mine = [row for row in trials if row.network == member.fingerprint and row.state == "complete"]
        values = [row.accuracy for row in mine if row.accuracy is not None]
        if not values:
            continue
        mean = sum(values) / len(values)
        if len(values) > 1:
            error = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
        else:
            error = math.sqrt(mean * (1 - mean) / (mine[0].correct_count or 1))
        found.append(Point(macs=float(member.cost.macs), accuracy=mean, error=error))
    return found


def record_prediction(ledger: Ledger, study: str, member: Candidate, known: Sequence[Point]) -> None:
    """Says the member's accuracy before it is trained. What was said first stays, so that it can be wrong."""
    if not usable(known) or member.fingerprint in predictions(ledger, study):
        return
    (said,) = predict(known, [float(member.cost.macs)])
    ledger.record_decisions(
        [
            DecisionRow(
                study=study,
                round=0,
                network=member.fingerprint,
                verdict=PREDICTED,
                statistic=said.accuracy,
                detail=json.dumps(asdict(said)),
                created_at=utc_now(),
            )
        ]
    )


def predictions(ledger: Reader, study: str) -> Mapping[str, Interval]:
    """What was predicted, by network fingerprint."""
    found = {}
    for row in ledger.decisions(study):
        if row.verdict == PREDICTED and row.detail is not None:
            said = json.loads(row.detail)
            found[row.network] = Interval(low=said["low"], high=said["high"], value=said["accuracy"])
    return found


def next_step(known: Sequence[Point], member: Candidate) -> Flatness | None:
    """Whether the gain to `member` is within noise; None while too little is known."""
    return flat(known, float(member.cost.macs)) if usable(known) else None


def usable(known: Sequence[Point]) -> bool:
    """A curve needs members of two sizes, and some noise to weigh them by."""
    return len({point.macs for point in known}) >= 2 and any(point.error > 0 for point in known)
