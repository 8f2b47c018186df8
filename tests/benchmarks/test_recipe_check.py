"""`make recipe-check` on a study whose truth is known: what is planted is counted, and damage is named."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from benchmarks import recipe_check
from scaling_search.data import catalog
from scaling_search.errors import InputError
from scaling_search.ledger import transfer
from scaling_search.ledger.ledger import Ledger
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.family.scale import scale
from scaling_search.search.forecast import timing_cache
from scaling_search.search.recipe_check.check import recipe
from scaling_search.search.trial.trial import Trial
from tests.search.pretend import pretended, study


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study with a check, and a family that falls at the last step."""
    monkeypatch.setattr(timing_cache, "cache_folder", lambda *parts: tmp_path.joinpath("cache", *parts))

    def learns(trial: Trial) -> float:
        longer = trial.recipe is not None and trial.recipe.epochs > 5
        return {0.0: 0.5, 1.0: 0.9, 2.0: 0.6}[trial.phi or 0.0] - 0.2 * (longer and trial.phi == 1)

    settings = study(indifference=0.05).override(
        {"scale.phi": "0..2", "scale.seeds": 3, "scale.keep_weights": "none"}
    )
    with Ledger.open(tmp_path / "l.db") as ledger, pretended(learns):
        recipe(settings, ledger=ledger)
        scale(settings, Coefficients(alpha=1.0, beta=1.4, gamma=1.0), ledger=ledger)
        (tmp_path / "experiments" / "s").mkdir(parents=True)
        with Ledger.open(tmp_path / "experiments" / "s" / "ledger.db") as target:
            transfer.export(ledger, "s", target)
    return tmp_path / "experiments"


def test_what_was_planted_is_counted(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        recipe_check, "start_loss", lambda network, dataset, init: 1 + network.resolution / 1000
    )
    monkeypatch.setattr(
        recipe_check, "gradient_norm", lambda network, dataset, recipe, seeds: float(sum(network.widths))
    )
    monkeypatch.setattr(
        sys, "argv", ["recipe-check", "--folder", str(folder), "--json", str(tmp_path / "out.json")]
    )
    recipe_check.main()
    (found,) = json.loads((tmp_path / "out.json").read_text())["studies"]
    assert list(found) == [
        "name",
        "start_loss_ratio_max",
        "gradient_ratio_max",
        "interaction_max",
        "interaction_high",
        "family",
        "falls",
        "falls_underfit",
        "steps_undecided",
    ]
    assert found["name"] == "s"
    # Twice the length takes a fifth from the candidates, nothing from the base: the same seeds, the same images.
    assert found["interaction_max"] == pytest.approx(0.2, abs=0.05)
    assert found["interaction_high"] > found["interaction_max"]
    assert [list(one) for one in found["family"]] == [
        ["phi", "train_mean", "validation_mean", "test_mean", "half_width"]
    ] * 3
    assert [one["phi"] for one in found["family"]] == [0.0, 1.0, 2.0]
    rises = [one["test_mean"] for one in found["family"]]
    assert rises[0] < rises[2] < rises[1]
    assert found["family"][0]["half_width"] is None and found["family"][1]["half_width"] > 0
    assert (found["falls"], found["falls_underfit"], found["steps_undecided"]) == (1, 0, 0)
    assert found["start_loss_ratio_max"] > 1 and found["gradient_ratio_max"] > 1


def test_without_the_studys_own_images_starts_are_not_computed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of somebody's images is unknown elsewhere, and another of its name is not the same."""

    def unknown(_: object) -> None:
        raise InputError("unknown data set 'emoji'")

    other = catalog.load("digits", validation=0.25)
    for found in (unknown, lambda _: None, lambda _: other):
        monkeypatch.setattr(recipe_check, "prepared_data", found)
        (one,) = recipe_check.records([folder / "s" / "ledger.db"])
        assert one["start_loss_ratio_max"] is one["gradient_ratio_max"] is None
        assert one["falls"] == 1, "all that the ledger has is counted"


def test_a_damaged_export_is_named(folder: Path) -> None:
    path = folder / "s" / "ledger.db"
    connection = sqlite3.connect(path)
    connection.execute("UPDATE trials SET accuracy = 0.99 WHERE seed = 0")
    connection.commit()
    connection.close()
    with pytest.raises(SystemExit, match=r"ledger\.db: trials \(key=.*its digest does not fit"):
        recipe_check.records([path])
