"""A full disk: exit code 7, the path, the bytes; what was recorded is whole, and work goes on once there is room."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from scaling_search.errors import DamagedError, StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.recovery.repair import repair
from scaling_search.ledger.storage import database, file, store
from scaling_search.ledger.storage.rows import Result, TrialRow
from scaling_search.ledger.storage.schema import TRIALS

LARGE = Result(state="complete", accuracy=0.5, correct=bytes(200_000))


def limit_pages(ledger: Ledger, more: int) -> None:
    """Let the file grow by so many pages; for the connection that is lent next, as it was lent last."""
    with ledger.database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + more}")


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
import os, resource, sys
from scaling_search.errors import StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import Result, TrialRow
known = {"network": "f" * 64, "network_name": "n", "recipe": "{}", "dataset": "d" * 64, "dataset_name": "digits"}
with Ledger.open(sys.argv[1]) as ledger:
    claim = ledger.claim(TrialRow.waiting(**known, seed=0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(sys.argv[1]) + 50_000, resource.RLIM_INFINITY))
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
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.1)
    with Ledger.open(path) as ledger, Ledger.open(path) as other:
        ledger.add_trials([trial(seed) for seed in range(100)])
        with ledger.database.writing() as connection:
            connection.exec_driver_sql("UPDATE trials SET network_name = 'x' WHERE seed = 7")
        with pytest.raises(DamagedError) as caught, ledger.database.writing() as connection:
            store.read(connection, TRIALS)
        other.add_trials([trial(100)])
        assert "digest does not fit" in str(caught.value)


def test_transactions_do_not_share_a_connection(path: Path, trial: Callable[[int], TrialRow]) -> None:
    with Ledger.open(path) as ledger:
        with ledger.database.reading() as one, ledger.database.reading() as other:
            lent = [each.connection.dbapi_connection for each in (one, other)]
            assert lent[0] is not lent[1]
        with ledger.database.reading() as again:
            assert again.connection.dbapi_connection in lent
        assert ledger.trials() == []


def test_a_writer_has_the_lock_before_it_writes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own, whoever does not queue; and its turn in the queue."""
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.1)
    with Ledger.open(path) as ledger, Ledger.open(path) as other:
        assert ledger.database.turns is not None and other.database.turns is not None
        other.database.turns.works = False
        with ledger.database.writing(), pytest.raises(StorageError, match="has held the ledger"):
            other.add_trials([])
        folder = os.open(path.parent, os.O_RDONLY)
        with ledger.database.writing(), pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)


