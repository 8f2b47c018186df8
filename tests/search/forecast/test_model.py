"""How long it will take: from a measurement or from trials."""

from __future__ import annotations

import dataclasses

import pytest

from scaling_search.report.figures import duration
from scaling_search.search.forecast import model, words
from scaling_search.search.forecast.model import Basis, affine, elapsed, from_calibration, from_ledger
from scaling_search.search.plan.study import Study
from scaling_search.system import machine
from scaling_search.training import recipe as recipes
from tests.search.forecast.rows import RECIPE, calibrated, timing, trial
from tests.search.pretend import planned, study

SCREENED = {"screening_epochs": 1, "match": "nominal", "alpha": "1:2:0.1", "beta": "1:1.4:0.1"}


@pytest.mark.parametrize(
    ("points", "at_40"),
    [
        pytest.param([(10, 5.0)], 20.0, id="one network: in proportion"),
        pytest.param([(10, 3.0), (20, 5.0)], 9.0, id="two: a line"),
        # In proportion, relative errors least: Σ(x/t) / Σ(x/t)² for x/t = 10 and 5.
        pytest.param(
            [(10, 1.0), (20, 4.0)], 40 * (10 + 5) / (10**2 + 5**2), id="two whose line is below 0 at 0"
        ),
        pytest.param([(10, 5.0), (20, 3.0)], 4.0, id="a falling line: their mean"),
    ],
)
def test_seconds_follow_macs(points: list[tuple[int, float]], at_40: float) -> None:
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
    other = recipes.named("fast", epochs=7).canonical()
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
    monkeypatch.setattr(machine, "cores", lambda: 2)
    assert elapsed(trials, seconds, compiling, platform="cpu") == 28 + 4 + (6 + 7) / 2
    # b compiles within a's 10 s, c takes 4 s longer than b trains.
    assert elapsed(trials, seconds, compiling, platform="gpu") == 28 + 4 + 0 + 4


def test_after_several_seeds_of_a_network_more_compiling_is_hidden() -> None:
    seconds, compiling = {"a": 10.0, "b": 3.0}, {"a": 4.0, "b": 26.0}
    assert elapsed([("a", 0), ("b", 0), ("a", 1)], seconds, compiling, platform="gpu") == 4 + 23 + 16
    assert elapsed([("a", 0), ("a", 1), ("b", 0)], seconds, compiling, platform="gpu") == 4 + 23 + 6


def test_seeds_that_train_in_a_batch_are_forecast_in_one() -> None:
    """By the gain that was measured; a screening has one seed of each, and gains nothing."""
    plan = planned(study(**SCREENED))
    networks = [row.fingerprint for row in (plan.base, *plan.networks)]
    timings = [timing(network, 10, compile_seconds=0.0) for network in networks]
    both = dataclasses.replace(calibrated(*timings, platform="gpu"), block=2, gain=1.6)
    alone, batched = (
        model.forecast(plan, from_calibration(RECIPE, found, train=640, validation=100), set())
        for found in (dataclasses.replace(both, block=1, gain=1.0), both)
    )
    assert batched.screening_seconds == alone.screening_seconds > 0
    assert batched.trial_seconds == pytest.approx([seconds / 1.6 for seconds in alone.trial_seconds])
    trained = [found.total_seconds - found.screening_seconds for found in (alone, batched)]
    assert trained[1] == pytest.approx(trained[0] / 1.6)
    slow = dataclasses.replace(
        from_calibration(RECIPE, both, train=640, validation=100), compile_seconds=30.0, compiled=()
    )
    compiling = dict.fromkeys(networks, 30.0)
    seconds = dict(zip(batched.networks, batched.trial_seconds, strict=True))
    found = model.forecast(plan, slow, set())
    in_pairs, one_by_one = (
        elapsed(model.missing(plan, set(), block), seconds, compiling, platform="gpu") for block in (2, 1)
    )
    assert (
        found.total_seconds - found.screening_seconds == pytest.approx(in_pairs) != pytest.approx(one_by_one)
    )


def test_what_is_missing_is_in_the_order_of_the_training() -> None:
    plan = planned(study(**SCREENED))
    networks = [row.fingerprint for row in plan.networks]
    first, second = networks[:2]
    base = [(plan.base.fingerprint, seed) for seed in plan.base_seeds]
    left = model.missing(plan, {(first, 1)}, 2)
    assert left[: len(base)] == base, "what the candidates are compared with is there from the start"
    assert left[len(base) :][:3] == [(first, 0), (second, 0), (second, 1)]
    assert left[-2:] == [(networks[-2], 2), (networks[-1], 2)]
    assert sorted(left) == sorted(model.missing(plan, {(first, 1)}))


