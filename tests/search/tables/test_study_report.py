"""A search's ledger through the report, in every format: what the statistics hand over must fit the tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture import toml
from scaling_search.baselines.load import load
from scaling_search.cli.main import run
from scaling_search.data import catalog
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage import store
from scaling_search.report.render import FORMATS, render
from scaling_search.search.grid import search
from scaling_search.search.tables import study_report
from scaling_search.search.tables.grid_table import record
from scaling_search.search.trial import ledger_rows
from tests.search.pretend import Pretend, study


def test_a_finished_search_is_shown_in_every_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.db") as ledger:
        trainer = Pretend(ledger)
        monkeypatch.setattr(search, "make_trainer", lambda *_, **__: trainer)
        settings = study()
        outcome = search.grid(
            settings, ledger, callback=trainer.listener, should_stop=lambda: False, checkpoints=None
        )
        whole = study_report.document(ledger, None)
    for form in FORMATS:
        assert render(whole, form)
    rows = json.loads(render(whole, "json"))["grid"]
    assert [row["verdict"] for row in rows].count("winner") == 1
    assert all(row["accuracy_low"] <= row["accuracy_mean"] <= row["accuracy_high"] for row in rows)
    found = record(settings, outcome)
    best = {key: found["winner"][key] for key in ("alpha", "beta", "gamma")}
    assert best == {key: rows[0][key] for key in ("alpha", "beta", "gamma")}
    assert json.dumps(found, allow_nan=False)
    assert found["indistinct"] == []


def test_a_report_reads_every_table_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So all its figures are of one moment, whatever a search adds meanwhile; they are those of the ledger."""
    place = tmp_path / "l.db"
    with Ledger.open(place) as ledger:
        trainer = Pretend(ledger)
        monkeypatch.setattr(search, "make_trainer", lambda *_, **__: trainer)
        search.grid(study(), ledger, callback=trainer.listener, should_stop=lambda: False, checkpoints=None)
        live = render(study_report.document(ledger, None), "json")
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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = study(alpha="1:1.25:0.05", beta="1.2", gamma="1:1.5:0.25")
    settings = settings.model_copy(
        update={"rounding": settings.rounding.model_copy(update={"depth": "ceil"})}
    )
    with Ledger.open(tmp_path / "l.db") as ledger:
        trainer = Pretend(ledger)
        monkeypatch.setattr(search, "make_trainer", lambda *_, **__: trainer)
        outcome = search.grid(
            settings, ledger, callback=trainer.listener, should_stop=lambda: False, checkpoints=None
        )
        said = record(settings, outcome)["indistinct"]

        def gone(*_: object, **__: object) -> None:
            raise AssertionError("the data set was asked for")

        monkeypatch.setattr(catalog, "describe", gone)
        notes = study_report.document(ledger, None).tables[0].notes
    place = notes.index("What this grid cannot tell apart:")
    line = "α = 1.05 to 1.25: all build the same depths, yet at φ = 7 they would multiply depth by "
    assert notes[place + 1].startswith(line)
    assert said[0] == notes[place + 1]
    assert any(note.startswith("Ways out: judge each triple at several φ (grid --phi 1,2)") for note in notes)


def test_a_report_names_a_baseline_of_a_file_by_the_networks_own_name(tmp_path: Path) -> None:
    file = tmp_path / "somewhere.toml"
    file.write_text(toml.write(load("efficientnet-b0").model_copy(update={"name": "mine"})))
    row = ledger_rows.study_row(
        study().model_copy(update={"baseline": str(file)}), recipe="{}", dataset="d" * 64
    )
    assert row.baseline == "mine"
