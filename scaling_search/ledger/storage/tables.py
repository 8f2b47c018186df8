"""The tables as SQLAlchemy knows them, made from the row classes, and the statements that run on them, built once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from scaling_search.ledger.storage.schema import ALL, VERSION_TABLE, Kind

METADATA: Final = sa.MetaData()
VERSIONS: Final = sa.Table(VERSION_TABLE, sa.MetaData(), sa.Column("version_num", sa.Text()))
# None of these converts what is read, which a damaged value could break.
_TYPES: dict[type, sa.types.TypeEngine[Any]] = {
    str: sa.Text(),
    int: sa.BigInteger(),
    bool: sa.BigInteger(),  # 0 or 1, so that both databases give back the value that was digested
    float: sa.Double(),
    bytes: sa.LargeBinary(),
}
TABLES: Final = {
    kind.name: sa.Table(
        kind.name,
        METADATA,
        *(
            sa.Column(
                name,
                _TYPES[kind.types.get(name, str)],
                primary_key=name in kind.key,
                nullable=name in kind.optional or name == "correct_sha256",
            )
            for name in kind.stored
        ),
    )
    for kind in ALL
}


@cache
def select(kind: Kind[Any], *, bits: bool, where: str = "") -> sa.Select[Any]:
    """Columns as in `Kind.columns`, then the bits where asked for: of all rows, `where="key"` of the one with `key_…`,
    `where="keys"` of those with `keys`.
    """
    return _select(kind, (*kind.columns, *["correct"] * bits), where)


@cache
def digests(kind: Kind[Any], where: str = "") -> sa.Select[Any]:
    """Digest and key of rows, from the table itself: an index cannot give the digests."""
    return _select(kind, ("digest", *kind.key), where)


@cache
def insert(kind: Kind[Any]) -> sa.Insert:
    """New rows."""
    return TABLES[kind.name].insert()


@cache
def update(kind: Kind[Any]) -> sa.Update:
    """All columns of the row with `key_…`."""
    return TABLES[kind.name].update().where(*_here(kind))


@cache
def delete(kind: Kind[Any]) -> sa.Delete:
    """The row with `key_…`."""
    return TABLES[kind.name].delete().where(*_here(kind))


def _select(kind: Kind[Any], names: Iterable[str], where: str) -> sa.Select[Any]:
    columns = TABLES[kind.name].c
    query = sa.select(*(columns[name] for name in names))
    if where == "key":
        return query.where(*_here(kind))
    if where == "keys":
        key = [columns[name] for name in kind.key]
        whole = key[0] if len(key) == 1 else sa.tuple_(*key)
        return query.where(whole.in_(sa.bindparam("keys", expanding=True)))
    return query


def _here(kind: Kind[Any]) -> list[sa.ColumnElement[bool]]:
    return [TABLES[kind.name].c[name] == sa.bindparam(f"key_{name}") for name in kind.key]
