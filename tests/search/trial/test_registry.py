"""Which study of a ledger a search is: two that differ never share a name, one is found whatever it is called."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.ledger.storage.schema import DATASETS, STUDIES
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override
from scaling_search.search.trial import registry
from scaling_search.search.trial.setup import load_data
from tests.search.pretend import study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def unnamed(**changes: object) -> Study:
    return override(study().model_copy(update={"name": None}), changes)


def registered(ledger: Ledger, settings: Study, said: list[str] | None = None) -> StudyRow:
    return registry.register(
        ledger, search_space(settings), load_data(settings), say=(said if said is not None else []).append
    )


def test_a_study_is_kept_with_its_networks_and_data(ledger: Ledger) -> None:
    row = registered(ledger, study())
    space = search_space(study())
    assert (row.name, row.baseline, row.dataset_name) == ("s", "efficientnet-b0", "digits")
    assert (row.base, row.full) == (fingerprint(space.base), fingerprint(space.baseline))
    assert ledger.network(row.base) is not None and ledger.network(row.full) is not None
    (data,) = ledger.rows(DATASETS)
    assert data.fingerprint == row.dataset
    labels = json.loads(data.validation_labels)
    assert np.array_equal(labels, load_data(study()).validation.labels)
    assert (data.validation_images, data.test_images, data.height) == (len(labels), 359, 8)


def test_a_default_name_is_data_and_baseline_with_a_suffix_where_it_is_taken(ledger: Ledger) -> None:
    said: list[str] = []
    first = registered(ledger, unnamed(), said)
    assert (first.name, said) == ("digits-efficientnet-b0", [])
    second = registered(ledger, unnamed(**{"recipe.epochs": 8}), said)
    assert second.name == f"digits-efficientnet-b0-{second.fingerprint[:4]}"
    assert said == [
        f"kept apart from study digits-efficientnet-b0 (it differs in recipe) as {second.name}",
    ]
    assert {row.name for row in ledger.rows(STUDIES)} == {first.name, second.name}
    # Again, each is found.
    for settings, row in ((unnamed(), first), (unnamed(**{"recipe.epochs": 8}), second)):
        again = registered(ledger, settings, said)
        assert (again.name, again.created_at) == (row.name, row.created_at)
    assert len(said) == 1


TWO = "fingerprint [0-9a-f]{12} then and [0-9a-f]{12} now"


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"proxy.width": 0.5}, f"proxy, {TWO}"),
        ({"dataset.validation": 0.3}, "data or split"),
        ({"recipe.epochs": 8, "dataset.split_seed": 1}, "data or split and recipe"),
        ({"grid.phi": 2}, "rounding, budget, match, metric, φ or tuned rates"),
        ({"baseline": "lenet-5", "proxy.resolution": 16}, f"network, {TWO}"),
        ({"recipe.learning_rate": 0.01}, "recipe"),
        ({"rounding.divisor": 1}, "rounding, budget, match, metric, φ or tuned rates"),
        ({"grid.metric": "balanced-accuracy"}, "rounding, budget, match, metric, φ or tuned rates"),
        ({"grid.budget": "parameters"}, "rounding, budget, match, metric, φ or tuned rates"),
        ({"recipe.rate": "tuned"}, "rounding, budget, match, metric, φ or tuned rates"),
        ({"grid.match": "nominal"}, "rounding, budget, match, metric, φ or tuned rates"),
    ],
)
def test_a_given_name_that_has_other_content_is_refused(
    ledger: Ledger, changes: dict[str, object], differs: str
) -> None:
    first = registered(ledger, study())
    with pytest.raises(
        InputError, match=rf"another study 's' \(it differs in {differs}\).*a name of its own with --name"
    ):
        registered(ledger, override(study(), changes))
    assert ledger.rows(STUDIES) == [first]
    assert registered(ledger, override(study(), {**changes, "name": "t"})).name == "t"


def test_ranges_and_seeds_extend_a_study_under_its_name(ledger: Ledger) -> None:
    first = registered(ledger, study())
    wider = registered(ledger, study(alpha="1:2:0.1", seeds=5, racing=False))
    assert (wider.name, wider.fingerprint, wider.created_at) == ("s", first.fingerprint, first.created_at)
    assert wider.toml != first.toml
    assert ledger.rows(STUDIES) == [wider]


def test_one_content_is_one_study_whatever_it_is_called(ledger: Ledger) -> None:
    first = registered(ledger, study())
    said: list[str] = []
    other = registered(ledger, override(study(), {"name": "t"}), said)
    assert (other.name, other.fingerprint) == ("s", first.fingerprint)
    assert said == ["study 't' is in this ledger already, as 's'"]
    assert registered(ledger, unnamed(), said).name == "s"
    assert len(ledger.rows(STUDIES)) == len(said) == 1


def test_a_study_that_is_not_there_is_not_found(ledger: Ledger) -> None:
    space = search_space(study())
    assert registry.find(ledger, space, load_data(study()).fingerprint) is None
    assert registry.newest(ledger) is None
    row = registered(ledger, study())
    assert registry.find(ledger, space, row.dataset) == row
    assert registry.find(ledger, space, "other data") is None


def test_the_newest_is_the_one_that_was_run_last(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for minute, settings in enumerate((study(), unnamed(**{"recipe.epochs": 8}), study())):
        now = f"2026-01-01T00:0{minute}:00+00:00"
        monkeypatch.setattr("scaling_search.search.trial.ledger_rows.utc_now", lambda now=now: now)
        registered(ledger, settings)
    newest = registry.newest(ledger)
    assert newest is not None and newest.name == "s"
    assert (newest.created_at[14:16], newest.run_at[14:16]) == ("00", "02")
