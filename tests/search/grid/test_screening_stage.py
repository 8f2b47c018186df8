"""A grid with a screening: what is left out, what the ledger keeps of it, and that it leaks into no score."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.schema import DECISIONS, SCREENED, SCREENINGS
from scaling_search.search.grid import ledger_results, screening_stage
from scaling_search.search.grid.report import report_of
from scaling_search.search.plan.study import Study, override, parse, write
from scaling_search.search.tables import grid_table, study_report
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import Outcome, TrainingStopped
from tests.search.pretend import Learns, Listener, Pretend, planned, searched, study

WIDE = {
    "match": "nominal",
    "alpha": "1:2:0.1",
    "beta": "1:1.4:0.1",
    "tolerance": 0.5,
    "screening_epochs": 1,
    "seeds": 2,
}


def settings(**grid: object) -> Study:
    """Enough networks for a screening."""
    return study(**(WIDE | grid))


@pytest.fixture(scope="module")
def names() -> list[str]:
    return [one.group for one in planned(settings()).candidates]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


class Told(Pretend):
    """Short training reaches half of what full training does."""

    def outcome(self, trial: Trial) -> Outcome:
        outcome = super().outcome(trial)
        if self.networks.recipe.epochs > 1 or outcome.correct is None:
            return outcome
        correct = outcome.correct & (np.arange(len(outcome.correct)) % 2 == 0)
        return dataclasses.replace(outcome, correct=correct, accuracy=float(correct.mean()))


def falling(names: list[str]) -> Learns:
    """The first network is the best, each next one a little worse; the base learns little."""
    places = {name: place for place, name in enumerate(names)}
    return lambda trial: 0.95 - 0.85 * places.get(fingerprint(trial.network), len(names)) / len(names)


def test_what_it_leaves_out_is_said_and_never_trained_in_full(ledger: Ledger, names: list[str]) -> None:
    assert len(names) > 12
    given, listener = settings(racing=False), Listener()
    result = searched(ledger, given, falling(names), kind=Told, listener=listener)
    first = result.found.screening
    assert first is not None and first.agreement is not None
    assert (first.epochs, first.candidates) == (1, len(names))
    assert first.agreement.low > 0.5
    assert first.screened_out and names[0] not in first.screened_out

    # Full trials: all but those left out, none of them short.
    assert {row.network for row in result.trials} == set(names) - set(first.screened_out)
    assert {row.recipe for row in result.trials} == {given.resolve_recipe().canonical()}
    assert result.found.scores is not None
    assert result.found.scores.means.max() > 0.9, "half of that would be a short trial's"
    assert result.trained == len(names) + 2 * (len(names) - len(first.screened_out)) + 2
    assert any(
        f"{len(first.screened_out)} of {len(names)} candidates are screened out" in said
        for said in listener.said
    )

    report = report_of(ledger, result.study, result.trials, result.found)
    shown = {row.candidate.fingerprint: row for row in report.rows}
    assert {name for name, row in shown.items() if row.verdict == "screened out"} == set(first.screened_out)
    one = shown[next(iter(first.screened_out))]
    assert one.accuracy is None
    assert one.reason is not None and "screened out after 1 epoch, with " in one.reason
    (note,) = [note for note in report.details if note.startswith("Screening after 1 epoch")]
    assert f"{len(first.screened_out)} of {len(names)} candidates were screened out" in note
    said = grid_table.record(result)["screening"]
    assert said["agreement"]["calibration_set"] == first.agreement.calibration_set
    assert "screened out" in str(study_report.read(ledger, None).document().tables[0].rows)


def test_the_ledger_keeps_how_far_it_agreed_and_every_verdict(ledger: Ledger, names: list[str]) -> None:
    result = searched(ledger, settings(), falling(names), kind=Told)
    first = result.found.screening
    assert first is not None and first.agreement is not None
    (row,) = ledger.rows(SCREENINGS, study="s")
    assert (row.epochs, row.candidates, row.calibration_set) == (
        1,
        len(names),
        first.agreement.calibration_set,
    )
    assert (row.tau, row.low, row.high) == (first.agreement.tau, first.agreement.low, first.agreement.high)
    verdicts = {one.candidate: one.verdict for one in ledger.rows(SCREENED, study="s")}
    assert set(verdicts) == set(names)
    legal = {"screened out", "calibration", "continues"}
    assert {"screened out", "calibration"} <= set(verdicts.values()) <= legal
    assert list(verdicts.values()).count("calibration") == row.calibration_set
    assert {name for name in names if verdicts[name] == "screened out"} == set(first.screened_out)


def test_a_ranking_that_says_nothing_leaves_nothing_out(ledger: Ledger, names: list[str]) -> None:
    order = np.random.default_rng(1).permutation(len(names))

    class Unrelated(Told):
        def outcome(self, trial: Trial) -> Outcome:
            key, short = fingerprint(trial.network), self.networks.recipe.epochs == 1
            place = names.index(key) if key in names else 0
            self.learns = lambda _: 0.3 + 0.5 * (order[place] if short else place) / len(names)
            return super().outcome(trial)

    result = searched(ledger, settings(), kind=Unrelated)
    first = result.found.screening
    assert first is not None and first.agreement is not None
    assert first.agreement.low <= 0
    assert not first.screened_out
    assert {row.network for row in result.trials} == set(names)
    assert "which chance alone may give; no candidate was screened out" in screening_stage.sentences(first)[0]


def test_a_killed_stage_decides_the_same(tmp_path: Path, names: list[str]) -> None:
    learns = falling(names)

    def decisions(ledger: Ledger) -> list[object]:
        screened = [dataclasses.replace(row, created_at="") for row in ledger.rows(SCREENINGS)]
        return [*screened, *ledger.rows(SCREENED), *ledger.rows(DECISIONS)]

    with Ledger.open(tmp_path / "whole.db") as ledger:
        whole = searched(ledger, settings(), learns, kind=Told)
        decided = decisions(ledger)
        assert searched(ledger, settings(), learns, kind=Told).trained == 0
        assert decisions(ledger) == decided
    with Ledger.open(tmp_path / "killed.db") as ledger:
        trained = 0
        while True:
            left = [5]

            def killed(trial: Trial, left: list[int] = left) -> float | BaseException | None:
                left[0] -= 1
                return learns(trial) if left[0] >= 0 else TrainingStopped(None)

            try:
                result = searched(ledger, settings(), killed, kind=Told)
            except TrainingStopped:
                trained += 5
                continue
            break
        assert trained + result.trained == whole.trained
        assert decisions(ledger) == decided
        assert result.found.decision == whole.found.decision


def test_who_was_trained_in_full_before_is_never_screened_out(ledger: Ledger, names: list[str]) -> None:
    one_seed = settings(seeds=1)
    without = one_seed.model_copy(
        update={"grid": one_seed.grid.model_copy(update={"screening_epochs": None})}
    )
    before = searched(ledger, without, falling(names), kind=Told)
    # A study without a screening knows of none.
    assert ledger_results.read_grid(ledger, before.study)[1].screening is None
    result = searched(ledger, settings(), falling(names), kind=Told)
    assert result.found.screening is not None
    assert not result.found.screening.screened_out
    assert result.found.scores is not None and set(result.found.scores.names) == set(names)


def test_too_few_candidates_are_trained_in_full_at_once(ledger: Ledger) -> None:
    few = study(screening_epochs=1)
    result = searched(ledger, few, kind=Told)
    assert {row.recipe for row in ledger.trials()} == {few.resolve_recipe().canonical()}
    assert result.found.screening is not None
    assert "needs more than 12 candidates" in screening_stage.sentences(result.found.screening)[0]


def test_the_short_recipe_is_the_full_one_with_fewer_epochs() -> None:
    given = override(study(), {"grid.screening_epochs": 2, "recipe.flip": True})
    short, full = given.screening_recipe(), given.resolve_recipe()
    assert short is not None
    assert (short.epochs, short.flip) == (2, True)
    assert full.model_copy(update={"epochs": 2}) == short
    assert parse(write(given)) == given
    assert study().screening_recipe() is None


@pytest.mark.parametrize("epochs", [5, 6])
def test_a_screening_must_be_shorter(epochs: int) -> None:
    with pytest.raises(
        InputError, match=f"grid.screening_epochs {epochs}: expected fewer than the recipe's 5 epochs"
    ):
        override(study(), {"grid.screening_epochs": epochs})


def test_too_few_candidates_are_said_to_be_not_screened(ledger: Ledger) -> None:
    listener = Listener()
    searched(ledger, study(screening_epochs=1, racing=False, seeds=1), listener=listener)
    (said,) = (text for text in listener.said if text.startswith("Screening"))
    assert "not run, it needs more than" in said
