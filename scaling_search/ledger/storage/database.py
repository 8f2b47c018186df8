"""What a database, of whichever kind, does for a ledger: one way to SQL, through SQLAlchemy.

Writers take turns: every writing transaction begins by taking the database's one write lock (SQLite's own; an advisory
lock on PostgreSQL), so what it reads cannot change before it writes. Readers see one snapshot.
"""

from __future__ import annotations

import functools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import sqlalchemy as sa

from scaling_search.errors import DamagedError, ScalingSearchError, StorageError
from scaling_search.ledger.storage.records import REPAIR
from scaling_search.ledger.storage.turns import Turns

Connection = sa.Connection
# How long to wait for other writers, who take milliseconds, or for a server that restarts, which takes seconds.
PATIENCE_SECONDS = 120.0
_P = ParamSpec("_P")
_T = TypeVar("_T")


class ConnectionLost(StorageError):
    """A server that was there is away. Nothing was written, unless a transaction was at its very end."""


def again(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """A method that starts over while the server is away. To say it twice must be to say it once."""

    @functools.wraps(method)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        until, pause = time.monotonic() + PATIENCE_SECONDS, 0.02
        while True:
            try:
                return method(*args, **kwargs)
            except ConnectionLost as error:
                if time.monotonic() > until:
                    raise StorageError(f"{error} (tried for {PATIENCE_SECONDS:g} s)") from error
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    return call


class Database(ABC):
    """An open database. `name` is what messages call it: the path, or the URL without what is secret in it."""

    path: Path | None = None  # None for a server
    address: str  # what opens it in another process: an absolute path, or the URL with its password
    place: str  # what it is, however it is opened
    turns: Turns | None = None  # the queue of writers, where there is one

    def __init__(self, name: str, engine: sa.Engine, *, read_only: bool) -> None:
        self.name, self.read_only = name, read_only
        self._engine = engine
        self._closed = False

    def reading(self) -> AbstractContextManager[Connection]:
        """One snapshot. Raises DamagedError or StorageError."""
        return self._transaction(write=False, needed=0)

    def writing(self, needed: int = 0) -> AbstractContextManager[Connection]:
        """One transaction under the write lock; `needed` says about how many bytes it adds.

        Raises DamagedError or StorageError; then, as after any other exception, nothing has changed.
        """
        return self._transaction(write=True, needed=needed)

    def tables(self, connection: Connection) -> set[str]:
        """Names of all tables there are."""
        return set(sa.inspect(connection).get_table_names())

    def close(self) -> None:
        """Close all connections; those in use, when their transactions end."""
        self._closed = True
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, write: bool, needed: int) -> Iterator[Connection]:
        if write and self.read_only:
            raise StorageError(f"{self.name}: the ledger was opened for reading only")
        with self._explained(needed), self._begun(write=write) as connection:
            try:
                yield connection
                connection.commit()
            finally:
                if self._closed:
                    connection.invalidate()

    @contextmanager
    def _explained(self, needed: int = 0) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            # From the driver's own words: SQLAlchemy's repeat the statement.
            raise self._explain(error, needed) from error.orig
        except UnicodeDecodeError as error:  # from the driver, which quotes damaged names
            raise DamagedError(f"{self.name}: the ledger is damaged: {error}. {REPAIR}") from error

    @abstractmethod
    def _begun(self, *, write: bool) -> AbstractContextManager[Connection]:
        """A connection in a transaction, with the write lock if it is to write; rolled back if not committed."""

    @abstractmethod
    def _explain(self, error: sa.exc.DBAPIError, needed: int) -> ScalingSearchError:
        """What a driver's error means to the user."""
