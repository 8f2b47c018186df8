"""A study that trains in no time, and the program as its users start it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.torture import tiny

NETWORK, STUDY = tiny.NETWORK, tiny.study(grid=tiny.ALL)


def command(folder: Path, *words: str, environment: dict[str, str] | None = None) -> str:
    program = str(Path(sys.executable).with_name("scaling-search"))
    done = subprocess.run([program, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
