"""docs/own-network.md: its network is run, its output compared, its tables hold every option."""

import re
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture.block import Head, Stage, Stem
from scaling_search.architecture.blocks import HEADS, STAGES, STEMS
from scaling_search.architecture.blocks.pooled import Behind, Pooling, ResponseNorm
from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import ACTIVATIONS
from scaling_search.architecture.toml import parse
from scaling_search.cli.main import run

PAGE = (Path(__file__).parents[2] / "docs" / "own-network.md").read_text(encoding="utf-8")
TOML = PAGE.split("```toml\n")[1].split("```")[0]
CONSOLE = re.findall(r"```console\n\$ scaling-search (.*?)\n(.*?)```", PAGE, re.DOTALL)
ENDS: tuple[tuple[str, dict[str, Any]], ...] = (("stem", STEMS), ("head", HEADS))


def row_of(kind: str, name: str) -> str:
    found = [line for line in PAGE.splitlines() if line.startswith(f"| {kind}`{name}` |")]
    assert len(found) == 1, f"docs/own-network.md needs one row that starts with | {kind}`{name}` |"
    return found[0]


def test_the_network_is_about_twenty_lines_and_is_read() -> None:
    assert len(TOML.splitlines()) <= 20
    assert parse(TOML).name == "mine"


@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=[command for command, _ in CONSOLE])
def test_commands_print_what_the_page_shows(
    command: str,
    shown: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert run(command.split()) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_block_has_its_options_on_the_page(name: str) -> None:
    own = set(STAGES[name].model_fields) - set(Stage.model_fields)
    row = row_of("", name)
    if issubclass(STAGES[name], Behind):
        own -= set(Behind.model_fields)
        assert "and what comes after" in row
    options = row.split("|")[2]
    assert set(re.findall(r"`(\w+)`", options)) == own


@pytest.mark.parametrize(
    ("kind", "name", "model"),
    [("stem ", name, model) for name, model in STEMS.items()]
    + [("head ", name, model) for name, model in HEADS.items()],
)
def test_every_stem_and_head_has_its_options_on_the_page(
    kind: str, name: str, model: type[Stem | Head]
) -> None:
    assert set(model.model_fields) - {"block"} <= set(re.findall(r"`(\w+)`", row_of(kind, name)))


@pytest.mark.parametrize("word", ["bare", "normalise", "multiple", "widths", "average pooling"])
def test_what_a_table_only_names_is_explained(word: str) -> None:
    sentences = [line for line in PAGE.splitlines() if not line.startswith("|")]
    assert any(f"`{word}`" in line or (" " in word and word in line) for line in sentences)


def test_every_key_activation_and_nested_option_is_on_the_page() -> None:
    words = set(re.findall(r"\w+", PAGE))
    assert set(Network.model_fields) <= words
    assert set(ACTIVATIONS) <= words
    assert {*Behind.model_fields, *Pooling.model_fields, *ResponseNorm.model_fields} <= words
