"""How long it will take: from a measurement or from trials, said before the start and set beside what it took."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.forecast import ledger_record, model, probe, timing_cache
from scaling_search.search.forecast.model import Basis, affine, elapsed, from_calibration, from_ledger, wanted
from scaling_search.search.forecast.timing_cache import Calibration
from scaling_search.search.grid import requirements, search
from scaling_search.search.plan.grid_plan import Planned, plan
from scaling_search.search.plan.study import Study
from scaling_search.search.tables import grid_table
from scaling_search.search.trial.timing import Timing
from scaling_search.search.trial.trial import Trial
from tests.search.pretend import RECIPE, Learns, Pretend, study


def timing(network: str, macs: int, **more: Any) -> Timing:
    fields: dict[str, Any] = {
        "compile_seconds": 10.0,
        "setup_seconds": 1.0,
        "step_seconds": 0.1,
        "image_seconds": 0.01,
        "memory_bytes": None,
    }
    return Timing(network=network, macs=macs, **(fields | more))


def calibrated(*timings: Timing, device: str = "cpu, here", platform: str = "cpu") -> Calibration:
    return Calibration(device=device, platform=platform, memory_bytes=2**30, timings=timings)


def trial(network: str, macs: int, seconds: float, **more: Any) -> TrialRow:
    fields: dict[str, Any] = {
        "key": f"{network}/{more.get('seed', 0)}",
        "network_name": network,
        "recipe": RECIPE.canonical(),
        "dataset": "d",
        "dataset_name": "digits",
        "seed": 0,
        "state": "complete",
        "train_seconds": seconds,
        "evaluate_seconds": 1.0,
        "compile_seconds": 20.0,
        "device": "cpu, here",
        "finished_at": "2026-01-01T00:00:00+00:00",
    }
    return TrialRow(network=network, macs=macs, **(fields | more))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


@pytest.mark.parametrize(
    ("points", "at_40"),
    [
        pytest.param([(10, 5.0)], 20.0, id="one network: in proportion"),
        pytest.param([(10, 3.0), (20, 5.0)], 9.0, id="two: a line"),
        pytest.param(
            [(10, 1.0), (20, 4.0)], 40 * (0.1 + 0.2) / (0.1**2 + 0.2**2) * 0.1, id="a line below 0 at 0"
        ),
        pytest.param([(10, 5.0), (20, 3.0)], 4.0, id="a falling line: their mean"),
    ],
)
def test_seconds_follow_macs(points: list[tuple[int, float]], at_40: float) -> None:
    if points == [(10, 1.0), (20, 4.0)]:
        # In proportion, relative errors least: Σ(x/t) / Σ(x/t)² for x/t = 10 and 5.
        at_40 = 40 * (10 + 5) / (10**2 + 5**2)
    assert affine(points, 40) == pytest.approx(at_40)


def test_a_network_that_was_measured_takes_what_it_took() -> None:
    basis = from_calibration(
        RECIPE, calibrated(timing("a", 10), timing("b", 20, step_seconds=0.2)), train=640, validation=100
    )
    # 5 epochs of 10 steps and 100 images, and setting up.
    assert basis.seconds("a", 10) == pytest.approx(1 + 5 * (10 * 0.1 + 1))
    assert basis.seconds("b", 20) == pytest.approx(1 + 5 * (10 * 0.2 + 1))
    assert basis.seconds("c", 30) == pytest.approx(21.0)
    assert basis.compile_seconds == 10


def test_trials_of_another_device_or_recipe_do_not_count() -> None:
    other = RECIPE.model_copy(update={"epochs": 7}).canonical()
    rows = [
        trial("a", 10, 9.0),
        trial("a", 10, 11.0, seed=1),
        trial("b", 10, 99.0, device="gpu", finished_at="2025"),
        trial("c", 10, 50.0, recipe=other),
        trial("d", 10, 50.0, state="diverged"),
    ]
    basis = from_ledger(RECIPE, rows)
    assert basis is not None
    assert (basis.trials, basis.device, set(basis.compiled)) == ({"a": (10, 11.0)}, "cpu, here", {"a"})
    there = from_ledger(RECIPE, rows, device="gpu")
    assert there is not None and there.seconds("x", 20) == pytest.approx(200)
    assert from_ledger(RECIPE, rows, device="tpu") is None
    assert from_ledger(RECIPE, []) is None


def test_compiling_takes_its_share_of_a_cpu_and_hides_behind_training_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trials = [("a", 0), ("b", 0), ("c", 0), ("a", 1)]
    seconds, compiling = {"a": 10.0, "b": 3.0, "c": 5.0}, {"a": 4.0, "b": 6.0, "c": 7.0}
    assert elapsed(trials, seconds, compiling, platform="cpu") == 28 + 17
    monkeypatch.setattr(model.os, "cpu_count", lambda: 2)
    assert elapsed(trials, seconds, compiling, platform="cpu") == 28 + 4 + (6 + 7) / 2
    # b compiles within a's 10 s, c takes 4 s longer than b trains.
    assert elapsed(trials, seconds, compiling, platform="gpu") == 28 + 4 + 0 + 4


def test_behind_several_seeds_of_a_network_more_compiling_is_hidden() -> None:
    seconds, compiling = {"a": 10.0, "b": 3.0}, {"a": 4.0, "b": 26.0}
    assert elapsed([("a", 0), ("b", 0), ("a", 1)], seconds, compiling, platform="gpu") == 4 + 23 + 16
    assert elapsed([("a", 0), ("a", 1), ("b", 0)], seconds, compiling, platform="gpu") == 4 + 23 + 6


def test_seeds_that_train_together_are_forecast_together() -> None:
    """By the gain that was measured; a screening has one seed of each, and gains nothing."""
    there = planned(study(screening_epochs=1, match="nominal", alpha="1:2:0.1", beta="1:1.4:0.1"))
    networks = [row.fingerprint for row in wanted(there)]
    timings = [timing(network, 10, compile_seconds=0.0) for network in networks]
    both = dataclasses.replace(calibrated(*timings, platform="gpu"), block=2, gain=1.6)
    alone, together = (
        model.forecast(there, from_calibration(RECIPE, found, train=640, validation=100), set())
        for found in (dataclasses.replace(both, block=1, gain=1.0), both)
    )
    assert together.screening_seconds == alone.screening_seconds > 0
    assert together.trial_seconds == pytest.approx([seconds / 1.6 for seconds in alone.trial_seconds])
    trained = [found.total_seconds - found.screening_seconds for found in (alone, together)]
    assert trained[1] == pytest.approx(trained[0] / 1.6)
    slow = dataclasses.replace(
        from_calibration(RECIPE, both, train=640, validation=100), compile_seconds=30.0
    )
    slow = dataclasses.replace(slow, compiled=())
    compiling = dict.fromkeys(networks, 30.0)
    seconds = dict(zip(together.networks, together.trial_seconds, strict=True))
    found = model.forecast(there, slow, set())
    in_pairs, one_by_one = (
        elapsed(model.missing(there, set(), block), seconds, compiling, platform="gpu") for block in (2, 1)
    )
    assert (
        found.total_seconds - found.screening_seconds == pytest.approx(in_pairs) != pytest.approx(one_by_one)
    )
    first, second = networks[:2]
    left = model.missing(there, {(first, 1)}, 2)
    assert left[:3] == [(first, 0), (second, 0), (second, 1)]
    assert left[-2:] == [(networks[-2], 2), (networks[-1], 2)]
    assert sorted(left) == sorted(model.missing(there, {(first, 1)}))


@pytest.mark.parametrize(
    ("block", "gain", "kept"), [(1, 9.0, (1, 1.0)), (2, 3.0, (2, 3.0)), (4, 0.5, (3, 1.0))]
)
def test_measuring_finds_what_seeds_together_gain(
    block: int, gain: float, kept: tuple[int, float], ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Pretend(ledger)
    asked: list[int] = []

    def measured(_self: object, _network: object, seeds: int) -> float:
        asked.append(seeds)
        return gain

    monkeypatch.setattr(Pretend, "block", block)
    monkeypatch.setattr(Pretend, "gain", measured)
    found = probe.measure(planned(), trainer, lambda _: None)
    assert (found.block, found.gain) == kept
    assert asked == ([] if block == 1 else [kept[0]])
    assert probe.remembered(planned()) == found


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a forecast says is not to depend on whose machine runs the tests."""
    monkeypatch.setattr(model.os, "cpu_count", lambda: 1)