def test_what_is_done_is_not_forecast_again() -> None:
    plan = planned()
    networks = [row.fingerprint for row in (plan.base, *plan.networks)]
    basis = Basis(
        source="s",
        device="cpu",
        platform="cpu",
        trials=dict.fromkeys(networks, (1, 2.0)),
        compile_seconds=10.0,
        compiled=networks[:1],
    )
    whole = model.forecast(plan, basis, set())
    assert (whole.missing, len(whole.trial_seconds)) == (3 * len(networks), len(networks))
    assert whole.total_seconds == 3 * len(networks) * 2 + 10 * (len(networks) - 1)
    assert len(whole.memory_bytes) == len(plan.networks) and min(whole.memory_bytes) > 0
    rest = model.forecast(plan, basis, {(networks[0], 0), (networks[1], 2)})
    assert rest.total_seconds == whole.total_seconds - 4
    every = {(network, seed) for network in networks for seed in range(3)}
    done = model.forecast(plan, basis, every)
    assert (done.missing, done.total_seconds) == (0, 0)


@pytest.mark.parametrize(
    ("settings", "runs"),
    [
        pytest.param(study(screening_epochs=1), False, id="too few candidates"),
        pytest.param(study(**SCREENED), True, id="enough"),
    ],
)
def test_a_screening_takes_its_share_of_a_trial_and_another_compilation(settings: Study, runs: bool) -> None:
    plan = planned(settings)
    networks = [row.fingerprint for row in plan.networks]
    trials = dict.fromkeys([plan.base.fingerprint, *networks], (1, 5.0))
    basis = Basis(source="s", device="cpu", platform="cpu", trials=trials, compile_seconds=10.0)
    found = model.forecast(plan, basis, set())
    assert found.screening_seconds == (pytest.approx(len(networks) * (5 / 5 + 10)) if runs else 0)
    assert found.total_seconds == pytest.approx(len(trials) * (3 * 5 + 10) + found.screening_seconds)
    assert ("for screening" in words.sentences(found)[0]) == runs
    assert "workers share" not in words.sentences(found)[0]
    assert model.shared(found, 4) == pytest.approx(found.total_seconds / 4)
    assert model.shared(found, 10_000) == 5.0, "no trial is shared"
    said = f"The 4 workers share it: about {duration(found.total_seconds / 4)} for all."
    assert said in words.sentences(found, 4)[0]


def test_memory_that_is_not_there_is_said() -> None:
    assert words.memory_sentence([2**30, 2**31], 3 * 2**29).endswith(
        "takes about 1.0 GiB to 2.0 GiB (estimated); 1.5 GiB are available: too little for 1 of 2 networks."
    )
    assert "about 1.0 GiB (estimated)" in words.memory_sentence([2**30, 2**30], None), "not 1.0 to 1.0"


def test_the_interval_is_from_the_first_test_of_a_race_to_all_its_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "load", lambda: 0.5)

    def found(seeds: int, *, racing: bool = True, platform: str = "cpu") -> model.Forecast:
        plan = planned(study(seeds=seeds, racing=racing))
        trials = dict.fromkeys([row.fingerprint for row in (plan.base, *plan.networks)], (1, 2.0))
        basis = Basis(source="s", device="d", platform=platform, trials=trials, compile_seconds=0.0)
        return model.forecast(plan, basis, set())

    raced, full = found(12), found(12, racing=False)
    assert raced.total_seconds == full.total_seconds
    assert raced.low_seconds == found(3).low_seconds < full.low_seconds / 2, (
        "a race may end after three seeds"
    )
    assert raced.high_seconds == full.high_seconds > full.total_seconds > full.low_seconds
    monkeypatch.setattr(machine, "load", lambda: 9.0)
    busy = found(12, racing=False)
    assert busy.low_seconds < 0.6 * full.low_seconds and busy.high_seconds > 1.6 * full.high_seconds
    accelerator = found(12, racing=False, platform="accelerator")
    assert accelerator.high_seconds == full.high_seconds, "the load is that of the CPU's cores"
