"""What a database, of whichever kind, does for a ledger.

Writers take turns: every writing transaction begins by taking the database's one write lock (SQLite's own; an advisory
lock on PostgreSQL), so what it reads cannot change before it writes. Readers see one snapshot.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from scaling_search.errors import StorageError
from scaling_search.ledger.storage.records import Value

if TYPE_CHECKING:
    import sqlalchemy as sa

    from scaling_search.ledger.storage.turns import Turns


class Cursor(Protocol):
    """What we use of a driver's cursor (PEP 249)."""

    @property
    def rowcount(self) -> int: ...

    def execute(self, sql: str, values: Mapping[str, Value] = ..., /) -> object: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def close(self) -> None: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What we use of a driver's connection (PEP 249), in a transaction that its lender ends."""

    def cursor(self) -> Cursor: ...


class Database(ABC):
    """An open database. `name` is what messages call it: the path, or the URL without its password."""

    name: str
    path: Path | None  # None for a server
    read_only: bool
    turns: Turns | None = None
    _tables: str  # the statement that lists them

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """One snapshot. Raises DamagedError or StorageError."""

    @abstractmethod
    def writing(self, needed: int = 0) -> AbstractContextManager[Connection]:
        """One transaction under the write lock; `needed` says about how many bytes it adds.

        Raises DamagedError or StorageError; then, as after any other exception, nothing has changed.
        """

    @abstractmethod
    def migrating(self) -> AbstractContextManager[sa.Connection]:
        """As `writing`, for Alembic."""

    def tables(self, connection: Connection) -> set[str]:
        """Names of all tables there are."""
        cursor = connection.cursor()
        cursor.execute(self._tables)
        return {name for (name,) in cursor.fetchall()}

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""

    def _refuse_if_read_only(self) -> None:
        if self.read_only:
            raise StorageError(f"{self.name}: the ledger was opened for reading only")


def driven(connection: sa.Connection) -> Connection:
    """The driver's own connection, in the same transaction."""
    return cast(Connection, connection.connection.dbapi_connection)
