"""A ledger in a SQLite file."""

from __future__ import annotations

import shutil
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from scaling_search.errors import DamagedError, ScalingSearchError, StorageError
from scaling_search.ledger.storage.database import Connection, Database
from scaling_search.ledger.storage.turns import Turns

if TYPE_CHECKING:
    import sqlalchemy as sa


BUSY_SECONDS = 120.0  # 16 writers wait for each other in milliseconds; this long only when something is wrong
# Deleted rows are wiped, so that a repair does not find them again.
_DURABLE = ("journal_mode = DELETE", "synchronous = EXTRA", "secure_delete = ON")
_ALWAYS = ("cell_size_check = ON", "trusted_schema = OFF")
_NO_SPACE = (
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_DIR_FSYNC",
    "SQLITE_IOERR_TRUNCATE",
)
_NO_PERMISSION = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR_DELETE", "SQLITE_AUTH")
_JOURNAL_BYTES = 64 * 1024  # what SQLite writes besides the row: the old pages, for rolling back
# The driver would begin only before the first write, too late to keep other writers out.
_LOCK = "BEGIN IMMEDIATE"


class File(Database):
    """An open SQLite file. Connections are lent to one transaction at a time, of any thread."""

    path: Path
    turns: Turns
    _tables = "SELECT name FROM sqlite_master WHERE type = 'table'"

    def __init__(self, path: Path, *, read_only: bool, create: bool = False) -> None:
        """`create` lets SQLite make the file."""
        self.name, self.path, self.read_only = str(path), path, read_only
        self.turns = Turns(path.absolute().parent)
        mode = "ro" if read_only else "rwc" if create else "rw"
        self._uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False

    def open(self) -> sqlite3.Connection:
        """One more connection, without a transaction."""
        connection = sqlite3.connect(
            self._uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in _ALWAYS if self.read_only else (*_DURABLE, *_ALWAYS):
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._explained(0), self._lent() as connection, _transaction(connection, "BEGIN"):
            yield connection

    @contextmanager
    def writing(self, needed: int = 0) -> Iterator[Connection]:
        self._refuse_if_read_only()
        with (
            self._explained(needed),
            self._lent() as connection,
            self.turns.turn(),
            _transaction(connection, _LOCK),
        ):
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        import sqlalchemy as sa

        self._refuse_if_read_only()
        engine = sa.create_engine("sqlite+pysqlite://", creator=self.open, poolclass=sa.NullPool)
        try:
            with (
                self._explained(0),
                engine.connect() as connection,
                self.turns.turn(),
                connection.begin(),
            ):
                connection.exec_driver_sql(_LOCK)
                yield connection
        except sa.exc.DBAPIError as error:
            raise self._explain(error.orig or error, 0) from error

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self.open()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    @contextmanager
    def _explained(self, needed: int) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(error, needed) from error

    def _explain(self, error: BaseException, needed: int) -> ScalingSearchError:
        """What SQLite's error means to the user."""
        said = str(error).strip()
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith(_NO_SPACE):
            free = shutil.disk_usage(self.path.parent).free
            bytes_needed = needed + _JOURNAL_BYTES
            return StorageError(
                f"{self.path}: no room to write ({said}): it needs about {bytes_needed} bytes, {free} are free. "
                "What was recorded before is whole; make room and run the same command again"
            )
        if code.startswith(_NO_PERMISSION):
            return StorageError(f"{self.path}: no permission to write the ledger or its folder ({said})")
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
            return StorageError(
                f"{self.path}: another process has held the ledger for {BUSY_SECONDS:.0f} s ({said})"
            )
        if code.startswith("SQLITE_NOTADB"):
            return DamagedError(f"{self.path}: not a ledger ({said})")
        return DamagedError(
            f"{self.path}: the ledger is damaged ({said}). `scaling-search ledger repair NEWFILE` saves the rest"
        )


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin).close()
    try:
        yield
        connection.execute("COMMIT").close()
    except BaseException:
        # Undone here and now, whenever the connection goes.
        with suppress(sqlite3.Error):
            connection.rollback()
        raise
