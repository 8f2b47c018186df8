"""A forecast, said before the start, kept in the ledger, and set beside what it took."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.decision_rows import ForecastRow, ForecastTrialRow
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.ledger.storage.schema import FORECAST_TRIALS, FORECASTS
from scaling_search.search.forecast import ledger_record, model
from scaling_search.search.forecast.model import Basis
from scaling_search.search.grid.report import report_of
from scaling_search.search.tables import grid_table
from scaling_search.search.trial.timing import Timing
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import TrainingStopped
from tests.search.forecast.rows import trial
from tests.search.pretend import Listener, PretendNetworks, planned, searched, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def kept(ledger: Ledger) -> tuple[list[ForecastRow], list[ForecastTrialRow]]:
    return ledger.rows(FORECASTS, study="s"), ledger.rows(FORECAST_TRIALS, study="s")


def clocked(*spans: tuple[int, int], trained: float = 1.0) -> list[TrialRow]:
    """Trials of seeds 0, 1, … that ran from one second of a minute to another."""
    return [
        trial(
            "a",
            10,
            trained - 1.0,
            seed=seed,
            started_at=f"2026-01-01T00:00:{start:02d}+00:00",
            finished_at=f"2026-01-01T00:00:{end:02d}+00:00",
        )
        for seed, (start, end) in enumerate(spans)
    ]


@pytest.mark.parametrize(
    ("rows", "seconds"),
    [
        pytest.param(clocked((0, 10), (10, 15), (30, 31)), 16, id="one after the other, with a pause"),
        pytest.param(clocked((0, 10), (0, 10), (5, 12)), 12, id="at once"),
        pytest.param(clocked((0, 10), (10, 20), trained=14), 28, id="stopped and continued"),
        pytest.param([trial("a", 10, 3.0)], 4, id="no clock"),
    ],
)
def test_what_trials_took_is_time_on_the_clock(ledger: Ledger, rows: list[TrialRow], seconds: float) -> None:
    plan = planned(study(seeds=len(rows), racing=False))
    network = plan.networks[0].fingerprint
    mine = [dataclasses.replace(row, network=network) for row in rows]
    trials = {row.fingerprint: (row.cost.macs, 2.0) for row in plan.networks}
    basis = Basis(source="s", device="cpu", platform="cpu", trials=trials, compile_seconds=3.0)
    ledger_record.record_forecast(ledger, "s", plan, basis, [])
    assert ledger_record.check(ledger, "s", []) is None
    found = ledger_record.check(ledger, "s", mine)
    assert found is not None
    assert (found.actual_seconds, found.trials) == (pytest.approx(seconds), len(rows))
    assert found.forecast_seconds == pytest.approx(3 + 2 * len(rows))
    assert found.planned == len(trials) * len(rows) + len(plan.base_seeds)
    said = ledger_record.sentence(found)
    assert f"for the {len(rows)} trials that were run, of {found.planned} forecast" in said


def test_no_forecast_is_none_to_be_checked(ledger: Ledger) -> None:
    assert ledger_record.check(ledger, "s", clocked((0, 10))) is None


def test_what_is_forecast_is_in_the_order_of_the_training(ledger: Ledger) -> None:
    plan = planned()
    basis = Basis(
        source="s", device="gpu", platform="gpu", trials={"a": (10, 1.0)}, compile_seconds=1.0, block=2
    )
    found = ledger_record.record_forecast(ledger, "s", plan, basis, [])
    (row,), trials = kept(ledger)
    assert (row.source, row.device, row.platform, row.seconds) == ("s", "gpu", "gpu", found.total_seconds)
    trials.sort(key=lambda one: one.position)
    order = [(one.network, one.seed) for one in trials]
    assert order == model.missing(plan, set(), 2) != model.missing(plan, set())
    assert {one.compile_seconds for one in trials} == {1.0}


def test_a_later_forecast_takes_the_place_of_one_that_does_not_cover_what_is_left(ledger: Ledger) -> None:
    basis = Basis(source="s", device="cpu", platform="cpu", trials={"a": (10, 1.0)}, compile_seconds=1.0)
    for seeds, kept_seeds in ((2, 2), (1, 2), (4, 4)):
        plan = planned(study(seeds=seeds))
        found = ledger_record.record_forecast(ledger, "s", plan, basis, [])
        assert found.missing == len(model.missing(plan, set())), "what is said is of what is left"
        rows, trials = kept(ledger)
        assert len(rows) == 1
        expected = model.missing(planned(study(seeds=kept_seeds)), set())
        assert {(one.network, one.seed) for one in trials} == set(expected)


def test_grid_says_its_forecast_first_and_the_report_what_came_of_it(ledger: Ledger) -> None:
    listener = Listener()
    result = searched(ledger, study(), listener=listener)
    assert any(note.startswith("measuring: compiling ") for note in listener.noted)
    assert any(note.startswith("Time, by a short measurement") for note in listener.noted)
    check = result.forecast
    assert check is not None and check.trials == len(result.trials) + len(result.plan.base_seeds)
    # Trials say 2.1 s each and take no time on the clock.
    assert check.actual_seconds == pytest.approx(2.1 * check.trials)
    networks = len({row.network for row in result.trials})
    assert check.forecast_seconds == pytest.approx(networks + 2.2 * check.trials, rel=0.15)
    assert grid_table.record(result)["forecast"]["ratio"] == check.ratio
    report = report_of(ledger, result.study, result.trials, result.found)
    (note,) = [note for note in report.details if note.startswith("Forecast ")]
    assert f"({check.ratio:.2f}x)" in note

    before, again = kept(ledger), Listener()
    searched(ledger, study(), listener=again)
    assert again.noted == []
    assert kept(ledger) == before

    # More seeds are another forecast, by the trials that are there now.
    more = Listener()
    assert searched(ledger, study(seeds=4, racing=False), listener=more).forecast is not None
    assert any(note.startswith("Time, by trials in the ledger") for note in more.noted)
    assert {one.seed for one in kept(ledger)[1]} == {3}


def test_a_search_that_goes_on_says_what_is_left_and_keeps_its_forecast(ledger: Ledger) -> None:
    begun = [0]

    def stopped(trial: Trial) -> float | Exception:
        begun[0] += 1
        return TrainingStopped(None) if begun[0] == 6 else 0.5

    with pytest.raises(TrainingStopped):
        searched(ledger, study(racing=False), stopped)
    before, again = kept(ledger), Listener()
    plan = searched(ledger, study(racing=False), listener=again).plan
    left = len(model.missing(plan, ())) - 5
    (note,) = [note for note in again.noted if note.startswith("Time, by trials in the ledger")]
    assert f"{left} trials are still to train, about" in note
    assert kept(ledger) == before


def test_what_a_race_spares_is_in_the_forecast_and_not_in_the_check(ledger: Ledger) -> None:
    best = planned().networks[2].fingerprint

    def learns(trial: Trial) -> float:
        return 0.95 if fingerprint(trial.network) == best else 0.3

    result = searched(ledger, study(seeds=4), learns)
    check = result.forecast
    assert check is not None and check.trials == len(result.trials) + 3 < check.planned
    assert check.forecast_seconds < check.planned_seconds
    before, again = kept(ledger), Listener()
    searched(ledger, study(seeds=4), learns, listener=again)
    assert again.noted == []
    assert kept(ledger) == before


def test_a_measurement_that_fails_stops_no_search(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(self: PretendNetworks, network: Network, macs: int) -> Timing:
        raise RuntimeError("INTERNAL: no")

    monkeypatch.setattr(PretendNetworks, "timing", breaks)
    listener = Listener()
    result = searched(ledger, study(), listener=listener)
    assert result.winner is not None
    assert result.forecast is None
    assert "no forecast: RuntimeError: INTERNAL: no" in listener.said
