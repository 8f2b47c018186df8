"""A search's ledger through the report, in every format: what the statistics hand over must fit the tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaling_search.architecture import toml
from scaling_search.baselines.load import load
from scaling_search.ledger.ledger import Ledger
from scaling_search.report.render import FORMATS, render
from scaling_search.search import grid, records, reporting
from scaling_search.search.findings import record
from tests.search.pretend import Pretend, study


def test_a_finished_search_is_shown_in_every_format(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.db") as ledger:
        trainer = Pretend(ledger)
        monkeypatch.setattr(grid, "make_trainer", lambda *_, **__: trainer)
        settings = study()
        outcome = grid.grid(
            settings, ledger, watcher=trainer.listener, should_stop=lambda: False, checkpoints=None
        )
        whole = reporting.document(ledger, None)
    for form in FORMATS:
        assert render(whole, form)
    rows = json.loads(render(whole, "json"))["grid"]
    assert [row["verdict"] for row in rows].count("winner") == 1
    assert all(row["accuracy_low"] <= row["accuracy_mean"] <= row["accuracy_high"] for row in rows)
    found = record(settings, outcome)
    best = {key: found["winner"][key] for key in ("alpha", "beta", "gamma")}
    assert best == {key: rows[0][key] for key in ("alpha", "beta", "gamma")}
    assert json.dumps(found, allow_nan=False)


def test_a_report_names_a_baseline_of_a_file_by_the_networks_own_name(tmp_path: Path) -> None:
    file = tmp_path / "somewhere.toml"
    file.write_text(toml.write(load("efficientnet-b0").model_copy(update={"name": "mine"})))
    row = records.study_row(study().model_copy(update={"baseline": str(file)}), recipe="{}", dataset="d" * 64)
    assert row.baseline == "mine"
