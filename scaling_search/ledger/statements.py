"""The few SQL statements that a table needs, each built once: building one costs several times as much as running it.

Values are always bound parameters; keys are bound under `key_` + column, so that they do not clash with new values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import sqlalchemy as sa

from scaling_search.ledger.schema import Kind


@dataclass(frozen=True)
class Statements:
    """Statements for one table. Reading converts nothing, which a damaged value could break."""

    kind: Kind[Any]

    def read(self, *, bits: bool, by_key: bool) -> sa.Select[Any]:
        """Columns as in `Kind.columns`, then the bits where asked for."""
        return self._reads[bits, by_key]

    @cached_property
    def _reads(self) -> dict[tuple[bool, bool], sa.Select[Any]]:
        found: dict[tuple[bool, bool], sa.Select[Any]] = {}
        for bits in (False, True):
            names = (*self.kind.columns, "correct") if bits else self.kind.columns
            columns: list[sa.ColumnElement[Any]] = [sa.column(name) for name in names]
            query = sa.select(*columns).select_from(sa.table(self.kind.name))
            found |= {(bits, False): query, (bits, True): query.where(self._here)}
        return found

    @cached_property
    def keys(self) -> sa.Select[Any]:
        """Digest and key of every row, from the table itself: an index cannot give the digests."""
        columns: list[sa.ColumnElement[Any]] = [sa.column(name) for name in ("digest", *self.kind.key)]
        return sa.select(*columns).select_from(sa.table(self.kind.name))

    @cached_property
    def digest(self) -> sa.Select[Any]:
        """The stored digest of the row with a key."""
        return sa.select(sa.column("digest")).select_from(sa.table(self.kind.name)).where(self._here)

    @cached_property
    def insert(self) -> sa.Insert:
        """A new row."""
        return sa.insert(self.kind.table)

    @cached_property
    def update(self) -> sa.Update:
        """All columns of the row with a key."""
        values: dict[str, sa.BindParameter[Any]] = {
            column.name: sa.bindparam(column.name) for column in self.kind.table.columns
        }
        return sa.update(self.kind.table).where(self._here).values(values)

    @cached_property
    def delete(self) -> sa.Delete:
        """The row with a key."""
        return sa.delete(self.kind.table).where(self._here)

    @property
    def _here(self) -> sa.ColumnElement[bool]:
        return sa.and_(*(sa.column(name) == sa.bindparam(f"key_{name}") for name in self.kind.key))


@cache
def statements(kind: Kind[Any]) -> Statements:
    """The statements for a table, always the same objects."""
    return Statements(kind)