def test_every_connection_is_durable(
    path: Path, durable: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As durable as SQLite can, and deleted rows are wiped."""
    monkeypatch.setattr(file, "DURABLE", durable)
    with Ledger.open(path) as ledger, ledger.database.writing() as connection:
        names = ("journal_mode", "synchronous", "secure_delete", "cell_size_check", "trusted_schema")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]
    assert found == ["delete", 3, 1, 1, 0]


def test_a_connection_lent_while_the_ledger_closes_is_closed_too(path: Path) -> None:
    ledger = Ledger.open(path)
    with ledger.database.reading() as connection:
        ledger.close()
        lent = connection.connection.dbapi_connection
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        lent.cursor()


def test_truth_comes_back_as_truth(path: Path, trial: Callable[[int], TrialRow]) -> None:
    with Ledger.open(path) as ledger:
        claim = ledger.claim(trial(0))
        assert claim is not None
        ledger.finish(claim, Result(state="complete", accuracy=0.5, dirty=True))
        assert ledger.trials()[0].dirty is True


DIE_IN_A_COMMIT = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE trials SET epochs = epochs || hex(randomblob(50000))")
connection.execute("DELETE FROM studies")
os._exit(0)
"""


@pytest.fixture
def killed(path: Path, trial: Callable[[int], TrialRow]) -> Path:
    """A ledger as a process killed while it commits leaves it: some pages written, their old content in the journal."""
    with Ledger.open(path) as ledger:
        for seed in range(10):
            claim = ledger.claim(trial(seed))
            assert claim is not None
            ledger.finish(claim, Result(state="complete", accuracy=0.5, epochs="x" * 5000))
    subprocess.run([sys.executable, "-c", DIE_IN_A_COMMIT, path], check=True)
    assert Path(f"{path}-journal").stat().st_size
    return path


def test_a_hot_journal_is_rolled_back_by_whoever_only_reads(killed: Path) -> None:
    with Ledger.open(killed, read_only=True) as ledger:
        assert check(ledger) == []
        assert {row.epochs for row in ledger.trials()} == {"x" * 5000}
        with pytest.raises(StorageError, match="readonly"), ledger.database.reading() as connection:
            connection.exec_driver_sql("DELETE FROM trials")
    assert not Path(f"{killed}-journal").exists()


def test_a_journal_that_gets_hot_while_the_ledger_is_open_for_reading(killed: Path, tmp_path: Path) -> None:
    hot = (killed.read_bytes(), Path(f"{killed}-journal").read_bytes())
    with Ledger.open(killed, read_only=True) as ledger:
        before = ledger.trials()
        # In place: another file under that name would be another ledger.
        for name, content in zip((killed, f"{killed}-journal"), hot, strict=True):
            with open(name, "r+b" if name is killed else "wb") as file:  # noqa: PTH123
                file.write(content)
        assert ledger.trials() == before


def test_a_copy_is_repaired_with_its_hot_journal(killed: Path, tmp_path: Path) -> None:
    before = killed.read_bytes()
    assert repair(killed, tmp_path / "new.db").lost == []
    assert killed.read_bytes() == before


@pytest.mark.parametrize("how", ["removed", "moved", "replaced", "its folder moved"])
def test_a_ledger_taken_away_while_it_is_open(
    path: Path, tmp_path: Path, trial: Callable[[int], TrialRow], how: str
) -> None:
    """Nothing is written into a file that nobody will find again; put back, it goes on."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = path.rename(folder / "ledger.db")
    aside = tmp_path / "aside"
    with Ledger.open(path) as ledger:
        claim = ledger.claim(trial(0))
        assert claim is not None
        source = folder if how == "its folder moved" else path
        source.rename(aside)
        if how == "removed":
            aside.unlink()
        if how == "replaced":
            Ledger.open(path).close()
        with pytest.raises(
            StorageError, match=r"ledger\.db: the ledger was removed, moved or replaced while"
        ):
            ledger.finish(claim, LARGE)
        if how != "removed":
            path.unlink(missing_ok=True)
            aside.rename(source)
            ledger.finish(claim, LARGE)
            assert ledger.trials()[0].state == "complete"


def test_a_disk_that_fails_is_not_called_damage(path: Path) -> None:
    ledger = Ledger.open(path)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_READ"
    with (
        pytest.raises(StorageError, match=r"ledger\.db: the disk fails \(disk I/O error\)"),
        ledger.database.reading(),
    ):
        raise sa.exc.OperationalError(None, None, error)
    ledger.close()


TOO_MANY_FILES = """
import os, resource, sys
from scaling_search.errors import StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
known = {"network": "f" * 64, "network_name": "n", "recipe": "{}", "dataset": "d" * 64, "dataset_name": "digits"}
with Ledger.open(sys.argv[1]) as ledger:
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), 64))
    try:
        ledger.claim(TrialRow.waiting(**known, seed=0))
    except StorageError as error:
        print(error)
"""


def test_another_reason_than_permission_is_named(path: Path) -> None:
    """SQLite says "unable to open" to all of them."""
    done = subprocess.run(
        [sys.executable, "-c", TOO_MANY_FILES, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{path}: cannot be opened: Too many open files (unable to open database file)\n", (
        done.stderr
    )
