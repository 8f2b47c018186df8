"""A search's ledger through the report, in every format: what the statistics hand over must fit the tables."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture import toml
from scaling_search.architecture.network import fingerprint
from scaling_search.baselines.load import load
from scaling_search.cli.main import run
from scaling_search.data import catalog
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage import store
from scaling_search.report.page.html import render as render_page
from scaling_search.report.render import FORMATS, render
from scaling_search.report.study import grid_table
from scaling_search.search.family.document import record as family_record
from scaling_search.search.family.scale import scale
from scaling_search.search.grid.report import report_of
from scaling_search.search.grid.requirements import requirements
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import override, write
from scaling_search.search.tables import plan_table, study_report
from scaling_search.search.tables.grid_table import record
from scaling_search.search.trial import ledger_rows
from tests.search.pretend import Listener, planned, pretended, searched, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def test_a_finished_search_is_shown_in_every_format(ledger: Ledger) -> None:
    result = searched(ledger)
    whole = study_report.read(ledger, None).document()
    for form in FORMATS:
        assert render(whole, form)
    rows = json.loads(render(whole, "json"))["grid"]
    assert sum(row["verdict"] in ("winner", "leading") for row in rows) == 1
    assert all(row["accuracy_low"] <= row["accuracy_mean"] <= row["accuracy_high"] for row in rows)
    found = record(result)
    best = {key: found["winner"][key] for key in ("alpha", "beta", "gamma")}
    assert best == {key: rows[0][key] for key in ("alpha", "beta", "gamma")}
    assert json.dumps(found, allow_nan=False)
    assert found["indistinct"] == []


def test_what_was_built_is_beside_what_was_asked_for(ledger: Ledger) -> None:
    result = searched(ledger, study(alpha="1:2:0.1", tolerance=0.3))
    built = {one.group: one.realised for one in result.plan.candidates}
    for row in json.loads(render(study_report.read(ledger, None).document(), "json"))["grid"]:
        factors = built[row["fingerprint"]]
        assert row["realised"] == {
            "depth": factors.depth,
            "width": factors.width,
            "resolution": factors.resolution,
        }
    winner = record(result)["winner"]
    assert winner["realised"].keys() == {"depth", "width", "resolution"}
    document = study_report.read(ledger, None).document()
    assert json.loads(render(document, "json"))["winner"]["realised"] == winner["realised"]
    cells = next(
        row for row in csv.DictReader(io.StringIO(render(document, "csv"))) if row["table"] == "grid"
    )
    assert "realised" not in cells
    assert [float(cells[f"{key}_factor"]) for key in ("depth", "width", "resolution")] == [
        *winner["realised"].values()
    ]
    assert next(csv.DictReader(io.StringIO(render(document, "csv"))))["depth_factor"] == "", "the base's"


def test_the_base_is_the_reference_row(ledger: Ledger) -> None:
    result = searched(ledger)
    report = report_of(ledger, result.study, result.trials, result.found)
    assert report.base is not None
    space = search_space(study())
    assert (report.base.candidate.name, report.base.candidate.macs) == (space.base.name, space.base_cost.macs)
    assert report.base.candidate.macs_ratio == 1.0
    assert report.base.accuracy is not None and report.base.accuracy.seeds == 3


def test_a_leader_of_one_seed_has_no_interval_of_no_width(ledger: Ledger) -> None:
    best = planned().candidates[0].builds[0].fingerprint
    result = searched(
        ledger, study(seeds=1), lambda trial: 0.9 if fingerprint(trial.network) == best else 0.3
    )
    table = grid_table(result.report)
    leader, *others = (row.cells["behind"] for row in table.rows)
    assert table.rows[0].cells["verdict"] == "leading" and leader is None
    assert all(one.low < one.high for one in others), "of images"
    said = record(result)["winner"]["behind_the_best"]
    assert (said["estimate"], said["low"], said["high"]) == (0, None, None)


def test_a_key_with_two_meanings_has_a_clearer_one_beside_it(ledger: Ledger) -> None:
    best = planned().candidates[0].builds[0].fingerprint
    result = searched(ledger, learns=lambda trial: 0.9 if fingerprint(trial.network) == best else 0.5)
    with pretended():
        family = scale(study(), ledger=ledger, callbacks=(Listener(),), phi=(0, 1))
    whole = json.loads(render(study_report.read(ledger, None).document(), "json"))
    rows = [whole["base"], *whole["grid"]]
    assert len({row["name"] for row in rows[1:]}) == 1
    assert len({row["candidate"] for row in rows}) == len(rows) and rows[0]["candidate"] == "base"
    first = rows[1]
    assert first["candidate"] == f"{first['alpha']:g},{first['beta']:g},{first['gamma']:g}@phi=1"
    assert {row["adjustment"] for row in whole["adjusted"]} == {"adjusted", "dropped"}
    assert all(row["adjustment"] == row["status"] for row in (*whole["grid"], *whole["adjusted"]))
    assert all(row["training_status"] == row["status"] for row in whole["scale"])
    assert {"adjustment", "training_status"}.isdisjoint(whole["scale"][0].keys() & whole["grid"][0].keys())
    for row in (*plan_table.record(planned())["candidates"], *family_record(family)["families"]["proxy"]):
        assert row["adjustment"] == row["status"] in ("kept", "adjusted")
    winner = record(result)["winner"]
    gap, gain = winner["difference_to_base"], winner["gain_over_base"]
    assert gain["value"] > 0.3 and gain["low"] > 0
    assert (gain["value"], gain["low"], gain["high"]) == (-gap["value"], -gap["high"], -gap["low"])


def test_plan_search_and_report_open_with_the_same_base(ledger: Ledger) -> None:
    result = searched(ledger)
    plan = planned()
    before = plan_table.document(plan, requirements(plan, None)).facts
    after = plan_table.document(plan, requirements(plan, ledger)).facts
    report = study_report.read(ledger, None)
    assert after == result.document.facts == report.document().facts == report.page().opening
    assert before["base_accuracy"] == "not trained yet; chance gives 10.1 %", (
        "the commonest class, as counted"
    )
    row = result.report.base
    assert row is not None and row.accuracy is not None and row.interval is not None
    assert after["base_accuracy"] == (
        f"{100 * row.accuracy.mean:.1f} % ({100 * row.interval.low:.1f} to {100 * row.interval.high:.1f}; 3 seeds); "
        "chance gives 10.1 %"
    )
    shown = " ".join(render(report.document(), "text").split())
    assert shown.index("base network: the proxy") < shown.index("Grid")
    assert "base accuracy" in render_page(report.page())


def test_a_plan_reads_the_base_alone(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It analysed the whole grid once more for one line."""
    searched(ledger)
    plan = planned()
    expected = study_report.read(ledger, None).document().facts
    whole = "scaling_search.search.grid.requirements.read_grid"
    monkeypatch.setattr(whole, lambda *_: pytest.fail("the grid was analysed"))
    assert plan_table.document(plan, requirements(plan, ledger)).facts == expected


