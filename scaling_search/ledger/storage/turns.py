"""Taking turns at SQLite's write lock.

SQLite waits for its lock by sleeping, longer and longer: of 16 writers on two busy cores some starve
for ten seconds. So writers first queue for an advisory lock on the ledger's folder, which passes from one to the next.
It is a courtesy only: what keeps writers apart is SQLite's own lock, and where the queue does not work it is left out.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
        self.works = fcntl is not None  # else SQLite's own waiting remains

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, for a while."""
        if not self.works:
            yield
            return
        try:
            folder = os.open(self._folder, os.O_RDONLY)
        except OSError:
            self.works = False
            yield
            return
        try:
            self.works = _lock(folder)
            yield
        finally:
            os.close(folder)  # which unlocks


def _lock(folder: int) -> bool:
    """Whether the turn came, or will at the next try."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        came = threading.Event()
        # Waiting in the kernel costs nothing and is handed the lock at once, but nothing can end it: hence the thread.
        threading.Thread(target=_block, args=(os.dup(folder), came), name="ledger turn", daemon=True).start()
        return came.wait(_PATIENCE_SECONDS)
    except OSError:  # some network file systems cannot lock folders
        return False
    return True


def _block(folder: int, came: threading.Event) -> None:
    """The lock belongs to the caller's descriptor too, and so outlives this one; once that is closed, it does not."""
    try:
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_EX)
    finally:
        os.close(folder)
        came.set()
