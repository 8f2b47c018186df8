"""Writers queue for a turn, one at a time, and do not queue forever."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from scaling_search.ledger.storage import turns
from scaling_search.ledger.storage.turns import Turns


def is_free(folder: Path) -> bool:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def becomes_free(folder: Path) -> bool:
    deadline = time.monotonic() + 30
    while not is_free(folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_free(folder)


def test_one_at_a_time(tmp_path: Path) -> None:
    inside, most, entered = 0, 0, []

    def write(index: int) -> None:
        nonlocal inside, most
        for _ in range(3):
            with Turns(tmp_path).turn():
                inside += 1
                most = max(most, inside)
                time.sleep(0.002)
                inside -= 1
                entered.append(index)

    writers = [threading.Thread(target=write, args=(index,)) for index in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert (len(entered), most) == (12, 1)
    assert becomes_free(tmp_path)


def test_patience_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the folder for good keeps nobody from writing, and the abandoned wait leaves no lock behind."""
    monkeypatch.setattr(turns, "_PATIENCE_SECONDS", 0.05)
    late = Turns(tmp_path)
    with Turns(tmp_path).turn():
        with late.turn():
            pass
        assert not late.works
    assert becomes_free(tmp_path)
