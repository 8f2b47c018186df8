"""The whole road as a user walks it, with real trainings: grid, grid again, scale, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.baselines.load import load
from scaling_search.cli.main import run
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.plan.seeds import FRESH_SEEDS

pytestmark = pytest.mark.usefixtures("own_cache")

NETWORK = """
name = "tiny"
resolution = 6
activation = "relu"
stem = { width = 8 }
stages = [{ block = "plain", width = 8 }]
head = {}
"""
# At phi = 1 two networks: twice as deep, or of 1.4 times the side.
STUDY = """
name = "road"
baseline = "tiny.toml"
[dataset]
name = "digits"
[rounding]
divisor = 1
[recipe]
epochs = 1
learning_rate = 0.1
[grid]
alpha = "1:2:1"
beta = "1:1:1"
gamma = "1:1.4:0.4"
tolerance = 0.1
macs_tolerance = 0.3
seeds = 2
racing = false
[scale]
phi = "0..1"
seeds = 1
"""


def test_grid_grid_again_scale_and_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.toml").write_text(NETWORK, encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")

    def said(*arguments: str) -> Any:
        where = ["--study", str(tmp_path / "study.toml"), "--ledger", str(tmp_path / "road.db")]
        assert run([*arguments, *where]) == 0, capsys.readouterr().err
        captured = capsys.readouterr()
        return json.loads(captured.out)

    grid = said("grid", "--phi", "1", "--json")
    assert (grid["candidates"], grid["trials"], grid["trained"]) == (2, 4, 6), "and the base twice"
    assert grid["forecast"]["trials"] == grid["forecast"]["planned"] == 6
    triples = {(row["alpha"], row["gamma"]): row for row in grid["grid"]}
    assert set(triples) == {(2, 1), (1, 1.4)}
    means = {triple: row["accuracy"]["value"] for triple, row in triples.items()}
    best = max(means, key=lambda triple: means[triple])
    assert means[best] > 0.2, "guessing one of ten digits gives half of that"
    assert (grid["winner"]["alpha"], grid["winner"]["gamma"]) == best

    again = said("grid", "--phi", "1", "--json")
    assert again == grid | {"trained": 0}

    out = tmp_path / "networks"
    scale = said("scale", "--phi", "0..1", "--out", str(out), "--json")
    assert scale["coefficients"] == {name: grid["winner"][name] for name in ("alpha", "beta", "gamma")}
    written = [fingerprint(load(str(file))) for file in sorted(out.iterdir())]
    assert written[1] == grid["winner"]["networks"][0]["fingerprint"]
    with Ledger.open(tmp_path / "road.db", read_only=True) as ledger:
        trials = ledger.trials()
        assert {row.state for row in trials} == {"complete"}
        assert {row.network for row in trials if row.seed >= FRESH_SEEDS} == set(written)
        tested = [row for row in ledger.evaluations() if row.split == "test"]
        assert len(tested) == 2, "the family alone has met the test split"

    report = said("report", "--format", "json")
    assert {(row["alpha"], row["gamma"]): row["accuracy_mean"] for row in report["grid"]} == means
    assert {row["seeds"] for row in report["grid"]} == {2}
    assert [row["phi"] for row in report["scale"]] == [0, 1]
    assert all(0 < row["accuracy_mean"] < 1 and row["seeds"] == 1 for row in report["scale"])
    for kind in ("accuracy", "test_accuracy"):
        assert all(row[f"{kind}_low"] < row[f"{kind}_mean"] < row[f"{kind}_high"] for row in report["scale"])
    ratio = f"({grid['forecast']['ratio']:.2f}x)"
    assert [ratio in note for note in report["notes"] if note.startswith("Forecast ")] == [True]
