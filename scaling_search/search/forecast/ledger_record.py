"""A search's forecast as its ledger keeps it from the start, and what became of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.decision_rows import ForecastRow, ForecastTrialRow
from scaling_search.ledger.storage.rows import BASE, GRID, TrialRow
from scaling_search.ledger.storage.schema import FORECAST_TRIALS, FORECASTS
from scaling_search.report.figures import duration
from scaling_search.search.forecast.model import Basis, Forecast, NetworkSeed, elapsed, forecast, missing
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.system import machine
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader


@dataclass(frozen=True, kw_only=True)
class ForecastCheck:
    """A forecast for the trials that are complete by now, and what they took, in wall-clock seconds.

    planned, planned_seconds: all that was forecast, before a race or a stop took trials away; low, high: what nine
    searches of ten would take of `forecast_seconds`; load: of the machine at that time.
    """

    source: str
    device: str
    forecast_seconds: float
    actual_seconds: float
    trials: int
    planned: int
    planned_seconds: float
    low: float | None
    high: float | None
    load: float | None

    @property
    def ratio(self) -> float:
        """Actual ÷ forecast."""
        return self.actual_seconds / self.forecast_seconds


def record_forecast(
    ledger: Ledger, study: str, plan: GridPlan, basis: Basis, over: Collection[NetworkSeed]
) -> Forecast:
    """The forecast of what is left; in the ledger, too, unless an earlier one there covers all of it.

    `over`: trials that are finished, or spared.
    """
    found = forecast(plan, basis, over)
    said = {(row.network, row.seed) for row in ledger.rows(FORECAST_TRIALS, study=study)}
    left = missing(plan, over, basis.block)
    if set(left) <= said:
        return found
    seconds = dict(zip(found.networks, found.trial_seconds, strict=True))
    row = ForecastRow(
        study=study,
        source=found.source,
        device=found.device,
        platform=found.platform,
        load=machine.load(),
        seconds=found.total_seconds,
        low=found.low_seconds,
        high=found.high_seconds,
        created_at=utc_now(),
    )
    trials = [
        ForecastTrialRow(
            study=study,
            position=position,
            network=network,
            seed=seed,
            seconds=seconds[network],
            compile_seconds=basis.compiling(network),
        )
        for position, (network, seed) in enumerate(left)
    ]
    ledger.record([row, *trials], instead_of=[(FORECAST_TRIALS, {"study": study})])
    return found


def check(ledger: Reader, study: str, rows: Sequence[TrialRow] | None = None) -> ForecastCheck | None:
    """Forecast and actual of the trials that are complete; None without a forecast, or before one of its trials is.

    rows: the trials, those of the study's search unless given.
    """
    said = ledger.rows(FORECASTS, study=study)
    if not said:
        return None
    (row,) = said
    if rows is None:
        rows = ledger.trials(study=study, roles=(GRID, BASE))
    took = {(one.network, one.seed): one for one in rows if one.state == "complete"}
    planned = sorted(ledger.rows(FORECAST_TRIALS, study=study), key=lambda trial: trial.position)
    every = [(trial.network, trial.seed) for trial in planned]
    trials = [trial for trial in every if trial in took]
    if not trials:
        return None
    seconds = {trial.network: trial.seconds for trial in planned}
    compiling = {trial.network: trial.compile_seconds for trial in planned}
    expected = elapsed(trials, seconds, compiling, platform=row.platform)
    return ForecastCheck(
        source=row.source,
        device=row.device,
        forecast_seconds=expected,
        actual_seconds=_seconds([took[trial] for trial in trials]),
        trials=len(trials),
        planned=len(every),
        planned_seconds=elapsed(every, seconds, compiling, platform=row.platform),
        low=None if row.low is None else min(1.0, row.low / row.seconds) * expected,
        high=None if row.high is None else max(1.0, row.high / row.seconds) * expected,
        load=row.load,
    )


def sentence(found: ForecastCheck) -> str:
    """Both in words."""
    part = (
        ""
        if found.trials == found.planned
        else (
            f" for the {found.trials} trials that were run, of {found.planned} forecast to take "
            f"{duration(found.planned_seconds)}"
        )
    )
    between = (
        ""
        if found.low is None or found.high is None
        else f" ({duration(found.low)} to {duration(found.high)})"
    )
    load = "" if found.load is None else f", load {found.load:.1f}"
    return (
        f"Forecast {duration(found.forecast_seconds)}{between}, actual {duration(found.actual_seconds)} "
        f"({found.ratio:.2f}x){part}, by {found.source} before the start{load}."
    )


def _seconds(rows: Sequence[TrialRow]) -> float:
    """Seconds on the clock in which any of the trials ran, from claim to result, compiling included.

    Trials that run at the same time count once. One that was stopped and continued counts what it trained before, too.
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