def planned(settings: Study | None = None) -> Planned:
    return plan(settings or study())


def test_what_is_done_is_not_forecast_again() -> None:
    there = planned()
    networks = [row.fingerprint for row in wanted(there)]
    basis = Basis(
        source="s",
        device="cpu",
        platform="cpu",
        trials=dict.fromkeys(networks, (1, 2.0)),
        compile_seconds=10.0,
        compiled=networks[:1],
    )
    whole = model.forecast(there, basis, set())
    assert (whole.missing, len(whole.trial_seconds)) == (3 * len(networks), len(networks))
    assert whole.total_seconds == 3 * len(networks) * 2 + 10 * (len(networks) - 1)
    assert len(whole.memory_bytes) == len(networks) and min(whole.memory_bytes) > 0
    rest = model.forecast(there, basis, {(networks[0], 0), (networks[1], 2)})
    assert rest.total_seconds == whole.total_seconds - 4
    every = {(network, seed) for network in networks for seed in range(3)}
    done = model.forecast(there, basis, every)
    assert (done.missing, done.total_seconds) == (0, 0)


@pytest.mark.parametrize(
    ("settings", "runs"),
    [
        pytest.param(study(screening_epochs=1), False, id="too few candidates"),
        pytest.param(
            study(screening_epochs=1, match="nominal", alpha="1:2:0.1", beta="1:1.4:0.1"), True, id="enough"
        ),
    ],
)
def test_a_first_stage_takes_its_share_of_a_trial_and_another_compilation(
    settings: Study, runs: bool
) -> None:
    there = planned(settings)
    networks = [row.fingerprint for row in wanted(there)]
    trials = dict.fromkeys(networks, (1, 5.0))
    basis = Basis(source="s", device="cpu", platform="cpu", trials=trials, compile_seconds=10.0)
    found = model.forecast(there, basis, set())
    assert found.screening_seconds == (pytest.approx(len(networks) * (5 / 5 + 10)) if runs else 0)
    assert found.total_seconds == pytest.approx(len(networks) * (3 * 5 + 10) + found.screening_seconds)
    assert ("for screening" in model.sentences(found)[0]) == runs


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
        pytest.param(clocked((0, 10), (0, 10), (5, 12)), 12, id="together"),
        pytest.param(clocked((0, 10), (10, 20), trained=14), 28, id="stopped and continued"),
        pytest.param([trial("a", 10, 3.0)], 4, id="no clock"),
    ],
)
def test_what_trials_took_is_time_on_the_clock(ledger: Ledger, rows: list[TrialRow], seconds: float) -> None:
    there = planned(study(seeds=len(rows), racing=False))
    network = wanted(there)[0].fingerprint
    mine = [dataclasses.replace(row, network=network) for row in rows]
    trials = {row.fingerprint: (row.cost.macs, 2.0) for row in wanted(there)}
    basis = Basis(source="s", device="cpu", platform="cpu", trials=trials, compile_seconds=3.0)
    ledger_record.record_forecast(ledger, there, basis, [])
    assert ledger_record.compare(ledger, "s", []) is None
    found = ledger_record.compare(ledger, "s", mine)
    assert found is not None
    assert (found.actual_seconds, found.trials) == (pytest.approx(seconds), len(rows))
    assert found.forecast_seconds == pytest.approx(3 + 2 * len(rows))
    assert found.planned == len(trials) * len(rows)
    assert f"for the {len(rows)} trials that were run, of {found.planned} forecast" in ledger_record.sentence(
        found
    )


