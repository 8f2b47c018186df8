"""`recipe` from its cells to its answer, with a trainer that pretends: fair, swapping, longer, broken, resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError, UsageError
from scaling_search.ledger import transfer
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import CHECK
from scaling_search.ledger.storage.schema import CANDIDATES, RECIPE_CHECKS
from scaling_search.search.grid.ledger_results import own_trials
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.study import Study
from scaling_search.search.recipe_check.analysis import read_check
from scaling_search.search.recipe_check.cells import networks
from scaling_search.search.recipe_check.check import RecipeResult, recipe
from scaling_search.search.recipe_check.write import write
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import Outcome, TrainingStopped
from tests.search.pretend import Learns, Listener, Pretend, planned, pretended, searched, study

# The base, and two candidates: each trial takes a while to record.
SETTINGS = study(indifference=0.01, alpha="1,2", beta="1,1.4", gamma="1")
OWN = planned(SETTINGS).space.recipe
BASE, *OTHERS = [build.fingerprint for build in networks(planned(SETTINGS))]
SEEDS = 3


class Many(Pretend):
    """Judged on so many images that hardly any chance is left; what an image asks for is the same for all."""

    images = 20_000

    def outcome(self, trial: Trial) -> Outcome:
        learns, said = self.learns, self.learns(trial)
        self.learns = lambda _: said
        try:
            found = super().outcome(trial)
        finally:
            self.learns = learns
        if not isinstance(said, float):
            return found
        asked = np.random.default_rng(0).permutation(self.images) / self.images
        noise = np.random.default_rng([trial.seed, trial.network.resolution]).normal(0, 0.001)
        correct = asked < said + noise
        return dataclasses.replace(found, correct=correct, accuracy=float(correct.mean()))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def checked(
    ledger: Ledger,
    learns: Learns,
    settings: Study | None = None,
    *,
    listener: Listener | None = None,
    kind: type[Pretend] = Many,
    time_limit: float | None = None,
) -> RecipeResult:
    with pretended(learns, kind=kind):
        return recipe(
            settings or SETTINGS,
            ledger=ledger,
            callbacks=(listener or Listener(),),
            time_limit=time_limit,
        )


def rate(trial: Trial) -> float:
    return (trial.recipe or OWN).learning_rate / OWN.learning_rate


def length(trial: Trial) -> float:
    return (trial.recipe or OWN).epochs / OWN.epochs


def of(trial: Trial) -> str:
    return fingerprint(trial.network)


def fair(trial: Trial) -> float:
    """Better with every change, but all networks alike."""
    return (
        0.6 + 0.05 * (of(trial) == BASE) + 0.02 * np.log2(length(trial)) - 0.004 * abs(np.log2(rate(trial)))
    )


def swapping(trial: Trial) -> float:
    """One that is ahead falls behind where training is twice as long; from then on nothing changes."""
    slow = OTHERS[0] == of(trial)
    return 0.7 - slow * (0.05 if length(trial) < 2 else -0.05)


def test_what_is_trained_is_the_base_and_what_goes_farthest_in_each_dimension() -> None:
    plan = planned(SETTINGS)
    chosen = networks(plan)
    assert chosen[0].fingerprint == plan.base.fingerprint
    for dimension in ("depth", "width", "resolution"):
        most = max(getattr(one.realised, dimension) for one in plan.candidates)
        have = [one for one in plan.candidates if one.builds[0].fingerprint in OTHERS]
        assert most in [getattr(one.realised, dimension) for one in have]
    assert len({build.fingerprint for build in chosen}) == len(chosen) >= 3


def test_a_fair_recipe_is_named_and_the_grid_says_so(ledger: Ledger) -> None:
    listener = Listener()
    result = checked(ledger, fair, listener=listener)
    assert result.verdict == "fair"
    assert (result.rate, result.epochs, result.check.long_enough) == (OWN.learning_rate, OWN.epochs, True)
    # Three rates at one length, and twice the length at one rate.
    assert result.trained == 4 * len([BASE, *OTHERS]) * SEEDS
    assert listener.said[0].startswith(
        f"{len(OTHERS) + 1} networks x 4 recipes x 3 seeds: {result.trained} trials are to train, about "
    )
    first, second, third = result.answer.splitlines()
    assert first.startswith(f"Fair: at rate {OWN.learning_rate:g}, 5 epochs, no difference")
    assert second == f"Use rate {OWN.learning_rate:g} and 5 epochs: doubling it changes nothing beyond that."
    assert third.startswith("Next: `scaling-search grid --study s --ledger ")
    assert listener.results == [result]
    rows = ledger.rows(RECIPE_CHECKS, study="s")
    assert {row.verdict for row in rows} == {"fair"}
    assert len(rows) == 3 * len(OTHERS) * (len(OTHERS) + 1) / 2
    # The trials of the check that are the grid's own are not trained again, and the others are none of its.
    again = searched(ledger, SETTINGS.override({"grid.racing": False}), fair, kind=Many)
    assert {row.recipe for row in again.trials} == {OWN.canonical()}
    assert again.trained == SEEDS * (len(planned(SETTINGS).candidates) - len(OTHERS))


def test_a_swap_is_named_and_twice_as_long_is_found_to_be_enough(ledger: Ledger, tmp_path: Path) -> None:
    result = checked(ledger, swapping)
    assert result.verdict == "unfair"
    assert (result.rate, result.epochs, result.check.long_enough) == (OWN.learning_rate, 2 * OWN.epochs, True)
    (first, second, third) = result.answer.splitlines()
    assert first.startswith("Unfair: ") and " swap: " in first and "with 5 epochs" in first
    assert f"{result.check.names[OTHERS[0]]} 5.0 with 10 epochs" in first
    assert second.startswith(f"Use rate {OWN.learning_rate:g} and 10 epochs: ")
    assert "--write study.toml" in third
    lengths = {row.changed_to for row in ledger.rows(RECIPE_CHECKS, change="length")}
    assert lengths == {10.0, 20.0}
    for settings, path in ((SETTINGS, tmp_path / "new.toml"), (None, tmp_path / "own.toml")):
        if settings is None:
            path.write_text(
                '# mine\nbaseline = "lenet-5"\ndataset = "digits"\n[recipe]  # as ever\n'
                "epochs = 5 # few\n\n[grid]\nseeds = 2\n"
            )
        write(study(), result, path)
        found = studies.read(path)
        assert found.recipe["epochs"] == 10 and found.recipe["learning_rate"] == OWN.learning_rate
    text = (tmp_path / "own.toml").read_text()
    assert text.startswith("# mine\n") and "epochs = 10 # few" in text and "[grid]\nseeds = 2" in text


def test_nothing_is_trained_twice_and_a_stopped_check_goes_on(ledger: Ledger) -> None:
    done: list[int] = []

    def stops(trial: Trial) -> float | BaseException:
        done.append(trial.seed)
        return TrainingStopped(3) if len(done) == 8 else fair(trial)

    with pytest.raises(TrainingStopped):
        checked(ledger, stops)
    found = checked(ledger, fair)
    assert found.trained == 4 * (len(OTHERS) + 1) * SEEDS - 7
    again = Listener()
    assert checked(ledger, fair, listener=again).trained == 0
    assert again.begun == []
    assert ": 0 trials are to train" in again.said[0]


def test_a_rate_that_diverges_is_named_and_not_averaged(ledger: Ledger) -> None:
    def diverges(trial: Trial) -> float | None:
        return None if (rate(trial), of(trial), trial.seed) == (2.0, BASE, 1) else fair(trial)

    result = checked(ledger, diverges)
    (note,) = result.document.notes
    high = 2 * OWN.learning_rate
    assert note == f"base with rate {high:g}, 5 epochs: diverged with seed 1; it is not counted."
    assert result.verdict == "fair"
    with_base = [one for one in result.check.interactions if BASE in (one.ahead, one.other)]
    assert with_base and all(one.changed.learning_rate != high for one in with_base)


def test_a_better_rate_is_named(ledger: Ledger) -> None:
    result = checked(ledger, lambda trial: 0.6 + 0.05 * np.log2(2 * rate(trial)))
    assert (result.verdict, result.rate) == ("fair", 2 * OWN.learning_rate)


def test_too_few_images_are_told_with_how_many_would_do(ledger: Ledger) -> None:
    """288 validation images, each right or wrong by chance."""

    class Few(Pretend):
        def outcome(self, trial: Trial) -> Outcome:
            found = super().outcome(trial)
            noise = np.random.default_rng(
                [trial.seed, trial.network.resolution, len(of(trial)), int(4 * rate(trial))]
            )
            correct = noise.random(288) < 0.8
            return dataclasses.replace(found, correct=correct, accuracy=float(correct.mean()))

    result = checked(ledger, fair, kind=Few)
    assert result.verdict == "undecided"
    assert result.answer.startswith("Cannot be told: a difference may change by up to ")
    settled = result.check.settling
    assert settled is not None and (settled.seeds or settled.images)


def test_a_length_beyond_the_time_limit_is_said(ledger: Ledger) -> None:
    listener = Listener()
    # A trial is said to take 2 s: 12 trials of each recipe, the longer ones twice as long.
    result = checked(ledger, swapping, listener=listener, time_limit=20.0)
    assert result.beyond is not None and result.beyond.startswith("10 epochs would take about ")
    assert result.beyond in listener.said
    assert result.document.notes[-1].startswith("10 epochs would take about ")
    assert {one.change for one in result.check.interactions} == {"rate"}
    assert result.epochs is None


def test_a_check_that_was_stopped_by_its_time_limit_says_what_is_missing(ledger: Ledger) -> None:
    result = checked(ledger, fair, time_limit=1e-9)
    assert (result.trained, result.check.unfinished) == (0, 3 * (len(OTHERS) + 1) * SEEDS)
    assert result.answer.splitlines()[2].startswith(
        f"Not finished: {result.check.unfinished} trials are missing. Next: `scaling-search recipe --study s "
    )
    assert checked(ledger, fair).check.unfinished == 0


def test_an_exported_study_has_its_check(ledger: Ledger, tmp_path: Path) -> None:
    result = checked(ledger, swapping)
    with Ledger.open(tmp_path / "out.db") as other:
        transfer.export(ledger, "s", other)
        row = other.study("s")
        assert row is not None
        found = read_check(other, row)
        assert found is not None
        assert found.interactions == result.check.interactions
        assert other.rows(RECIPE_CHECKS) == ledger.rows(RECIPE_CHECKS)
        assert len(other.rows(CANDIDATES, role=CHECK)) == 5 * (len(OTHERS) + 1)
        assert own_trials(other, "s") == ()


def test_nothing_named_is_not_written(ledger: Ledger, tmp_path: Path) -> None:
    result = checked(ledger, lambda trial: None)
    assert (result.rate, result.epochs, result.verdict) == (None, None, "undecided")
    assert result.answer.startswith("Cannot be told: no two networks have results")
    with pytest.raises(InputError, match="names no rate and length"):
        write(study(), result, tmp_path / "x.toml")


def test_a_study_of_tuned_rates_has_no_rate_to_check(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="give the study one rate"):
        checked(ledger, fair, study().override({"recipe.rate": "tuned"}))
