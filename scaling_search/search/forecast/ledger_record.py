"""A grid's forecast as its ledger keeps it from the start, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scaling_search.ledger.storage.rows import FINISHED, DecisionRow, TrialRow
from scaling_search.report.figures import duration
from scaling_search.search.forecast.model import Basis, Forecast, NetworkSeed, elapsed, forecast, missing
from scaling_search.search.plan.grid_plan import Planned
from scaling_search.search.trial.ledger_rows import BEFORE_ALL, WHOLE_STUDY
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader


VERDICT = "forecast"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A forecast for the trials that are complete by now, and what they took, in wall-clock seconds.

    planned, planned_seconds: all that was forecast, before a race or a stop took trials away.
    """

    source: str
    device: str
    forecast_seconds: float
    actual_seconds: float
    trials: int
    planned: int
    planned_seconds: float

    @property
    def ratio(self) -> float:
        """Actual ÷ forecast."""
        return self.actual_seconds / self.forecast_seconds


def done(rows: Sequence[TrialRow]) -> set[NetworkSeed]:
    """The finished ones of these trials."""
    return {(row.network, row.seed) for row in rows if row.state in FINISHED}


def stands(ledger: Reader, planned: Planned, rows: Sequence[TrialRow]) -> bool:
    """Whether nothing is left to forecast: a forecast was made that covers all that is still to train."""
    said = _said(ledger, planned.study.name)
    left = set(missing(planned, done(rows)))
    if not left:
        return True
    recipe = planned.study.resolved_recipe().canonical()
    return said is not None and said["recipe"] == recipe and left <= {(n, s) for n, s in said["trials"]}


def record_forecast(ledger: Ledger, planned: Planned, basis: Basis, rows: Sequence[TrialRow]) -> Forecast:
    """Makes the forecast and writes it into the ledger, in place of an earlier one that no longer fits."""
    found = forecast(planned, basis, done(rows))
    detail = {
        "source": found.source,
        "device": found.device,
        "platform": found.platform,
        "recipe": planned.study.resolved_recipe().canonical(),
        "trials": missing(planned, done(rows), basis.block),
        "trial_seconds": dict(zip(found.networks, found.trial_seconds, strict=True)),
        "compile_seconds": {
            network: 0.0 if network in basis.compiled else basis.compile_seconds for network in found.networks
        },
    }
    ledger.record_decisions(
        [
            DecisionRow(
                study=planned.study.name,
                round=BEFORE_ALL,
                network=WHOLE_STUDY,
                verdict=VERDICT,
                statistic=found.total_seconds,
                detail=json.dumps(detail),
                created_at=utc_now(),
            )
        ]
    )
    return found


def compare(ledger: Reader, study: str, rows: Sequence[TrialRow]) -> Compared | None:
    """Forecast and actual of the complete ones of `rows`; None without a forecast, or before one of its trials is."""
    said = _said(ledger, study)
    if said is None:
        return None
    took = {
        (row.network, row.seed): row
        for row in rows
        if row.state == "complete" and row.recipe == said["recipe"]
    }
    planned = [(network, seed) for network, seed in said["trials"]]
    trials = [trial for trial in planned if trial in took]
    if not trials:
        return None
    seconds, compiling, platform = said["trial_seconds"], said["compile_seconds"], said["platform"]
    return Compared(
        source=said["source"],
        device=said["device"],
        forecast_seconds=elapsed(trials, seconds, compiling, platform=platform),
        actual_seconds=_seconds([took[trial] for trial in trials]),
        trials=len(trials),
        planned=len(planned),
        planned_seconds=elapsed(planned, seconds, compiling, platform=platform),
    )


def sentence(found: Compared) -> str:
    """Both in words."""
    part = (
        ""
        if found.trials == found.planned
        else (
            f" for the {found.trials} trials that were run, of {found.planned} forecast to take "
            f"{duration(found.planned_seconds)}"
        )
    )
    return (
        f"Forecast {duration(found.forecast_seconds)}, actual {duration(found.actual_seconds)} "
        f"({found.ratio:.2f}x){part}, by {found.source} before the start."
    )


def _said(ledger: Reader, study: str) -> dict[str, Any] | None:
    for row in ledger.decisions(study):
        if (row.round, row.verdict) == (BEFORE_ALL, VERDICT) and row.detail is not None:
            said: dict[str, Any] = json.loads(row.detail)
            return said
    return None


def _seconds(rows: Sequence[TrialRow]) -> float:
    """Seconds on the clock in which any of the trials ran, from claim to result, compiling included.

    Trials that run together count once. One that was stopped and continued counts what it trained before, too.
    """
    total, reached = 0.0, None
    spans = []
    for row in rows:
        trained = (row.train_seconds or 0.0) + (row.evaluate_seconds or 0.0)
        wall = 0.0
        if row.started_at is not None and row.finished_at is not None:
            span = datetime.fromisoformat(row.started_at), datetime.fromisoformat(row.finished_at)
            spans.append(span)
            wall = (span[1] - span[0]).total_seconds()
        total += max(0.0, trained - wall)
    for start, end in sorted(spans):
        begin = start if reached is None else max(start, reached)
        total += max(0.0, (end - begin).total_seconds())
        reached = end if reached is None else max(end, reached)
    return total
