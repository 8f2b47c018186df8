"""A ledger on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from scaling_search.errors import StorageError, UsageError
from scaling_search.ledger.storage.database import Connection, Database, driven
from scaling_search.ledger.storage.schema import APPLICATION_ID

_LOCK = f"SELECT pg_advisory_xact_lock({APPLICATION_ID})"


class Server(Database):
    """An open database on a server; SQLAlchemy keeps its connections."""

    path = None
    _tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"

    def __init__(self, url: sa.URL, *, read_only: bool) -> None:
        self.name, self.read_only = url.render_as_string(hide_password=True), read_only
        try:
            self._engine = sa.create_engine(url, pool_pre_ping=True)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"{self.name}: PostgreSQL needs a driver: pip install 'scaling-search[postgresql]'"
            ) from error
        self._errors = (sa.exc.DBAPIError, self._engine.dialect.loaded_dbapi.Error)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._explained(), self._engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield driven(connection)

    @contextmanager
    def writing(self, needed: int = 0) -> Iterator[Connection]:  # noqa: ARG002 - the server knows its disk
        with self.migrating() as connection:
            yield driven(connection)

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        self._refuse_if_read_only()
        # Not by an event of SQLAlchemy's: with a listener, every statement costs twice as much.
        with self._explained(), self._engine.connect() as connection, connection.begin():
            connection.exec_driver_sql(_LOCK)
            yield connection

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise StorageError(
                f"{self.name}: the database server says: {str(self._first(error)).strip()}"
            ) from error

    def _first(self, error: BaseException) -> BaseException:
        """The driver's error that began it: on a lost connection rolling back fails too, and says less."""
        while isinstance(error.__context__, self._errors):
            error = error.__context__
        return error
