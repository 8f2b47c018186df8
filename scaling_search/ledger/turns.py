"""Taking turns at SQLite's write lock.

SQLite waits for its lock by sleeping, longer and longer: of 16 writers on two busy cores some starve
for ten seconds. So writers first queue for an advisory lock on the ledger's folder, looking often and cheaply.
It is a courtesy only: what keeps writers apart is SQLite's own lock, and where the queue does not work it is left out.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]

_PATIENCE_SECONDS = 20.0  # then something else holds the folder, or a writer was stopped: queue no more


class Turns:
    """The queue of writers of ledgers in one folder. A folder is locked, not a file, so that nothing is left behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._works = fcntl is not None

    def give_up(self) -> None:
        """Queue no more; SQLite's own waiting remains."""
        self._works = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, for a while."""
        if not self._works:
            yield
            return
        try:
            folder = os.open(self._folder, os.O_RDONLY)
        except OSError:
            self._works = False
            yield
            return
        try:
            self._works = _lock(folder)
            yield
        finally:
            os.close(folder)  # which unlocks


def _lock(folder: int) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(random.uniform(0.001, 0.004))  # noqa: S311 - so that no two keep in step
        except OSError:  # some network file systems cannot lock folders
            return False
    return False
