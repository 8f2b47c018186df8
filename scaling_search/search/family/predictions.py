"""Predictions along the family: made before a member is trained, and the end of it where the curve is flat."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import PredictionRow, TrialRow
from scaling_search.ledger.storage.schema import PREDICTIONS
from scaling_search.report.table import Interval
from scaling_search.search.plan.builds import Build
from scaling_search.statistics import RULE_VERSION
from scaling_search.statistics.power_law import Flatness, Point, flat, predict
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader


def points(members: Sequence[Build], trials: Sequence[TrialRow]) -> list[Point]:
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
        found.append(Point(macs=float(member.cost.macs), accuracy=mean, error=error, seeds=len(values)))
    return found


def record_prediction(ledger: Ledger, study: str, role: str, member: Build, known: Sequence[Point]) -> None:
    """Says the member's accuracy before it is trained. What was said first stays, so that it can be wrong."""
    if not usable(known):
        return
    (said,) = predict(known, [float(member.cost.macs)])
    row = PredictionRow(
        study=study,
        role=role,
        network=member.fingerprint,
        rule=RULE_VERSION,
        accuracy=said.accuracy,
        low=said.low,
        high=said.high,
        members=said.members,
        scenario=said.scenario,
        created_at=utc_now(),
    )
    ledger.record([row])


def predictions(ledger: Reader, study: str, role: str) -> Mapping[str, Interval]:
    """What was predicted, by network fingerprint."""
    rows = ledger.rows(PREDICTIONS, study=study, role=role)
    return {row.network: Interval(low=row.low, high=row.high, value=row.accuracy) for row in rows}


def next_step(known: Sequence[Point], member: Build) -> Flatness | None:
    """Whether the gain to `member` is within noise; None while too little is known."""
    return flat(known, float(member.cost.macs)) if usable(known) else None


def usable(known: Sequence[Point]) -> bool:
    """A curve needs members of two sizes, and some noise to weigh them by."""
    return len({point.macs for point in known}) >= 2 and any(point.error > 0 for point in known)
