"""A network that only guesses is shown as one and never ranked, whatever its accuracy happens to be."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import bdtrc

from scaling_search.architecture.network import fingerprint
from scaling_search.data import catalog
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.family import members, results, training
from scaling_search.search.family.training import train
from scaling_search.search.grid import chance_level, search
from scaling_search.search.grid.chance_level import why
from scaling_search.search.plan.contenders import contenders
from scaling_search.search.plan.grid_plan import FRESH_SEEDS, plan
from scaling_search.search.plan.study import override
from scaling_search.search.tables import grid_table, study_report
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import EpochMetrics, Outcome
from tests.search.pretend import Learns, Pretend, study


@pytest.mark.parametrize(("images", "classes"), [(1, 2), (40, 10), (540, 10), (10_000, 1000)])
def test_guessing_explains_up_to_one_chance_in_a_thousand(images: int, classes: int) -> None:
    most = chance_level._most_by_guessing(images, classes)
    assert bdtrc(most - 1, images, 1 / classes) > 1e-3
    assert most == images or bdtrc(most, images, 1 / classes) <= 1e-3


def trial(accuracies: list[float], losses: list[float], loss: float, **more: Any) -> TrialRow:
    """A complete trial on 400 images with these accuracies and training losses by epoch."""
    epochs = [
        {"accuracy": accuracy, "train_loss": train}
        for accuracy, train in zip(accuracies, losses, strict=True)
    ]
    fields: dict[str, Any] = {"state": "complete", "accuracy": accuracies[-1], "loss": loss} | more
    return TrialRow(
        key="k",
        network="n",
        network_name="n",
        recipe="r",
        dataset="d",
        dataset_name="d",
        seed=0,
        epochs=json.dumps(epochs),
        correct_count=400,
        **fields,
    )


GUESS = math.log(10)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        pytest.param(trial([0.3, 0.8], [2.0, 1.0], 0.6), None, id="learned"),
        pytest.param(trial([0.1, 0.1], [2.5, 2.31], GUESS), "guessing among 10", id="dead, at ln 10"),
        pytest.param(
            trial([0.1, 0.12], [2.3, 2.3], 2.2), "guessing among 10", id="at chance, training loss not below"
        ),
        pytest.param(trial([0.1, 0.12], [2.3, 2.2], 2.2), None, id="at chance but on its way"),
        pytest.param(trial([0.1, 0.2], [2.3, 2.3], 2.4), None, id="a bad loss, but better than chance"),
        pytest.param(trial([0.12], [2.3], GUESS), "guessing among 10", id="one epoch"),
        pytest.param(
            trial([0.6, 0.6, 0.6], [1.2, 1.15, 1.14], 1.1), "after every epoch", id="one frequent class"
        ),
        pytest.param(trial([1.0, 1.0], [0.5, 0.1], 0.1), None, id="all right from the start"),
        pytest.param(trial([0.1], [2.3], GUESS, state="diverged"), None, id="diverged is its own word"),
        pytest.param(trial([0.1], [2.3], GUESS, accuracy=None), None, id="no accuracy"),
    ],
)
def test_who_at_chance(row: TrialRow, said: str | None) -> None:
    found = why(row, 10)
    assert (found is None) == (said is None), found
    assert said is None or said in str(found)


@pytest.mark.parametrize("right", [0, 40, 62, 63, 80])
def test_chance_is_what_the_binomial_test_says(right: int) -> None:
    from scipy.stats import binomtest

    chance = binomtest(right, 400, 0.1, alternative="greater").pvalue > 1e-3
    assert (why(trial([right / 400], [2.3], GUESS), 10) is not None) == chance


@given(
    accuracies=st.lists(st.sampled_from([0.6, 0.8, 0.85]), min_size=1, max_size=4),
    loss=st.sampled_from([0.5, 1.15]),
    separators=st.sampled_from([(", ", ": "), (",", ":")]),
)
def test_what_need_not_be_parsed_says_the_same(
    accuracies: list[float], loss: float, separators: tuple[str, str]
) -> None:
    row = trial(accuracies, [1.2] * (len(accuracies) - 1) + [loss], 1.1)
    row = dataclasses.replace(row, epochs=json.dumps(json.loads(row.epochs or ""), separators=separators))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chance_level, "_moved", lambda *_: False)
        expected = why(row, 10)
    assert why(row, 10) == expected


class Guesser(Pretend):
    """Loss and epochs of a dead network where the accuracy is at chance."""

    def _train(self, *given: Any, **named: Any) -> Outcome:
        outcome = super()._train(*given, **named)
        dead = outcome.accuracy is not None and outcome.accuracy < 0.15
        epochs = tuple(
            EpochMetrics(
                epoch=epoch,
                train_loss=2.4 if dead else 2.0 / epoch,
                accuracy=outcome.accuracy,
                loss=2.4,
                train_seconds=1.0,
                evaluate_seconds=0.1,
            )
            for epoch in (1, 2)
        )
        return dataclasses.replace(outcome, loss=2.4 if dead else 0.5, epochs=epochs)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def searched(monkeypatch: pytest.MonkeyPatch, ledger: Ledger, learns: Learns) -> search.GridOutcome:
    trainer = Guesser(ledger, learns)
    monkeypatch.setattr(search, "make_trainer", lambda *_, **__: trainer)
    settings = study(racing=False)
    return search.grid(
        settings, ledger, callback=trainer.listener, should_stop=lambda: False, checkpoints=None
    )


def test_one_dead_seed_takes_a_candidate_out_of_the_ranking_and_says_so(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_chance = contenders(plan(study()).plans)[0].key

    def learns(trial: Trial) -> float:
        # Its other seeds would win.
        mine = fingerprint(trial.network) == at_chance
        return 0.1 if mine and trial.seed == 1 else 0.9 if mine else 0.5

    outcome = searched(monkeypatch, ledger, learns)
    assert outcome.found.scores is not None and outcome.found.choice is not None
    assert at_chance not in outcome.found.scores.names
    assert outcome.found.choice.winner != at_chance
    assert list(grid_table.record(study(), outcome)["at_chance"]) == [at_chance]
    report = grid_table.report_of(ledger, study(), outcome.trials, outcome.found)
    (row,) = [row for row in report.rows if row.candidate.fingerprint == at_chance]
    assert row.verdict == "at chance"
    assert row.reason is not None and "1 of 3 seeds at chance level: " in row.reason
    assert any("1 networks had a seed at chance level" in note for note in report.notes)
    assert report.rows[-1] == row


def test_a_family_says_whose_seed_at_chance(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Guesser(ledger, lambda trial: 0.1 if trial.seed == FRESH_SEEDS else 0.8)
    monkeypatch.setattr(training, "make_trainer", lambda *_, **__: trainer)
    monkeypatch.setattr(catalog, "load_test", lambda *_: None)
    settings = override(study(), {"scale.phi": "0..1", "scale.seeds": 2})
    built = members.family(settings, Coefficients(alpha=1.2, beta=1.1, gamma=1.15), match="nominal")
    train(
        settings,
        ledger,
        built,
        match="nominal",
        callback=trainer.listener,
        should_stop=lambda: False,
        checkpoints=None,
    )
    report, _ = results.report_of(ledger, "s")
    assert [str(row.reason).partition(":")[0] for row in report.rows] == 2 * ["1 of 2 seeds at chance level"]


def test_nobody_wins_where_nobody_learned(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = searched(monkeypatch, ledger, lambda trial: 0.1)
    assert outcome.found.choice is None
    document = study_report.document(ledger, None)
    notes = document.tables[0].notes
    assert "No candidate has a result yet that can be judged." in notes
    assert {row.cells["verdict"] for row in document.tables[0].rows} == {"at chance"}
