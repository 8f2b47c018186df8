"""What stands in examples/ runs: every cell of the notebook, with a smaller study; the races."""

from __future__ import annotations

import ast
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import scaling_search as ss
from scaling_search.search.plan import study as studies

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = json.loads((EXAMPLES / "digits.ipynb").read_text(encoding="utf-8"))
NETWORK = """
name = "tiny"
resolution = 8
channels = 1
classes = 10
activation = "relu"
stem = { width = 8, kernel = 3, stride = 1 }
stages = [{ block = "plain", width = 8 }]
head = {}
"""
# The packaged study takes minutes; this one has its parts.
STUDY = """
name = "digits"
baseline = "tiny.toml"
dataset = "digits"
proxy = { resolution = 8, width = 0.5 }
rounding = { depth = "round", divisor = 2 }
recipe = { epochs = 1, batch_size = 64 }
grid = { alpha = [1, 2], beta = [1, 1.4], gamma = 1, tolerance = 0.5, macs_tolerance = 0.5, seeds = 1 }
scale = { phi = "0..1", seeds = 1 }
"""


def run_cell(source: str, names: dict[str, Any], what: str) -> Any:
    """The value of a cell's last expression, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, what, "exec"), names)  # noqa: S102 - our own notebook
    if last is None:
        return None
    value = eval(compile(ast.Expression(last.value), what, "eval"), names)  # noqa: S307
    return value if value is None or not hasattr(value, "_repr_html_") else value._repr_html_()


@pytest.mark.usefixtures("own_cache")
def test_every_cell_of_the_notebook_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(NETWORK)
    Path("study.toml").write_text(STUDY)
    asked: list[str] = []

    def packaged() -> ss.Study:
        asked.append("digits")
        return studies.read(Path("study.toml"))

    monkeypatch.setattr(studies, "packaged", packaged)
    names: dict[str, Any] = {}
    cells = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    shown = [
        run_cell("".join(cell["source"]), names, f"cell {number}")
        for number, cell in enumerate(cells, start=1)
    ]
    assert asked == ["digits"], "it takes the packaged study, by its name"
    assert (
        sum(isinstance(one, str) and "<table" in one for one in shown) >= 3
    )  # the plan, the family, the report
    out = capsys.readouterr().out
    assert names["result"].answer in out
    assert re.search(r"^\d+\.\d% of the test images are right$", out, re.MULTILINE)
    assert names["prediction"].evaluation.accuracy.value > 0
    for made in ("report.html", "networks/tiny-phi1.toml", "member-phi1/model.py"):
        assert Path(made).is_file(), made


def test_the_notebook_is_kept_without_results() -> None:
    """They would be of a machine and a version."""
    assert all(not cell.get("outputs") for cell in NOTEBOOK["cells"])
    assert all(cell.get("execution_count") is None for cell in NOTEBOOK["cells"])


def test_scikit_learns_models_race(capsys: pytest.CaptureFixture[str]) -> None:
    found = runpy.run_path(str(EXAMPLES / "race_scikit_learn.py"))["main"]()
    assert found.winner == "support vectors"
    assert found.decided
    assert found.records()[-1]["candidate"] == "10 trees"
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("support vectors: decided, after ")
    assert len(out) == 5


def test_pytorchs_models_race(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    found = runpy.run_path(str(EXAMPLES / "race_pytorch.py"))["main"](epochs=1)
    assert {row["candidate"] for row in found.records()} == {"wide", "balanced", "deep"}
    assert capsys.readouterr().out.splitlines()[0].startswith("seeds: ")


def test_the_pytorch_race_needs_nothing_of_torch_to_be_read() -> None:
    """Where PyTorch is not installed, its example is at least parsed, and its names are the API's."""
    tree = ast.parse((EXAMPLES / "race_pytorch.py").read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ss"
    }
    assert used and used <= set(ss.__all__)
