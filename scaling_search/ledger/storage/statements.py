"""The few SQL statements that a table needs, in what both databases know, each written once.

The driver runs them: while one worker writes all others wait, and any layer between costs several times what the
statement does itself. Values are always bound, by name; a key is bound under `key_` + column, so that it does not clash
with new values. Columns are read with their table's name: SQLite takes an unknown "column" alone for a text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from scaling_search.ledger.storage.database import Connection, Cursor
from scaling_search.ledger.storage.records import Value
from scaling_search.ledger.storage.schema import Kind

_Mark = Callable[[str], str]  # how a driver names a bound value


@dataclass(frozen=True)
class Statement:
    """One statement as each of the drivers takes it."""

    file: str
    server: str

    def run(self, connection: Connection, values: Mapping[str, Value] | None = None) -> Cursor:
        """The driver's cursor afterwards. `values` holds all that is bound, and may hold more."""
        cursor = connection.cursor()
        cursor.execute(self.file if isinstance(connection, sqlite3.Connection) else self.server, values or {})
        return cursor


def _statement(written: Callable[[_Mark], str]) -> Statement:
    return Statement(file=written(lambda name: f":{name}"), server=written(lambda name: f"%({name})s"))


@dataclass(frozen=True)
class Statements:
    """Statements for one table. Reading converts nothing, which a damaged value could break."""

    kind: Kind[Any]

    def read(self, *, bits: bool, by_key: bool) -> Statement:
        """Columns as in `Kind.columns`, then the bits where asked for."""
        return self._reads[bits, by_key]

    @cached_property
    def _reads(self) -> dict[tuple[bool, bool], Statement]:
        return {
            (bits, by_key): self._select((*self.kind.columns, *["correct"] * bits), by_key=by_key)
            for bits in (False, True)
            for by_key in (False, True)
        }

    @cached_property
    def keys(self) -> Statement:
        """Digest and key of every row, from the table itself: an index cannot give the digests."""
        return self._select(("digest", *self.kind.key), by_key=False)

    @cached_property
    def digest(self) -> Statement:
        """The stored digest of the row with a key."""
        return self._select(("digest",), by_key=True)

    @cached_property
    def insert(self) -> Statement:
        """A new row."""
        names, columns = self.kind.stored, ", ".join(f'"{name}"' for name in self.kind.stored)
        return _statement(
            lambda mark: f'INSERT INTO "{self.kind.name}" ({columns}) VALUES ({", ".join(map(mark, names))})'
        )

    @cached_property
    def update(self) -> Statement:
        """All columns of the row with a key."""

        def written(mark: _Mark) -> str:
            values = ", ".join(f'"{name}" = {mark(name)}' for name in self.kind.stored)
            return f'UPDATE "{self.kind.name}" SET {values}{self._here(mark)}'

        return _statement(written)

    @cached_property
    def delete(self) -> Statement:
        """The row with a key."""
        return _statement(lambda mark: f'DELETE FROM "{self.kind.name}"{self._here(mark)}')

    def _select(self, names: Iterable[str], *, by_key: bool) -> Statement:
        columns = ", ".join(map(self._column, names))
        return _statement(
            lambda mark: f'SELECT {columns} FROM "{self.kind.name}"{self._here(mark) if by_key else ""}'
        )

    def _here(self, mark: _Mark) -> str:
        return " WHERE " + " AND ".join(
            f"{self._column(name)} = {mark(f'key_{name}')}" for name in self.kind.key
        )

    def _column(self, name: str) -> str:
        return f'"{self.kind.name}"."{name}"'


@cache
def statements(kind: Kind[Any]) -> Statements:
    """The statements for a table, always the same objects."""
    return Statements(kind)
