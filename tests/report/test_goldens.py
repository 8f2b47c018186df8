"""The exact output of every format."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.report.regenerate import FORMATS, GOLDENS, rendered


@pytest.mark.parametrize("name", FORMATS)
def test_output_is_the_golden(name: str) -> None:
    golden = (GOLDENS / name).read_text("utf-8")
    assert rendered(name) == golden, (
        f"tests/report/goldens/{name} differs. If the change is wanted, run"
        " `.venv/bin/python -m tests.report.regenerate` and read the difference before committing."
    )


def test_json_has_the_promised_keys() -> None:
    whole = json.loads(rendered("report.json"))
    promised = {"name", "phi", "alpha", "beta", "gamma", "depth", "width", "resolution", "parameters", "macs"}
    promised |= {"accuracy_mean", "accuracy_sd", "seeds"}
    for table in ("grid", "scale"):
        assert whole[table]
        for row in whole[table]:
            assert promised <= row.keys()


def test_a_missing_figure_is_null_in_json_empty_in_csv_and_a_dash_in_text() -> None:
    seven = next(row for row in json.loads(rendered("report.json"))["scale"] if row["phi"] == 7)
    for key in (
        "accuracy_mean",
        "accuracy_sd",
        "seeds",
        "test_accuracy_mean",
        "test_accuracy_sd",
        "predicted",
    ):
        assert seven[key] is None
    assert seven["status"] == "not trained" and seven["reason"].startswith("needs about 9.1 GiB")
    line = next(line for line in csv.DictReader(io.StringIO(rendered("report.csv"))) if line["phi"] == "7.0")
    assert (line["name"], line["accuracy_mean"], line["seeds"]) == ("efficientnet-b0@32px@phi=7", "", "")
    text = next(line for line in rendered("report.txt").splitlines() if line.startswith("7 "))
    assert text.split() == ["7", "–", "–", "–", "281.235"]


def test_one_seed_has_no_standard_deviation() -> None:
    wide = next(row for row in json.loads(rendered("report.json"))["grid"] if row["fingerprint"] == "wide")
    assert (wide["accuracy_sd"], wide["seeds"]) == (None, 1)
    assert "93.12 ± – (1)" in rendered("report.txt")


def test_no_formula_network_is_called_by_an_official_name() -> None:
    whole = json.loads(rendered("report.json"))
    official = {row["published_name"].lower() for row in whole["published"]}
    assert len(official) == 8
    assert not any(row["name"].lower() in official for row in (*whole["scale"], *whole["grid"]))
