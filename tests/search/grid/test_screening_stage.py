"""A grid with a screening: who is left out, what the ledger keeps of it, and that it leaks into no score."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.grid import ledger_results, screening_stage, search
from scaling_search.search.plan.contenders import contenders
from scaling_search.search.plan.grid_plan import plan
from scaling_search.search.plan.study import Study, override, parse, write
from scaling_search.search.tables import grid_table, study_report
from scaling_search.search.trial.trainer import Trial
from scaling_search.training.outcome import TrainingStopped
from tests.search.pretend import Learns, Pretend, study

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
    return [one.key for one in contenders(plan(settings()).plans)]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


class Told(Pretend):
    """Short training reaches half of what full training does."""

    def _train(self, trial: Trial, *given: object, **named: object):  # type: ignore[no-untyped-def]
        short = self.recipe.epochs == 1
        outcome = super()._train(trial, *given, **named)  # type: ignore[arg-type]
        if not short or outcome.correct is None:
            return outcome
        correct = outcome.correct & (np.arange(len(outcome.correct)) % 2 == 0)
        return dataclasses.replace(outcome, correct=correct, accuracy=float(correct.mean()))


def searched(
    monkeypatch: pytest.MonkeyPatch, ledger: Ledger, learns: Learns, given: Study
) -> tuple[Pretend, search.GridOutcome]:
    trainer = Told(ledger, learns)
    monkeypatch.setattr(search, "make_trainer", lambda *_, **__: trainer)
    outcome = search.grid(
        given, ledger, callback=trainer.listener, should_stop=lambda: False, checkpoints=None
    )
    return trainer, outcome


def falling(names: list[str]) -> Learns:
    """The first network is the best, each next one a little worse."""
    return lambda trial: 0.95 - 0.85 * names.index(fingerprint(trial.network)) / len(names)


def test_whom_it_leaves_out_is_said_and_never_trained_in_full(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    assert len(names) > 12
    trainer, outcome = searched(monkeypatch, ledger, falling(names), settings(racing=False))
    first = outcome.found.screening
    assert first is not None and first.agreement is not None
    assert (first.epochs, first.candidates) == (1, len(names))
    assert first.agreement.low > 0.5
    assert first.screened_out and names[0] not in first.screened_out

    # Full trials: all but those left out, none of them short.
    assert {row.network for row in outcome.trials} == set(names) - set(first.screened_out)
    assert {row.recipe for row in outcome.trials} == {trainer.recipe.canonical()}
    assert outcome.found.scores is not None
    assert outcome.found.scores.means.max() > 0.9, "half of that would be a short trial's"
    assert outcome.trained == len(names) + 2 * (len(names) - len(first.screened_out))
    assert any(
        f"{len(first.screened_out)} of {len(names)} candidates are screened out" in s
        for s in trainer.listener.said
    )

    report = grid_table.report_of(ledger, settings(), outcome.trials, outcome.found)
    shown = {row.candidate.fingerprint: row for row in report.rows}
    assert {name for name, row in shown.items() if row.verdict == "screened out"} == set(first.screened_out)
    one = shown[next(iter(first.screened_out))]
    assert one.accuracy is None
    assert one.reason is not None and "screened out after 1 epochs, with " in one.reason
    (note,) = [note for note in report.notes if note.startswith("Screening after 1 epochs")]
    assert f"{len(first.screened_out)} of {len(names)} candidates were screened out" in note
    assert (
        grid_table.record(settings(), outcome)["screening"]["agreement"]["calibration_set"]
        == first.agreement.calibration_set
    )
    assert "screened out" in str(study_report.document(ledger, None).tables[0].rows)


def test_a_ranking_that_says_nothing_leaves_nobody_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    order = np.random.default_rng(1).permutation(len(names))

    class Unrelated(Told):
        def _train(self, trial: Trial, *given: object, **named: object):  # type: ignore[no-untyped-def]
            place = names.index(fingerprint(trial.network))
            self.learns = lambda _: (
                0.3 + 0.5 * (order[place] if self.recipe.epochs == 1 else place) / len(names)
            )
            return super()._train(trial, *given, **named)

    trainer = Unrelated(ledger)
    monkeypatch.setattr(search, "make_trainer", lambda *_, **__: trainer)
    outcome = search.grid(
        settings(), ledger, callback=trainer.listener, should_stop=lambda: False, checkpoints=None
    )
    first = outcome.found.screening
    assert first is not None and first.agreement is not None
    assert first.agreement.low <= 0
    assert not first.screened_out
    assert {row.network for row in outcome.trials} == set(names)
    assert "which chance alone may give; no candidate was screened out" in screening_stage.sentences(first)[0]


def test_a_killed_stage_decides_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    learns = falling(names)

    def decisions(ledger: Ledger) -> list[object]:
        return [dataclasses.replace(row, created_at="") for row in ledger.decisions("s") if row.round != -2]

    with Ledger.open(tmp_path / "whole.db") as ledger:
        _, whole = searched(monkeypatch, ledger, learns, settings())
        decided = decisions(ledger)
        assert searched(monkeypatch, ledger, learns, settings())[1].trained == 0
        assert decisions(ledger) == decided
    with Ledger.open(tmp_path / "killed.db") as ledger:
        trained = 0
        while True:
            left = [5]

            def killed(trial: Trial, left: list[int] = left) -> float | BaseException | None:
                left[0] -= 1
                return learns(trial) if left[0] >= 0 else TrainingStopped(None)

            try:
                _, outcome = searched(monkeypatch, ledger, killed, settings())
            except TrainingStopped:
                trained += 5
                continue
            break
        assert trained + outcome.trained == whole.trained
        assert decisions(ledger) == decided
        assert outcome.found.choice == whole.found.choice


def test_who_was_trained_in_full_before_is_never_screened_out(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    without = settings(screening_epochs=None, seeds=1)
    searched(monkeypatch, ledger, falling(names), without)
    _, outcome = searched(monkeypatch, ledger, falling(names), settings())
    assert outcome.found.screening is not None
    assert not outcome.found.screening.screened_out
    assert outcome.found.scores is not None and set(outcome.found.scores.names) == set(names)
    # A study without a screening knows of none.
    assert ledger_results.read_grid(ledger, without)[1].screening is None


def test_too_few_candidates_are_trained_in_full_at_once(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = study(screening_epochs=1)
    trainer, outcome = searched(monkeypatch, ledger, lambda trial: 0.5, few)
    assert {row.recipe for row in ledger.trials()} == {trainer.recipe.canonical()}
    assert outcome.found.screening is not None
    assert "needs more than 12 candidates" in screening_stage.sentences(outcome.found.screening)[0]


def test_the_short_recipe_is_the_full_one_with_fewer_epochs() -> None:
    given = override(study(), {"grid.screening_epochs": 2, "recipe.flip": True})
    short, full = given.screening_recipe(), given.resolved_recipe()
    assert short is not None
    assert (short.epochs, short.flip) == (2, True)
    assert full.model_copy(update={"epochs": 2}) == short
    assert parse(write(given)) == given
    assert study().screening_recipe() is None


@pytest.mark.parametrize("epochs", [5, 6])
def test_a_first_stage_must_be_shorter(epochs: int) -> None:
    with pytest.raises(
        InputError, match=f"grid.screening_epochs {epochs}: expected fewer than the recipe's 5 epochs"
    ):
        override(study(), {"grid.screening_epochs": epochs})
