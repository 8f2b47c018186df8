"""The few SQL statements that a table needs, each built once and compiled once to the text that the driver takes.

SQLAlchemy knows both databases' SQL, but running a statement through it costs several times what it does itself, and
while one worker writes, all others wait: so the driver runs them, on SQLAlchemy's connection, in its transaction.
Values are always bound parameters; keys are bound under `key_` + column, so that they do not clash with new values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor

from scaling_search.ledger.records import Value
from scaling_search.ledger.schema import Kind


@dataclass(frozen=True)
class Statement:
    """One statement, for any of the databases."""

    source: sa.Select[Any] | sa.UpdateBase
    _texts: dict[str, tuple[str, list[str] | None]] = field(default_factory=dict)  # by kind of database

    def run(self, connection: sa.Connection, values: Mapping[str, Value]) -> DBAPICursor:
        """The driver's cursor afterwards. `values` holds all that is bound, and may hold more."""
        text = self._texts.get(connection.dialect.name)
        if text is None:
            compiled = self.source.compile(dialect=connection.dialect)
            text = self._texts[connection.dialect.name] = compiled.string, compiled.positiontup
        sql, order = text
        cursor = connection.connection.cursor()
        cursor.execute(sql, values if order is None else [values[name] for name in order])
        return cursor


@dataclass(frozen=True)
class Statements:
    """Statements for one table. Reading converts nothing, which a damaged value could break."""

    kind: Kind[Any]

    def read(self, *, bits: bool, by_key: bool) -> Statement:
        """Columns as in `Kind.columns`, then the bits where asked for."""
        return self._reads[bits, by_key]

    @cached_property
    def _reads(self) -> dict[tuple[bool, bool], Statement]:
        found: dict[tuple[bool, bool], Statement] = {}
        for bits in (False, True):
            names = (*self.kind.columns, "correct") if bits else self.kind.columns
            columns: list[sa.ColumnElement[Any]] = [sa.column(name) for name in names]
            query = sa.select(*columns).select_from(sa.table(self.kind.name))
            found |= {(bits, False): Statement(query), (bits, True): Statement(query.where(self._here))}
        return found

    @cached_property
    def keys(self) -> Statement:
        """Digest and key of every row, from the table itself: an index cannot give the digests."""
        columns: list[sa.ColumnElement[Any]] = [sa.column(name) for name in ("digest", *self.kind.key)]
        return Statement(sa.select(*columns).select_from(sa.table(self.kind.name)))

    @cached_property
    def digest(self) -> Statement:
        """The stored digest of the row with a key."""
        query: sa.Select[Any] = sa.select(sa.column("digest")).select_from(sa.table(self.kind.name))
        return Statement(query.where(self._here))

    @cached_property
    def insert(self) -> Statement:
        """A new row."""
        return Statement(sa.insert(self.kind.table))

    @cached_property
    def update(self) -> Statement:
        """All columns of the row with a key."""
        values: dict[str, sa.BindParameter[Any]] = {
            column.name: sa.bindparam(column.name) for column in self.kind.table.columns
        }
        return Statement(sa.update(self.kind.table).where(self._here).values(values))

    @cached_property
    def delete(self) -> Statement:
        """The row with a key."""
        return Statement(sa.delete(self.kind.table).where(self._here))

    @property
    def _here(self) -> sa.ColumnElement[bool]:
        return sa.and_(*(sa.column(name) == sa.bindparam(f"key_{name}") for name in self.kind.key))


@cache
def statements(kind: Kind[Any]) -> Statements:
    """The statements for a table, always the same objects."""
    return Statements(kind)
