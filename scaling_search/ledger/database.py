"""Connections: where a ledger is, how it is opened, and what its errors mean to a user.

Writers take turns: every writing transaction begins by taking the database's one write lock (SQLite's own; an advisory
lock on PostgreSQL), so what it reads cannot change before it writes. Readers see one snapshot.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa

from scaling_search.errors import DamagedError, InputError, ScalingSearchError, StorageError, UsageError
from scaling_search.ledger.schema import APPLICATION_ID
from scaling_search.ledger.turns import Turns

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
_SERVER_LOCK = f"SELECT pg_advisory_xact_lock({APPLICATION_ID})"
_JOURNAL_BYTES = 64 * 1024  # what SQLite writes besides the row: the old pages, for rolling back


@dataclass(frozen=True, kw_only=True)
class Database:
    """An open database. `name` is what messages call it: the path, or the URL without its password."""

    name: str
    path: Path | None
    engine: sa.Engine
    read_only: bool
    turns: Turns | None

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One snapshot. Raises DamagedError or StorageError."""
        with self._explained(0), self.engine.connect() as connection:
            if self.path is None:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if self.path is not None:
                    connection.exec_driver_sql("BEGIN")
                yield connection

    @contextmanager
    def writing(self, needed: int = 0) -> Iterator[sa.Connection]:
        """One transaction under the write lock; `needed` says about how many bytes it adds.

        Raises DamagedError or StorageError; then, as after any other exception, nothing has changed.
        """
        if self.read_only:
            raise StorageError(f"{self.name}: the ledger was opened for reading only")
        turn = nullcontext() if self.turns is None else self.turns.turn()
        # The driver would begin only before the first write, too late to keep other writers out. Not by an event of
        # SQLAlchemy's: with a listener, every statement costs twice as much.
        lock = "BEGIN IMMEDIATE" if self.path is not None else _SERVER_LOCK
        with self._explained(needed), self.engine.connect() as connection, turn, connection.begin():
            connection.exec_driver_sql(lock)
            yield connection

    @contextmanager
    def _explained(self, needed: int) -> Iterator[None]:
        try:
            yield
        except (sa.exc.DBAPIError, self.engine.dialect.loaded_dbapi.Error) as error:
            raise self._explain(self._first(error), needed) from error

    def _first(self, error: BaseException) -> BaseException:
        """The driver's error that began it: on a lost connection rolling back fails too, and says less."""
        while isinstance(error.__context__, (sa.exc.DBAPIError, self.engine.dialect.loaded_dbapi.Error)):
            error = error.__context__
        return error

    def _explain(self, error: BaseException, needed: int) -> ScalingSearchError:
        """What a driver's error means to the user."""
        said = str(error).strip()
        if self.path is None:
            return StorageError(f"{self.name}: the database server says: {said}")
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
            f"{self.path}: the ledger is damaged ({said}). `scaling-search doctor LEDGER --repair` saves the rest"
        )

    def close(self) -> None:
        self.engine.dispose()


def locate(place: str | Path) -> Path | sa.URL:
    """A path, or a server's URL, from what the user gave.

    >>> locate("sqlite:///results.db")
    PosixPath('results.db')

    Raises UsageError for a URL of another kind.
    """
    if isinstance(place, Path) or "://" not in place:
        return Path(place)
    try:
        url = sa.make_url(place)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UsageError(
            f"ledger {place!r} is neither a path nor a URL like postgresql+psycopg://HOST/NAME"
        ) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database not in (None, "", ":memory:"):
        return Path(str(url.database))
    raise UsageError(
        f"ledger {url.render_as_string(hide_password=True)!r}: legal are a path and postgresql+psycopg://HOST/NAME"
    )


def connect(place: Path | sa.URL, *, read_only: bool, create: bool = False) -> Database:
    """A database for a place; nothing is read yet. `create` lets SQLite make the file."""
    if isinstance(place, sa.URL):
        return _connect_server(place, read_only=read_only)
    uri = f"file:{quote(str(place.absolute()))}?mode={'ro' if read_only else 'rwc' if create else 'rw'}"

    def open_file() -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in _ALWAYS if read_only else (*_DURABLE, *_ALWAYS):
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = sa.create_engine("sqlite+pysqlite://", creator=open_file, poolclass=sa.QueuePool)
    return Database(
        name=str(place), path=place, engine=engine, read_only=read_only, turns=Turns(place.absolute().parent)
    )


def _connect_server(url: sa.URL, *, read_only: bool) -> Database:
    name = url.render_as_string(hide_password=True)
    try:
        engine = sa.create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{name}: PostgreSQL needs a driver: pip install 'scaling-search[postgresql]'"
        ) from error
    return Database(name=name, path=None, engine=engine, read_only=read_only, turns=None)


def check_file(path: Path, *, read_only: bool) -> None:
    """Refuse early what SQLite would only call "unable to open".

    Never opens the file: closing it again would drop the locks that this process holds on it (POSIX).
    Raises InputError, DamagedError or StorageError.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a ledger")
    if not path.exists():
        if read_only:
            raise InputError(f"{path}: there is no ledger here; `scaling-search grid` makes one")
        if not path.parent.is_dir():
            raise InputError(f"{path}: its folder does not exist")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise StorageError(f"{path}: no permission to write in its folder")
        return
    if path.stat().st_size == 0:
        raise DamagedError(f"{path}: not a ledger: the file is empty. Remove it to begin a new one")
    if not os.access(path, os.R_OK):
        raise StorageError(f"{path}: no permission to read the ledger")
    if read_only:
        journal = Path(f"{path}-journal")
        if journal.exists() and journal.stat().st_size and not os.access(path.parent, os.W_OK):
            raise StorageError(
                f"{path}: a process died while writing, and rolling back needs permission to write; "
                f"copy it and {journal.name} to a folder of your own and use that"
            )
    elif not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise StorageError(
            f"{path}: no permission to write the ledger or its folder (SQLite puts a journal beside it)"
        )
