"""Cores of one machine shared out among our own worker processes, whoever started them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import IO

# Open for as long as the process lives: the system gives a core free when its process is gone, however it went.
_HELD: list[IO[bytes]] = []


def pin(count: int) -> tuple[int, ...]:
    """Keeps this process to `count` cores that no other process has that called this; returns them.

    Where fewer are free, cores are shared. All threads are moved; those to come inherit it. JAX makes as many threads
    as the process has cores. Empty where the system pins nothing (macOS, Windows).
    """
    if not hasattr(os, "sched_setaffinity"):
        return ()
    import fcntl

    allowed = sorted(os.sched_getaffinity(0))
    folder = Path(tempfile.gettempdir()) / f"scaling-search-cores-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    mine: list[int] = []
    for core in allowed:
        file = (folder / str(core)).open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _HELD.append(file)
        mine.append(core)
        if len(mine) == count:
            break
    start = os.getpid() % len(allowed)
    others = [core for core in (*allowed[start:], *allowed[:start]) if core not in mine]
    mine += others[: max(0, min(count, len(allowed)) - len(mine))]
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), mine)
    return tuple(sorted(mine))
