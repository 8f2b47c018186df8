"""A ledger in a SQLite file."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from scaling_search.errors import DamagedError, ScalingSearchError, StorageError
from scaling_search.ledger.storage import database
from scaling_search.ledger.storage.database import Connection, Database
from scaling_search.ledger.storage.records import REPAIR
from scaling_search.ledger.storage.turns import Turns

# Deleted rows are wiped, so that a repair does not find them again.
DURABLE = ("journal_mode = DELETE", "synchronous = EXTRA", "secure_delete = ON")
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


class File(Database):
    """An open SQLite file. Connections are lent to one transaction at a time, of any thread."""

    path: Path

    def __init__(self, path: Path, *, read_only: bool, create: bool = False) -> None:
        """`create` lets SQLite make the file."""
        # Not SQLite's own read-only mode, which cannot undo what a killed writer left half done.
        mode = "rwc" if create else "rw"
        self._uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
        self._pragmas = ("query_only = ON", *_ALWAYS) if read_only else (*DURABLE, *_ALWAYS)
        self.path, self.address, self.place = path, str(path.absolute()), str(path.absolute())
        # SQLite follows links and puts its journal beside what they lead to.
        self._journal = Path(f"{os.path.realpath(path)}-journal")
        self.turns: Turns = Turns(self._journal.parent)
        engine = sa.create_engine(
            "sqlite+pysqlite://",
            creator=self._open,
            poolclass=sa.QueuePool,
            max_overflow=-1,
            hide_parameters=True,
        )
        super().__init__(str(path), engine, read_only=read_only)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._uri, uri=True, timeout=database.PATIENCE_SECONDS, check_same_thread=False
        )
        # Damaged bytes that are no UTF-8 are for the digest to find, which names their row.
        connection.text_factory = _text
        try:
            for pragma in self._pragmas:
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _begun(self, *, write: bool) -> Iterator[Connection]:
        with self._engine.connect() as connection, self.turns.turn() if write else nullcontext():
            # The driver would begin only before the first write, too late to keep other writers out.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
            yield connection

    def _explain(self, error: sa.exc.DBAPIError, needed: int) -> ScalingSearchError:
        said = str(error.orig).strip()
        code = getattr(error.orig, "sqlite_errorname", "")
        if code == "SQLITE_READONLY_DBMOVED" or not os.path.lexists(self.path):
            return StorageError(
                f"{self.path}: the ledger was removed, moved or replaced while it was in use. What was recorded "
                "before is in that file; put it back and run the same command again"
            )
        if code.startswith(_NO_SPACE):
            free = shutil.disk_usage(self.path.parent).free
            return StorageError(
                f"{self.path}: no room to write ({said}): it needs about {needed + _JOURNAL_BYTES} bytes, {free} are "
                "free. What was recorded before is intact; make room and run the same command again"
            )
        if code.startswith(_NO_PERMISSION):
            return StorageError(f"{self.path}: {self._refusal()} ({said})")
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
            patience = f"{database.PATIENCE_SECONDS:.0f} s"
            return StorageError(f"{self.path}: another process has held the ledger for {patience} ({said})")
        if code.startswith("SQLITE_IOERR"):
            return StorageError(f"{self.path}: the disk fails ({said})")
        if code.startswith("SQLITE_NOTADB"):
            return DamagedError(f"{self.path}: not a ledger ({said})")
        return DamagedError(f"{self.path}: the ledger is damaged ({said}). {REPAIR}")

    def _refusal(self) -> str:
        """Why SQLite may not, which it does not tell."""
        if self._journal.exists() and self._journal.stat().st_size:
            return (
                f"a process was killed while it wrote, and undoing its half-done write ({self._journal.name}) needs "
                "permission to write the ledger and its folder; or use a copy of both files in a folder of your own"
            )
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return f"cannot be opened: {error.strerror}"
        return "no permission to write the ledger or its folder"


def _text(stored: bytes) -> str:
    return stored.decode(errors="surrogateescape")
