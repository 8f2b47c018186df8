"""A search's race, fitted surface and forecast as the plain figures that the page draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_search.report.page.data import (
    Dimensions,
    Elimination,
    Forecast,
    RaceTest,
    Round,
    Surface,
)
from scaling_search.report.table import Interval, finite
from scaling_search.search.forecast.ledger_record import ForecastCheck
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.decision_log import figures_of, interval_of
from scaling_search.statistics import response_surface
from scaling_search.statistics.multiple_comparisons import LEVEL
from scaling_search.statistics.response_surface import STEPS

if TYPE_CHECKING:
    from scaling_search.racing.looks import Look


def eliminated(found: GridAnalysis) -> dict[str, Elimination]:
    """When and by what, by network."""
    said: dict[str, Elimination] = {}
    for look in () if found.race is None else found.race.looks:
        for group in look.drop:
            evidence = _evidence(look, group)
            for row in found.candidate(group).rows:
                said[row.network] = Elimination(round=look.seeds, evidence=evidence)
    return said


def _evidence(look: Look, group: str) -> str:
    behind = look.behind
    if behind is None or group not in behind.row:
        return look.drop[group]
    at = behind.row[group]
    return (
        f"at least {100 * behind.low[at]:.2f} points behind the best after {look.seeds} seeds "
        f"(statistic {behind.statistic[at]:.2f} over {behind.threshold[at]:.2f}, p = {behind.p[at]:.3g})"
    )


def race_round(look: Look) -> Round:
    behind = look.behind

    def test(name: str) -> RaceTest:
        if behind is None or name not in behind.row:
            return RaceTest(candidate=name, inside=name not in look.drop)
        said = figures_of(behind, name)
        tested = {key: said[key] for key in ("inside", "statistic", "threshold", "p")}
        return RaceTest(candidate=name, **tested, behind=interval_of(behind, name))

    return Round(
        number=look.seeds,
        seeds=look.seeds,
        tests=tuple(map(test, (*look.keep, *look.drop))),
        error=look.error or None,
    )


def surface(found: response_surface.Surface) -> Surface:
    said = any(share.said for share in found.shares)
    flat = found.p is None or found.p > 1 - LEVEL
    depth, width, resolution = (share.value for share in found.shares)
    return Surface(
        steps=STEPS,
        values=tuple(None if flat else finite(float(value)) for value in found.values),
        region=tuple(bool(inside) for inside in found.region) if said else (),
        optimum=Dimensions(depth=depth, width=width, resolution=resolution) if said else None,
        p=found.p,
        says=found.says,
    )


def forecast(found: ForecastCheck) -> Forecast:
    return Forecast(
        what="Time of the grid",
        name=f"{found.trials} of {found.planned} trials, by {found.source}",
        kind="seconds",
        forecast=Interval(
            low=found.forecast_seconds if found.low is None else found.low,
            high=found.forecast_seconds if found.high is None else found.high,
            value=found.forecast_seconds,
        ),
        actual=found.actual_seconds,
    )
