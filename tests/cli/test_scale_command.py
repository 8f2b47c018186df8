"""`scaling-search scale --emit-only` as a user sees it: one network file per phi."""

import json
from pathlib import Path

import pytest

from scaling_search.baselines.load import load
from scaling_search.cli.main import run
from scaling_search.costs.count import cost
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import override
from scaling_search.search.trial import registry
from scaling_search.search.trial.setup import load_data
from tests.search.pretend import study


def test_the_papers_triple_over_phi_0_to_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["scale", "--baseline", "efficientnet-b0", "--coefficients", "1.2,1.1,1.15", "--phi", "0..2"]
    assert run([*arguments, "--emit-only", "--out", str(tmp_path / "out"), "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == ""
    assert found["coefficients"] == {"alpha": 1.2, "beta": 1.1, "gamma": 1.15}
    assert [row["phi"] for row in found["scale"]] == [0, 1, 2]
    assert [row["name"] for row in found["scale"]] == [f"efficientnet-b0-phi{phi}" for phi in range(3)]
    assert (found["scale"][0]["parameters"], found["scale"][0]["resolution"]) == (5_288_548, 224)
    assert (found["scale"][1]["parameters"], found["scale"][1]["resolution"]) == (9_109_994, 258)
    assert found["scale"][1]["macs"] == 992_645_882
    files = sorted((tmp_path / "out").iterdir())
    assert [str(file) for file in files] == [row["file"] for row in found["scale"]]
    for file, row in zip(files, found["scale"], strict=True):
        network = load(str(file))
        assert (cost(network).parameters, cost(network).macs) == (row["parameters"], row["macs"])


def test_a_file_that_was_written_is_a_baseline_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["scale", "--baseline", "lenet-5", "--coefficients", "1.2,1.1,1.15", "--phi", "0"]
    assert run([*arguments, "--emit-only", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    (file,) = tmp_path.iterdir()
    assert run(["cost", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == 61_706


def test_what_an_earlier_call_set_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A study is scaled as it was last time: once with --train full, it went on with that, and nobody said so."""
    place = str(tmp_path / "l.db")
    with Ledger.open(place) as ledger:
        settings = override(study(), {"scale.train": "full", "scale.member_time_limit": "1s"})
        registry.register(ledger, search_space(settings), load_data(settings), say=print)
    arguments = ["scale", "--study", "s", "--coefficients", "1.2,1.1,1.15", "--phi", "0", "--ledger", place]
    assert run([*arguments, "--emit-only", "--out", str(tmp_path / "out")]) == 0
    said = "as this study was last run: member_time_limit = 1.0 (options change them)\n"
    assert capsys.readouterr().err == said
