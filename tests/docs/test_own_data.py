"""docs/own-data.md: its command is run, its output compared, its options and names are those of the program."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scaling_search.cli.main import run
from scaling_search.data.folders.layout import NAMES
from scaling_search.data.images.form import FITS, SHORTER_SIDE_LIMIT
from tests.cli.test_data_command import messy

PAGE = (Path(__file__).parents[2] / "docs" / "own-data.md").read_text(encoding="utf-8")
COMMAND, SHOWN = re.findall(r"```console\n\$ scaling-search (.*?)\n(.*?)```", PAGE, re.DOTALL)[0]


def test_the_summary_is_what_the_command_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    messy(tmp_path / "pets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCALING_SEARCH_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    assert run(COMMAND.split()) == 0
    printed = re.sub(
        r"folder: .*?\n\n",
        "folder: ~/.cache/scaling-search/folders/pets\n\n",
        capsys.readouterr().out,
        flags=re.S,
    )
    assert printed == SHOWN


def test_all_names_and_options_are_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    for name in (name for names in NAMES.values() for name in names):
        assert name in PAGE
    assert run(["data", "prepare", "--help"]) == 0
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help", "--from", "--json"}
    assert options == {option for option in options if option in PAGE}
    assert f"--fit {'|'.join(FITS)}" in PAGE
    assert f"at most {SHORTER_SIDE_LIMIT} pixels" in PAGE
