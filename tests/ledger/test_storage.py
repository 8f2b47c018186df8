"""A full disk: exit code 7, the path, the bytes; what was recorded is whole, and work goes on once there is room."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scaling_search.errors import DamagedError, StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage import file, store
from scaling_search.ledger.storage.rows import Result, TrialRow
from scaling_search.ledger.storage.schema import TRIALS

LARGE = Result(state="complete", accuracy=0.5, correct=bytes(200_000))


def limit_pages(ledger: Ledger, more: int) -> None:
    """Let the file grow by so many pages; for the connection that is lent next, as it was lent last."""
    with ledger.database.reading() as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + more}")


def test_full_database(path: Path, trial: Callable[[int], TrialRow]) -> None:
    with Ledger.open(path) as ledger:
        claim = ledger.claim(trial(0))
        assert claim is not None
        before = ledger.trials()
        limit_pages(ledger, 1)
        with pytest.raises(StorageError) as caught:
            ledger.finish(claim, LARGE)
        assert caught.value.exit_code == 7
        assert str(caught.value).startswith(
            f"{path}: no room to write (database or disk is full): it needs about 26"
        )
        assert ledger.trials() == before
        assert check(ledger) == []
        limit_pages(ledger, 10**6)
        ledger.finish(claim, LARGE)
        assert ledger.trials()[0].state == "complete"


NO_ROOM = """
import resource, sys
from scaling_search.errors import StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import Result, TrialRow
known = {"network": "f" * 64, "network_name": "n", "recipe": "{}", "dataset": "d" * 64, "dataset_name": "digits"}
with Ledger.open(sys.argv[1]) as ledger:
    claim = ledger.claim(TrialRow.waiting(**known, seed=0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
    try:
        ledger.finish(claim, Result(state="complete", correct=bytes(200_000)))
    except StorageError as error:
        print(error)
    print(ledger.trials()[0].state)
"""


def test_a_file_that_may_not_grow(path: Path) -> None:
    """The operating system refuses, in the middle of the write."""
    done = subprocess.run(
        [sys.executable, "-c", NO_ROOM, str(path)], capture_output=True, text=True, check=True
    )
    said, state = done.stdout.splitlines()
    assert f"{path}: no room to write" in said
    assert state == "running"
    with Ledger.open(path) as ledger:
        assert check(ledger) == []


def test_a_transaction_that_meets_damage_leaves_no_lock(
    path: Path, trial: Callable[[int], TrialRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even while somebody looks at the error, whose traceback holds whatever was open."""
    monkeypatch.setattr(file, "BUSY_SECONDS", 0.1)
    with Ledger.open(path) as ledger, Ledger.open(path) as other:
        ledger.add_trials([trial(seed) for seed in range(100)])
        with ledger.database.writing() as connection:
            connection.cursor().execute("UPDATE trials SET network_name = 'x' WHERE seed = 7")
        with pytest.raises(DamagedError) as caught, ledger.database.writing() as connection:
            store.read(connection, TRIALS)
        other.add_trials([trial(100)])
        assert "digest does not fit" in str(caught.value)


def test_transactions_do_not_share_a_connection(path: Path, trial: Callable[[int], TrialRow]) -> None:
    with Ledger.open(path) as ledger:
        with ledger.database.reading() as one, ledger.database.reading() as other:
            assert one is not other
        with ledger.database.reading() as again:
            assert again in (one, other)
        assert ledger.trials() == []


def test_a_writer_has_the_lock_before_it_writes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own, whoever does not queue; and its turn in the queue."""
    monkeypatch.setattr(file, "BUSY_SECONDS", 0.1)
    with Ledger.open(path) as ledger, Ledger.open(path) as other:
        assert ledger.database.turns is not None and other.database.turns is not None
        other.database.turns.give_up()
        with ledger.database.writing(), pytest.raises(StorageError, match="has held the ledger"):
            other.add_trials([])
        folder = os.open(path.parent, os.O_RDONLY)
        with ledger.database.writing(), pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)


def test_a_connection_lent_while_the_ledger_closes_is_closed_too(path: Path) -> None:
    ledger = Ledger.open(path)
    with ledger.database.reading() as connection:
        ledger.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.cursor()


def test_truth_comes_back_as_truth(path: Path, trial: Callable[[int], TrialRow]) -> None:
    with Ledger.open(path) as ledger:
        claim = ledger.claim(trial(0))
        assert claim is not None
        ledger.finish(claim, Result(state="complete", accuracy=0.5, dirty=True))
        assert ledger.trials()[0].dirty is True
