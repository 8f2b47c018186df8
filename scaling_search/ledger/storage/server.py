"""A ledger on a PostgreSQL server."""

from __future__ import annotations

from contextlib import ExitStack

import sqlalchemy as sa

from scaling_search.errors import StorageError, UsageError
from scaling_search.ledger.storage import database
from scaling_search.ledger.storage.database import Connection, ConnectionLost, Database, again
from scaling_search.ledger.storage.schema import APPLICATION_ID

_LOCK = sa.select(sa.func.pg_advisory_xact_lock(APPLICATION_ID))


class Server(Database):
    """An open database on a server. A server that was there once and is away now is waited for."""

    def __init__(self, url: sa.URL, name: str, *, read_only: bool) -> None:
        try:
            engine = sa.create_engine(
                url,
                # Whatever the database's default is: what is read under the lock must be what the last writer left.
                isolation_level="READ COMMITTED",
                connect_args={"client_encoding": "utf8"},  # else texts of an SQL_ASCII database come as bytes
                use_native_hstore=False,
                max_overflow=-1,
                hide_parameters=True,
            )
        except ModuleNotFoundError as error:
            raise UsageError(
                f"{name}: PostgreSQL needs a driver: pip install 'scaling-search[postgresql]'"
            ) from error
        super().__init__(name, engine, read_only=read_only)
        self.address = url.render_as_string(hide_password=False)
        self.place = _place(url)
        self._snapshots = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._reached = False

    @again
    def _begun(self, *, write: bool) -> Connection:
        with self._explained(), ExitStack() as failing:
            connection = failing.enter_context((self._engine if write else self._snapshots).connect())
            # Whatever the database's own settings: figures come back with all their digits, and waiting ends.
            digits = sa.func.set_config("extra_float_digits", "3", True)
            patience = sa.func.set_config("lock_timeout", f"{database.PATIENCE_SECONDS:.0f}s", True)
            connection.execute(sa.select(digits, patience))
            if write:
                connection.execute(_LOCK)
            failing.pop_all()
        self._reached = True
        return connection

    def _explain(self, error: sa.exc.DBAPIError, needed: int) -> StorageError:  # noqa: ARG002 - it knows its disk
        away = self._reached and (error.connection_invalidated or error.statement is None)
        said = " ".join(str(error.orig).split())
        return (ConnectionLost if away else StorageError)(f"{self.name}: the database server says: {said}")


def _place(url: sa.URL) -> str:
    """Which database of which server it is, and whose: not how it is reached, nor who may know the password.

    >>> _place(sa.make_url("postgresql://me:secret@h/x?connect_timeout=9"))
    'me@h:5432/x'
    >>> _place(sa.make_url("postgresql:///x?host=h&user=me&port=5432"))
    'me@h:5432/x'
    """
    query = url.normalized_query
    user, host, port, name = (
        part or ",".join(query.get(key, ())) or usual
        for part, key, usual in (
            (url.username, "user", ""),
            (url.host, "host", ""),
            (url.port and str(url.port), "port", "5432"),
            (url.database, "dbname", ""),
        )
    )
    return f"{user}@{host}:{port}/{name}"