def test_memory_that_is_not_there_is_said() -> None:
    assert model.memory_sentence([2**30, 2**31], 3 * 2**29).endswith(
        "takes about 1.0 GiB to 2.0 GiB (estimated); 1.5 GiB are available: too little for 1 of 2 networks."
    )


def test_a_measurement_is_remembered_for_what_it_fits_and_forgotten_with_its_file(own_timings: Path) -> None:
    there = planned()
    found = calibrated(timing("a", 10))
    path = timing_cache.place(there.study, there.base, there.info)
    timing_cache.keep(path, found)
    assert path.parent == own_timings
    assert probe.remembered(there) == found
    # The rates decide nothing, the batch does.
    for changes, same in (({"epochs": 9, "learning_rate": 0.1}, True), ({"batch_size": 32}, False)):
        recipe = {**there.study.recipe, **changes}
        other = dataclasses.replace(there, study=there.study.model_copy(update={"recipe": recipe}))
        assert (probe.remembered(other) == found) == same
    timing_cache.keep(path, calibrated(timing("a", 10, compile_seconds=1.0, step_seconds=0.5)))
    again = probe.remembered(there)
    # Its program was in the cache by then; those of the others are not.
    assert again is not None and again.timings == (timing("a", 10, compile_seconds=10.0, step_seconds=0.5),)
    for damage in ("", "[]", '{"timings": []}', '{"timings": [{}]}', '{"timings": 3}'):
        path.write_text(damage)
        assert probe.remembered(there) is None


def test_what_is_measured_will_be_trained_anyway() -> None:
    alike = planned()
    (one,) = probe.probes(alike)
    assert one.fingerprint in {row.fingerprint for row in wanted(alike)}
    apart = planned(study(match="nominal", tolerance=1.0))
    costs = [row.cost.macs for row in wanted(apart)]
    assert max(costs) > 1.5 * min(costs)
    assert [row.cost.macs for row in probe.probes(apart)] == [min(costs), max(costs)]


