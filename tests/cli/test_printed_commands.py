"""Every command that the program prints can be copied, runs, and needs nothing filled in."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from scaling_search.cli.main import run
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.recipe_check import check
from tests.cli.test_end_to_end import NETWORK, STUDY
from tests.search.pretend import Pretend

pytestmark = pytest.mark.usefixtures("own_cache")
PLACEHOLDER = re.compile(r"\b[A-Z]{3,}\b|<|…")


def printed(text: str) -> set[str]:
    """Commands in what was printed: in backquotes, unbroken."""
    return set(re.findall(r"`(scaling-search [^`\n]+)`", text))


def pretend(space: SearchSpace, ledger: Ledger, **more: Any) -> Pretend:
    """The check of the recipe trains a hundred times, and no printed command reads what it trained."""
    more.pop("workers", None)
    return Pretend(ledger, lambda trial: 0.5 + 0.002 * (trial.seed % 7), space=space, **more)


def test_every_printed_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(check, "make_trainer", pretend)
    monkeypatch.setenv("COLUMNS", "400")
    Path("tiny.toml").write_text(NETWORK, encoding="utf-8")
    Path("study.toml").write_text(STUDY, encoding="utf-8")
    ran: set[str] = set()
    where = "--study study.toml --ledger road.db"
    left = [f"scaling-search {one} {where}" for one in ("grid", "plan", "report --details", "scale")]
    while left:
        command = left.pop(0)
        if command in ran:
            continue
        ran.add(command)
        assert not PLACEHOLDER.search(command), command
        words = shlex.split(command)[1:]
        assert run(words) == 0, f"{command}: {capsys.readouterr().err}"
        said = capsys.readouterr()
        found = printed(said.out) | printed(said.err)
        left += sorted(found - ran)
    assert {"grid", "scale", "predict", "export"} <= {shlex.split(one)[1] for one in ran}, ran