def test_without_a_search_a_report_opens_with_the_familys_first_member(ledger: Ledger) -> None:
    """It said that the base was not trained, above a table that had its accuracy."""
    with pretended(lambda trial: 0.7):
        scale(study(), (2, 1, 1), ledger=ledger, callbacks=(Listener(),), phi=(0, 1))
    report = study_report.read(ledger, None)
    first = report.families[0].rows[0]
    assert first.accuracy is not None and first.interval is not None and first.candidate.phi == 0
    assert report.opening["base_accuracy"] == (
        f"{100 * first.accuracy.mean:.1f} % ({100 * first.interval.low:.1f} to {100 * first.interval.high:.1f}; "
        f"{first.accuracy.seeds} seeds); chance gives 10.1 %"
    )


def test_a_family_without_its_first_member_says_nothing_of_the_base(ledger: Ledger) -> None:
    with pretended(lambda trial: 0.7):
        scale(study(), (2, 1, 1), ledger=ledger, callbacks=(Listener(),), phi=(1,))
    report = study_report.read(ledger, None)
    assert report.families[0].rows[0].accuracy is not None
    assert report.opening["base_accuracy"].startswith("not trained yet")


def test_a_report_reads_every_table_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So all its figures are of one moment, whatever a search adds meanwhile; they are those of the ledger."""
    place = tmp_path / "l.db"
    with Ledger.open(place) as ledger:
        searched(ledger)
        live = render(study_report.read(ledger, None, place=str(place)).document(), "json")
    tables = []
    read = store.read

    def counted(connection: Any, kind: Any, **more: Any) -> Any:
        tables.append(kind.name)
        return read(connection, kind, **more)

    monkeypatch.setattr(store, "read", counted)
    assert run(["report", "--ledger", str(place), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(live)
    assert "trials" in tables
    assert len(tables) == len(set(tables))


def test_a_report_says_what_its_grid_could_not_tell_apart_without_the_data(
    monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    settings = override(
        study(alpha="1:1.25:0.05", beta="1.2", gamma="1:1.5:0.25"), {"rounding.depth": "ceil"}
    )
    said = record(searched(ledger, settings))["indistinct"]

    def gone(*_: object, **__: object) -> None:
        raise AssertionError("the data set was asked for")

    monkeypatch.setattr(catalog, "describe", gone)
    (note,) = [
        note
        for document in [study_report.read(ledger, None).document()]
        for note in (*document.tables[0].notes, *document.details.notes)
        if note.startswith("What this grid cannot tell apart: ")
    ]
    line = "α = 1.05 to 1.25: all build the same depths, yet at φ = 7 they would multiply depth by "
    assert said[0].startswith(line) and said[0] in note
    assert "Ways out: compare each triple at several φ (grid --phi 1,2)" in note


def test_a_baseline_of_a_file_is_named_by_the_networks_own_name(tmp_path: Path) -> None:
    file = tmp_path / "somewhere.toml"
    file.write_text(toml.write(load("efficientnet-b0").model_copy(update={"name": "mine"})))
    space = search_space(study().model_copy(update={"baseline": str(file)}))
    assert ledger_rows.study_row(space, name="s", dataset="d" * 64).baseline == "mine"


def test_a_study_is_chosen_by_name_by_file_or_as_the_newest(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this ledger has no study yet"):
        study_report.choose(ledger, None)
    first = searched(ledger, study(seeds=1, racing=False)).study
    unnamed = override(study(seeds=1, racing=False), {"recipe.epochs": 7}).model_copy(update={"name": None})
    second = searched(ledger, unnamed).study
    assert study_report.choose(ledger, "s") == first
    assert study_report.choose(ledger, second.name) == second
    assert study_report.choose(ledger, None).name in (first.name, second.name)
    named, other = tmp_path / "named.toml", tmp_path / "unnamed.toml"
    named.write_text(write(study()), encoding="utf-8")
    other.write_text(write(unnamed), encoding="utf-8")
    assert study_report.choose(ledger, str(named)) == first
    assert study_report.choose(ledger, str(other)) == second
    # By its content, where it is called otherwise than in the ledger.
    named.write_text(write(override(study(), {"name": "t"})), encoding="utf-8")
    assert study_report.choose(ledger, str(named)) == first
    named.write_text(write(override(study(), {"name": "t", "recipe.epochs": 9})), encoding="utf-8")
    for missing in ("x", str(named)):
        with pytest.raises(InputError, match=f"unknown study .*Legal: {second.name}, s"):
            study_report.choose(ledger, missing)
