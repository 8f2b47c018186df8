"""Searches under the torture of `make torture`, in small: nothing is lost, nothing is done twice, no answer changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRIES = 2


def test_searches_under_torture(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks.torture", "--only", "search:", "--n", str(TRIES)]
    done = subprocess.run(
        [*command, "--json", report, "--folder", tmp_path], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases = json.loads(report.read_text())
    assert len(cases) == 4
    for case in cases:
        name = case.pop("name")
        assert case == {"tried": TRIES, "survived": TRIES, "lost": 0, "silently_wrong": 0}, name
    assert list(tmp_path.iterdir()) == [report]
