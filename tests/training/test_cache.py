"""The persistent program cache: a second process compiles nothing; a folder that cannot be written is no failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from scaling_search.training.cache import enable_cache

PROGRAM = """
import sys
from pathlib import Path
import jax
from jax._src import monitoring
from scaling_search.training.cache import enable_cache
events = []
monitoring.register_event_listener(lambda name, **_: events.append(name))
jax.jit(lambda x: x - 2)(1.0)  # before there is a cache
print(enable_cache(Path(sys.argv[1])))
print(float(jax.jit(lambda x: x * 3.5 + 1)(2.0)), sum(name.endswith("cache_hits") for name in events))
"""


def run(folder: Path) -> list[str]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_a_second_process_finds_the_programs(tmp_path: Path) -> None:
    folder, value, hits = run(tmp_path)
    assert (value, hits) == ("8.0", "0")
    kept = sorted(path.name for path in Path(folder).iterdir())
    assert kept
    again, value, hits = run(tmp_path)
    assert (again, value) == (folder, "8.0")
    assert int(hits) > 0
    assert sorted(path.name for path in Path(folder).iterdir()) == kept
    # What a kill or a full disk leaves behind is replaced without a word (-W error is on), not complained of for ever.
    for entry in Path(folder).glob("*-cache"):
        entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
    assert run(tmp_path) == [folder, "8.0", "0"]
    assert int(run(tmp_path)[2]) > 0


def test_an_entry_damaged_later_is_complained_of_once(tmp_path: Path) -> None:
    folder, *_ = run(tmp_path)
    for entry in Path(folder).glob("*-cache"):
        entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
        os.utime(entry, (0, 0))  # as if it had been looked at
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    said = [subprocess.run(command, check=True, capture_output=True, text=True).stderr for _ in range(2)]
    assert "Error reading persistent compilation cache" in said[0]
    assert said[1] == ""
    assert int(run(tmp_path)[2]) > 0


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    before = jax.config.jax_compilation_cache_dir
    with pytest.warns(UserWarning, match="compiled programs are not kept: .*file") as warned:
        assert enable_cache(blocked) is None
    assert len(warned) == 1
    assert jax.config.jax_compilation_cache_dir == before
