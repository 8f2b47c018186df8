"""`make cases`: scripts of reports, run and counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports import run_cases
from tests.reports.run_cases import main


def case(name: str, script: str) -> None:
    Path("cases", name).mkdir(parents=True)
    Path("cases", name, "run.sh").write_text(script)


def test_what_fails_is_printed_with_its_last_words(capsys: pytest.CaptureFixture[str]) -> None:
    case("right", 'test "$1" = /the/program')
    case("not-here", "exit 77")
    case("wrong", "seq 100; echo why >&2; exit 3")
    case("endless", "sleep 60")
    assert main(["cases", "--program", "/the/program", "--seconds", "1"]) == 1
    lines = capsys.readouterr().out.splitlines()
    verdicts = {line.split()[0]: line.split()[1] for line in lines if line[:1].strip() and "," not in line}
    assert verdicts == {"endless": "FAILED", "not-here": "skipped", "right": "passed", "wrong": "FAILED"}
    assert [line.strip() for line in lines[-5:]] == [
        "99",
        "100",
        "why",
        "exit 3",
        "1 passed, 1 skipped, 2 FAILED",
    ]
    assert main(["cases", "--program", "/the/program", "--only", "right", "not-here"]) == 0


def test_a_folder_without_cases_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere"]) == 2
    case("one", "exit 0")
    assert main(["cases", "--only", "two"]) == 2
    assert "two" in capsys.readouterr().err


def test_a_copy_of_ours_is_run_in_place_of_the_case(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case("moved", "exit 1")
    case("same", "exit 0")
    Path("ours/moved").mkdir(parents=True)
    Path("ours/moved/run.sh").write_text("exit 0")
    assert main(["cases"]) == 1
    monkeypatch.setattr(run_cases, "ADAPTED", Path("ours"))
    assert main(["cases"]) == 0
    assert capsys.readouterr().out.endswith("2 passed, 0 skipped, 0 FAILED\n")


def test_our_own_copies_pass(capfd: pytest.CaptureFixture[str]) -> None:
    """Those that are quick; `make cases` runs all."""
    assert main([str(run_cases.ADAPTED), "--only", "deep_grey", "checkpoints_of_two_databases"]) == 0
    assert "0 FAILED" in capfd.readouterr().out
