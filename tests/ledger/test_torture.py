"""The torture of `make torture`, in small: nothing is lost, nothing is silently wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRIES = 4


def tortured(only: str, report: Path) -> list[dict[str, object]]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.torture",
        "--only",
        only,
        "--n",
        str(TRIES),
        "--json",
        report,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    cases: list[dict[str, object]] = json.loads(report.read_text())
    return cases


def test_ledger_under_torture(tmp_path: Path) -> None:
    cases = tortured("ledger", tmp_path / "report.json")
    assert len(cases) == 8
    for case in cases:
        name = case.pop("name")
        assert case == {"tried": TRIES, "survived": TRIES, "lost": 0, "silently_wrong": 0}, name


@pytest.mark.postgresql
@pytest.mark.skipif(
    "SCALING_SEARCH_TEST_POSTGRESQL" not in os.environ,
    reason="SCALING_SEARCH_TEST_POSTGRESQL names no server",
)
def test_server_under_torture(tmp_path: Path) -> None:
    """A server of its own, where PostgreSQL is installed: the other one is not ours to restart."""
    cases = tortured("server: connections", tmp_path / "report.json")
    assert [(case["tried"], case["survived"]) for case in cases] in ([(TRIES, TRIES)], [(0, 0)])
