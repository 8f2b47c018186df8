"""Predictions along the family: made before a member is trained, and the end of it where the curve is flat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.decision_rows import PredictionRow
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.ledger.storage.schema import PREDICTIONS
from scaling_search.report.table import Interval
from scaling_search.search.grid.candidates import bits_of
from scaling_search.search.plan.builds import Build
from scaling_search.statistics import RULE_VERSION, ImageSample, gather
from scaling_search.statistics.power_law import Flatness, Point, flat, points_of, predict
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader


def points(
    members: Sequence[Build], trials: Sequence[TrialRow], sample: ImageSample | None = None
) -> list[Point]:
    """Members with complete trials (rows with their bits), their errors moderated like those of candidates."""
    right = {
        member.fingerprint: {
            row.seed: bits_of(row)
            for row in trials
            if row.network == member.fingerprint and row.state == "complete" and row.correct is not None
        }
        for member in members
    }
    if not any(right.values()):
        return []
    return points_of(
        gather(right, sample), {member.fingerprint: float(member.cost.macs) for member in members}
    )


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
