"""`make fuzz` in small: a few examples of every target, and that it finds what it looks for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.reports import fuzz

FEW = 12


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_a_few_of_each(name: str) -> None:
    seconds: list[float] = []
    fuzz.many(fuzz.TARGETS[name], FEW, seconds)
    assert len(seconds) >= FEW // 2


def _fails() -> int:
    raise KeyError("a bug")


def _spins() -> int:
    while True:
        pass


@pytest.mark.parametrize(
    ("behaves", "found"),
    [
        (_fails, "KeyError"),
        (_spins, "TooLongError"),
        (lambda: 1, "exit code 1"),
        (lambda: print("\x1b[31m") or 0, "x1b"),  # type: ignore[func-returns-value]
        (lambda: print("s3cr3t") or 0, "s3cr3t"),  # type: ignore[func-returns-value]
    ],
)
def test_what_it_finds(
    behaves: Callable[[], int],
    found: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fuzz, "run", lambda _: behaves())
    monkeypatch.setattr(fuzz, "MOST_SECONDS", 0.2)
    target = fuzz.Target(example=st.just(0), commands=lambda _: [["plan"]])
    monkeypatch.setattr(fuzz, "TARGETS", {"one": target})
    assert fuzz.main(["--here", "--n", "2", "--json", str(tmp_path / "r.json")]) == 1
    assert found in capsys.readouterr().out
    assert found in json.loads((tmp_path / "r.json").read_text())[0]["fault"]


def test_processes_of_their_own_are_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "AT_ONCE", 2)
    assert fuzz.main(["--n", "3", "--only", "study", "--json", str(tmp_path / "r.json")]) == 0
    (row,) = json.loads((tmp_path / "r.json").read_text())
    assert (row["target"], row["fault"]) == ("study", "") and 2 <= row["tried"] <= 3 and row["peak"] > 0


def test_memory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*peaks: int) -> None:
        monkeypatch.setattr(fuzz, "peak", iter(peaks).__next__)
        fuzz.ask(["cost", "lenet-5"], (0,))

    most = fuzz.MOST_BYTES
    asked(0, most)
    asked(2 * most, 2 * most)  # what was there before is another's
    for before, after in ((0, most + 1), (2 * most, 2 * most + 1)):
        with pytest.raises(AssertionError, match=f"{after:,} bytes"):
            asked(before, after)
