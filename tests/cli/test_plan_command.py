"""`scaling-search plan` as a user sees it: the paper's grid, counted."""

import json

import pytest

from scaling_search.cli.main import run

PAPERS_GRID = [
    *("plan", "--baseline", "efficientnet-b0", "--match", "nominal"),
    *("--alpha", "1:2:0.05", "--beta", "1:1.5:0.05", "--gamma", "1:1.5:0.05"),
]


def test_the_papers_grid_is_108_triples_of_65_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PAPERS_GRID, "--json"]) == 0
    captured = capsys.readouterr()
    plan = json.loads(captured.out)
    assert captured.err == ""
    assert (plan["nominal_candidates"], plan["distinct_networks"], plan["within_tolerance"]) == (108, 65, 11)
    assert plan["base_macs"] == 385_825_092
    assert plan["target_macs"] == 771_650_184
    assert len(plan["candidates"]) == 108
    assert len({row["fingerprint"] for row in plan["candidates"]}) == 65
    keys = {"alpha", "beta", "gamma", "resolution", "parameters", "macs", "macs_ratio", "fingerprint"}
    assert all(keys <= row.keys() for row in plan["candidates"])
    assert all(row["macs_ratio"] == row["macs"] / 385_825_092 for row in plan["candidates"])


def test_text_says_what_would_be_trained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(PAPERS_GRID) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "108 of the grid's 2,541 triples have α·β²·γ² within 0.1 of 2; 43 build the same network" in out
    assert "as another; 65 candidates to train" in out


def test_the_packaged_study_is_planned_without_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["study"], plan["baseline"]) == (None, "efficientnet-b0")
    assert 0 < plan["networks_to_train"] <= plan["nominal_candidates"]
    ratios = [row["macs_ratio"] for row in plan["candidates"]]
    assert all(abs(ratio / 2 - 1) <= 0.15 + 1e-9 for ratio in ratios)
    assert {row["status"] for row in plan["candidates"]} <= {"kept", "adjusted"}


def test_options_narrow_the_grid(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--alpha", "1.4", "--beta", "1.2", "--gamma", "1:1.5:0.25", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert {(row["alpha"], row["beta"]) for row in plan["candidates"]} == {(1.4, 1.2)}
