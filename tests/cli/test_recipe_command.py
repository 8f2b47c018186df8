"""`scaling-search recipe` as a user sees it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from scaling_search.cli.main import run
from scaling_search.search.plan import study as studies
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import Outcome
from tests.search.pretend import Pretend, pretended, study


@pytest.fixture
def arguments(tmp_path: Path, own_cache: None) -> list[str]:
    (tmp_path / "s.toml").write_text(studies.write(study(indifference=0.05)))
    return ["recipe", "--study", str(tmp_path / "s.toml"), "--ledger", str(tmp_path / "l.db")]


class Steady(Pretend):
    """Right on the same share of the same images, but for one image that a seed chooses."""

    def outcome(self, trial: Trial) -> Outcome:
        found = super().outcome(trial)
        if found.correct is None:
            return found
        images = len(found.correct)
        asked = np.random.default_rng(0).permutation(images) / images
        said = self.learns(trial)
        assert isinstance(said, float)
        correct = asked < said
        correct[np.random.default_rng(trial.seed).integers(images)] ^= True
        return dataclasses.replace(found, correct=correct, accuracy=float(correct.mean()))


def learns(trial: Trial) -> float:
    """The base gains from a longer training what the others do not."""
    longer = trial.recipe is not None and trial.recipe.epochs == 10
    return 0.5 + 0.3 * (trial.phi == 0 and longer)


def test_the_answer_comes_first_and_the_file_has_what_is_named(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.toml"
    with pretended(learns, kind=Steady):
        assert run([*arguments, "--write", str(path)]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert any(line.startswith("Unfair: ") for line in lines[:3])
    assert "trials are to train, about " in captured.err
    assert f"{path}: rate 0.04 and " in captured.err
    written = studies.read(path)
    assert written.recipe["learning_rate"] == 0.04 and written.recipe["epochs"] in (5, 10, 20, 40)
    # The report and the grid's answer know of it.
    assert run(["report", "--ledger", str(tmp_path / "l.db")]) == 0
    assert "Unfair: " in capsys.readouterr().out


def test_json_is_one_document(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pretended(lambda trial: 0.5, kind=Steady):
        assert run([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "fair"
    assert {"rate", "epochs", "interactions", "seeds_needed", "images_needed", "answer"} <= set(found)
    assert {one["verdict"] for one in found["interactions"]} == {"fair"}


def test_nothing_trained_is_exit_code_4(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pretended(lambda trial: None):
        assert run(arguments) == 4
    assert "diverged with seed 0" in capsys.readouterr().out


def test_a_file_that_is_no_study_is_refused_before_anything_is_trained(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.toml"
    path.write_text("nonsense = 1\n")
    trained: list[Trial] = []
    with pretended(lambda trial: trained.append(trial) or 0.5):  # type: ignore[func-returns-value]
        assert run([*arguments, "--write", str(path)]) == 3
    assert trained == [] and "nonsense" in capsys.readouterr().err
    assert path.read_text() == "nonsense = 1\n"


def test_tuned_rates_are_a_usage_error(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(path.read_text().replace("[recipe]\n", '[recipe]\nrate = "tuned"\n'))
    with pretended():
        assert run(arguments) == 2
    assert "give the study one rate" in capsys.readouterr().err
