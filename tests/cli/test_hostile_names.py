"""Names that mean something to a terminal, a browser, a spreadsheet or a path are only shown, by every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaling_search.architecture import toml
from scaling_search.baselines.load import load
from scaling_search.cli.main import run
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import GRID, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES
from scaling_search.search.grid.candidates import record_plan
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.grid_plan import grid_plan
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.trial.ledger_rows import study_row

NAMES = [
    "\x1b[31mred\x1b[0m\x07",
    "\x9b31mred",
    "a\rb\nc",
    "\u202egnp.exe",
    "[/nope] [red]",
    "<script>alert(1)</script>",
    "=1+1",
    "../../etc/passwd",
]
IDS = ["escape", "csi", "lines", "bidi", "markup", "script", "formula", "path"]
everywhere = pytest.mark.parametrize("name", NAMES, ids=IDS)


def harmless(text: str) -> bool:
    """Whether a terminal only prints it."""
    return all(character.isprintable() or character == "\n" for character in text)


@pytest.fixture(params=NAMES, ids=IDS)
def named(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder with a network and a study of that name."""
    monkeypatch.chdir(tmp_path)
    network = load("lenet-5").model_copy(update={"name": request.param, "source": request.param})
    Path("network.toml").write_text(toml.write(network), encoding="utf-8")
    Path("study.toml").write_text(
        f'name = {json.dumps(request.param)}\nbaseline = "network.toml"\n[dataset]\nname = "digits"\n'
        '[grid]\nalpha = "1:2:0.5"\nbeta = "1:1.5:0.5"\ngamma = "1:1.5:0.25"\ntolerance = 2.0\nmacs_tolerance = 0.9\n',
        encoding="utf-8",
    )
    return str(request.param)


@pytest.mark.parametrize(
    "command",
    [
        "plan --study study.toml",
        "cost network.toml",
        "cost network.toml --layers",
        "scale --study study.toml --train none --coefficients 1.2,1.1,1.15 --phi 0,1",
    ],
)
def test_terminals_are_only_printed_to(named: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command.split()) == 0
    said = capsys.readouterr()
    assert harmless(said.out) and harmless(said.err)
    assert "lenet" not in said.out, "the name is the file's"


def test_json_gives_the_name_back(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "network.toml", "--json"]) == 0
    said = capsys.readouterr().out
    assert harmless(said) and json.loads(said)["name"] == named


def test_files_stay_in_their_folder(named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    emit = [
        "scale",
        "--study",
        "study.toml",
        "--train",
        "none",
        "--coefficients",
        "1.2,1.1,1.15",
        "--phi",
        "0,1",
    ]
    assert run([*emit, "--out", "out"]) == 0
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert {path.parent for path in written} == {Path(), Path("out")}
    assert len(written) == 4 and all(harmless(str(path)) for path in written)
    assert not any((tmp_path.parent / name).exists() for name in ("etc", "passwd"))


@pytest.mark.parametrize("form", ["text", "markdown", "csv", "html", "latex", "json"])
def test_ledger_rows_are_only_shown(named: str, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    space = search_space(studies.read(Path("study.toml")))
    with Ledger.open("x.db") as ledger:
        ledger.record([study_row(space, name=named, dataset="d" * 64)])
        record_plan(ledger, named, grid_plan(space))
        for seed, candidate in enumerate(ledger.rows(CANDIDATES, study=named, role=GRID)):
            trial = TrialRow.waiting(
                network=candidate.network,
                network_name=named,
                recipe=space.recipe.canonical(),
                dataset="d" * 64,
                dataset_name=named,
                seed=seed,
            )
            claim = ledger.claim(trial, named)
            assert claim is not None
            ledger.fail(claim, named)
    assert run(["report", "--ledger", "x.db", "--format", form]) == 0
    said = capsys.readouterr()
    assert harmless(said.out) and harmless(said.err)
    if form == "html":
        assert "<script>alert" not in said.out
    if form == "csv":
        assert not any(cell.startswith("=") for line in said.out.splitlines() for cell in line.split(","))


@everywhere
def test_errors_show_what_was_given(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["cost", name],
        ["plan", "--study", f"{name}.toml"],
        ["plan", "--dataset", name],
        ["data", "prepare", name],
        ["report", "--ledger", f"{name}.db"],
        ["doctor", name],
        ["ledger", "check", "--ledger", f"{name}.db"],
    ):
        assert run(arguments) in (2, 3), arguments
        said = capsys.readouterr()
        assert said.out == "" and harmless(said.err), arguments
    assert list(tmp_path.iterdir()) == []
