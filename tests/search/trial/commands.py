"""A study that trains in no time, and the program as its users start it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STUDY = """name = "two"
baseline = "tiny.toml"
[dataset]
name = "digits"
[rounding]
depth = "round"
divisor = 1
[recipe]
name = "fast"
epochs = 2
batch_size = 128
learning_rate = 0.2
[grid]
alpha = "1"
beta = "1:1.5:0.5"
gamma = "1:1.5:0.5"
tolerance = 1.0
macs_tolerance = 0.4
seeds = 2
racing = false
"""
NETWORK = """name = "tiny"
resolution = 8
channels = 1
classes = 10
activation = "relu"
stages = [{ block = "plain", width = 8 }]
head = {}
"""


def command(folder: Path, *words: str, environment: dict[str, str] | None = None) -> str:
    program = str(Path(sys.executable).with_name("scaling-search"))
    done = subprocess.run([program, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