def test_plan_looks_into_the_ledger_then_into_the_cache(ledger: Ledger) -> None:
    there = planned()
    assert requirements.requirements(there, ledger).forecast is None
    assert requirements.requirements(there, None).forecast is None
    (network,) = probe.probes(there)
    timing_cache.keep(
        timing_cache.place(there.study, there.base, there.info),
        calibrated(timing(network.fingerprint, network.cost.macs)),
    )
    found = requirements.requirements(there, ledger).forecast
    assert found is not None and found.source == "a short measurement"
    row = TrialRow.waiting(
        network=network.fingerprint,
        network_name="n",
        recipe=RECIPE.canonical(),
        dataset="d" * 64,
        dataset_name="digits",
        seed=0,
        macs=network.cost.macs,
    )
    claim = ledger.claim(row)
    assert claim is not None
    from scaling_search.ledger.storage.rows import Result

    ledger.finish(claim, Result(state="complete", train_seconds=7.0, device="cpu, here"))
    found = requirements.requirements(there, ledger).forecast
    assert found is not None and found.source == "trials in the ledger"
    assert found.missing == 3 * len(found.networks) - 1
    assert dict(zip(found.networks, found.trial_seconds, strict=True))[network.fingerprint] == 7


def searched(
    monkeypatch: pytest.MonkeyPatch, ledger: Ledger, settings: Study, learns: Learns = lambda trial: 0.5
) -> tuple[Pretend, search.GridOutcome]:
    trainer = Pretend(ledger, learns)
    monkeypatch.setattr(search, "make_trainer", lambda *_, **__: trainer)
    outcome = search.grid(
        settings, ledger, callback=trainer.listener, should_stop=lambda: False, checkpoints=None
    )
    return trainer, outcome


def test_grid_says_its_forecast_first_and_the_report_what_came_of_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, outcome = searched(monkeypatch, ledger, study())
    assert any(note.startswith("timed ") for note in trainer.listener.noted)
    assert any(note.startswith("Time, by a short measurement") for note in trainer.listener.noted)
    compared = outcome.compared
    assert compared is not None and compared.trials == len(outcome.trials)
    # Trials say 2.1 s each and take no time on the clock.
    assert compared.actual_seconds == pytest.approx(2.1 * compared.trials)
    networks = len({row.network for row in outcome.trials})
    assert compared.forecast_seconds == pytest.approx(networks + 2.2 * compared.trials, rel=0.15)
    assert grid_table.record(study(), outcome)["forecast"]["ratio"] == compared.ratio
    report = grid_table.report_of(ledger, study(), outcome.trials, outcome.found)
    (note,) = [note for note in report.notes if note.startswith("Forecast ")]
    assert f"({compared.ratio:.2f}x)" in note

    before = [row for row in ledger.decisions("s") if row.verdict == ledger_record.VERDICT]
    again, _ = searched(monkeypatch, ledger, study())
    assert again.listener.noted == []
    assert [row for row in ledger.decisions("s") if row.verdict == ledger_record.VERDICT] == before

    # More seeds are another forecast, by the trials that are there now.
    more, outcome = searched(monkeypatch, ledger, study(seeds=4, racing=False))
    assert any(note.startswith("Time, by trials in the ledger") for note in more.listener.noted)
    assert outcome.compared is not None
    assert {seed for _, seed in json.loads(_forecast(ledger).detail or "")["trials"]} >= {3}


def test_what_a_race_spares_is_in_the_forecast_and_not_in_the_comparison(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = wanted(planned())[2].fingerprint

    def learns(trial: Trial) -> float:
        return 0.95 if fingerprint(trial.network) == best else 0.3

    _, outcome = searched(monkeypatch, ledger, study(seeds=4), learns)
    compared = outcome.compared
    assert compared is not None and compared.trials == len(outcome.trials) < compared.planned
    assert compared.forecast_seconds < compared.planned_seconds
    before = _forecast(ledger)
    again, _ = searched(monkeypatch, ledger, study(seeds=4), learns)
    assert again.listener.noted == []
    assert _forecast(ledger) == before


def _forecast(ledger: Ledger) -> Any:
    (row,) = [row for row in ledger.decisions("s") if row.verdict == ledger_record.VERDICT]
    return row


def test_a_measurement_that_fails_stops_no_search(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> Timing:
        raise RuntimeError("INTERNAL: no")

    monkeypatch.setattr(Pretend, "timing", breaks)
    trainer, outcome = searched(monkeypatch, ledger, study())
    assert outcome.found.choice is not None
    assert outcome.compared is None
    assert "no forecast: RuntimeError: INTERNAL: no" in trainer.listener.said


def test_what_is_announced_is_in_the_order_of_the_training(ledger: Ledger) -> None:
    there = planned()
    basis = Basis(
        source="s", device="gpu", platform="gpu", trials={"a": (10, 1.0)}, compile_seconds=1.0, block=2
    )
    ledger_record.record_forecast(ledger, there, basis, [])
    (row,) = ledger.decisions(there.study.name)
    trials = [(network, seed) for network, seed in json.loads(row.detail or "")["trials"]]
    assert trials == model.missing(there, set(), 2) != model.missing(there, set())
