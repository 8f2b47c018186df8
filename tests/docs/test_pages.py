"""README and docs: every command exists with its options, every link leads somewhere, examples run."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

import scaling_search as ss
from scaling_search.cli.main import app, run
from scaling_search.errors import UsageError
from scaling_search.search.plan.study import parse
from tests.search.pretend import pretended

pytestmark = pytest.mark.usefixtures("own_timings")
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    return [body for word, body in BLOCK.findall(TEXTS[page]) if word == kind]


def commands() -> Iterator[tuple[str, str, bool]]:
    """(page, what stands after `scaling-search`, whether it is a whole command)."""
    for page, text in TEXTS.items():
        lines = [line for body in blocks(page, "sh") for line in body.replace("\\\n", " ").splitlines()]
        lines += [
            line[2:] for body in blocks(page, "console") for line in body.splitlines() if line[:2] == "$ "
        ]
        for line in lines:
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words[:1] == ["scaling-search"]:
                yield page, shlex.join(words[1:]), True
        for found in re.findall(r"`scaling-search ([^`]*)`", BLOCK.sub("", text)):
            yield page, found.replace("\n", " "), False


COMMANDS = sorted(set(commands()))


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command of these words, and the words after it. A word that is no command is an error."""
    command: Any = get_command(app)
    while hasattr(command, "list_commands") and words and not words[0].startswith("-"):
        found = command.get_command(None, words[0])
        assert found is not None, f"there is no command {words[0]}"
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize(
    ("page", "line", "whole"), COMMANDS, ids=[f"{page}: {line}" for page, line, _ in COMMANDS]
)
def test_commands_and_options_exist(page: str, line: str, whole: bool) -> None:
    command, words = resolve(shlex.split(line))
    legal = {name for parameter in command.params for name in parameter.opts} | {"--help", "--version"}
    given = {word.split("=")[0] for word in words if re.match("--?[a-z]", word)}
    assert given <= legal, f"{page}: {line}"
    if whole:
        command.make_context("scaling-search", words)  # values, and that nothing is missing


def test_what_is_not_there_would_be_found() -> None:
    assert len(COMMANDS) > 40
    with pytest.raises(UsageError, match="did you mean 'grid'"):
        resolve(["gird"])
    with pytest.raises(AssertionError, match="no command repai"):
        resolve(["ledger", "repai"])
    command, words = resolve(shlex.split("grid --seeds many"))
    with pytest.raises(typer.BadParameter):
        command.make_context("scaling-search", words)


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", TEXTS[page]):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_every_page_is_found_from_the_readme() -> None:
    assert {name for name in TEXTS if name.startswith("docs/")} <= set(
        re.findall(r"\]\((docs/[\w-]+\.md)\)", TEXTS["README.md"])
    )


def test_the_readme_is_one_page_and_answers_first() -> None:
    lines = TEXTS["README.md"].splitlines()
    assert len(lines) < 110
    assert "wins" in "\n".join(lines[:10])
    study = blocks("docs/first-study.md", "console")[1]
    answer = blocks("README.md", "console")[0]
    assert study.startswith(answer), "it is the first study's answer"


FIRST = blocks("docs/first-study.md", "toml")[0]


def test_the_first_study_is_planned_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "first.toml").write_text(FIRST)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    assert run(["plan", "--study", "first.toml"]) == 0
    said = capsys.readouterr().out
    base, notes = blocks("docs/first-study.md", "text")
    assert base in said and notes in said


def test_the_first_study_prints_such_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its figures are a real run's; the form is that of any."""
    (tmp_path / "first.toml").write_text(FIRST)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    with pretended(lambda trial: 0.9 + 0.002 * trial.seed):
        assert run(["grid", "--study", "first.toml"]) == 0
    got = capsys.readouterr().out
    shown = blocks("docs/first-study.md", "console")[1]
    for line in ("Grid", "             Built: d × w                 accuracy (%),   Points behind"):
        assert line in got.splitlines()
        assert line in shown.splitlines()
    assert re.search(r"^\(1, 1(\.4)?, 1(\.4)?\) (wins|leads)", got)
    assert "scaling-search scale --study" in got.split("\n\n")[0]
    assert "scaling-search scale --study" in shown.split("\n\n")[0]


def test_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one namespace, from the top. What needs trained weights stands in the notebook too, which is run."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    notebook = (ROOT / "examples" / "digits.ipynb").read_text(encoding="utf-8")
    cells = "".join("".join(cell["source"]) + "\n" for cell in json.loads(notebook)["cells"])
    ran = 0
    with pretended(lambda trial: 0.8):
        for block in blocks("docs/from-python.md", "python"):
            if "ss.predict" in block:
                for call in re.findall(r"[\w.]+\(\[?[^()]*\)|family\[.*?\]", block):
                    assert call in cells
                continue
            exec(compile(block, "docs/from-python.md", "exec"), names)  # noqa: S102 - our own document
            ran += 1
    assert ran >= 6
    assert ss.cost(names["net"]).macs == 385825092
    assert names["best"].accuracy > 0
    assert names["found"].winner == "deep" and names["found"].decided
    inside = ss.statistics.behind_the_best(names["correct"], level=0.95).inside
    assert inside.tolist() == [False, False, True]
    assert Path("report.html").stat().st_size > 10_000
    assert sorted(path.name for path in Path("networks").glob("*.toml"))
    names["ledger"].close()


def test_the_python_study_is_the_first_study() -> None:
    """Both pages speak of one search."""
    (block,) = [one for one in blocks("docs/from-python.md", "python") if "ss.Study(" in one]
    names: dict[str, Any] = {"ss": ss}
    exec(block.split("\nledger =")[0], names)  # noqa: S102 - our own document
    here, there = names["study"], parse(FIRST)
    assert here.resolve_recipe() == there.resolve_recipe()
    for part in ("baseline", "dataset", "proxy", "rounding", "grid"):
        assert getattr(here, part) == getattr(there, part)


def test_the_citation_is_of_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {ss.__version__}\n" in text
    assert "cff-version: 1.2.0\n" in text
