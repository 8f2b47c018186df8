"""Rows in and out of tables. Each is checked as it is read; a summary per table shows rows that have vanished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

import sqlalchemy as sa

from scaling_search.errors import DamagedError
from scaling_search.ledger.storage import tables
from scaling_search.ledger.storage.database import Connection
from scaling_search.ledger.storage.records import (
    REPAIR,
    Damage,
    Value,
    decode,
    encode,
    fault,
    key_text,
    total,
)
from scaling_search.ledger.storage.rows import SummaryRow
from scaling_search.ledger.storage.schema import RESULTS, SUMMARIES, Kind, Row

TWO_ROWS = "two rows have this key"
_FEW = 200  # keys up to which looking rows up beats reading the table
_Key = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Stored(Generic[Row]):
    """A row as it was read and checked, or written, in this transaction."""

    row: Row
    digest: str


def records(
    connection: Connection, kind: Kind[Any], key: Sequence[Value] | None = None, *, bits: bool
) -> sa.CursorResult[Any]:
    """Records as the database has them, bits last when asked for: all, or the one with a key.

    To be read to the end or closed: until then it keeps its lock, also beyond the transaction.
    """
    bits = bits and kind.has_bits
    if key is None:
        return connection.execute(tables.select(kind, bits=bits))
    return connection.execute(tables.select(kind, bits=bits, where="key"), _bound(kind, key))


def read(connection: Connection, kind: Kind[Row], *, with_correct: bool = False) -> list[Row]:
    """All rows of a table, by key, after checking every row and that none has vanished.

    Raises DamagedError naming table and key.
    """
    stored = _intact(kind, records(connection, kind, bits=with_correct))
    found = _by_key(kind, stored)
    if kind.summarised:
        _refuse(vanished(connection, kind, [one.digest for one in stored]))
    return [found[key] for key in sorted(found)]


def read_keys(
    connection: Connection, kind: Kind[Row], keys: Sequence[_Key], *, with_correct: bool = False
) -> list[Row]:
    """The rows with these keys (those that exist), by key, each checked, as is that there are no others."""
    wanted = set(keys)
    if len(wanted) > _FEW:
        rows = read(connection, kind, with_correct=with_correct)
        return [row for row in rows if kind.key_of(row) in wanted]
    query = tables.select(kind, bits=with_correct and kind.has_bits, where="keys")
    found = _by_key(kind, _intact(kind, connection.execute(query, _listed(kind, wanted))))
    _confirm_absent(connection, kind, wanted - found.keys())
    return [found[key] for key in sorted(found)]


def _confirm_absent(connection: Connection, kind: Kind[Any], keys: set[_Key]) -> None:
    """Keys looked up in vain are in no row, and no row has vanished: a damaged index finds nothing, silently."""
    if not keys:
        return
    there = connection.execute(tables.digests(kind)).all()
    missed = keys & {tuple(key) for _, *key in there}
    if missed:
        _refuse(Damage(table=kind.name, key=str(min(missed)), what="the index does not find this row"))
    _refuse(vanished(connection, kind, [f"{_number(digest):064x}" for digest, *_ in there]))


def read_one(
    connection: Connection, kind: Kind[Row], *key: Value, with_correct: bool = False
) -> Stored[Row] | None:
    """The row with this key, checked, or None; a quick look, for writers: if an index fails them, `read` will tell."""
    found = _intact(kind, records(connection, kind, key, bits=with_correct))
    if any(kind.key_of(stored.row) != key for stored in found):
        _refuse(Damage(table=kind.name, key=str(key), what="the index finds another row"))
    _by_key(kind, found)
    return found[0] if found else None


def vanished(connection: Connection, kind: Kind[Any], digests: Sequence[str]) -> Damage | None:
    """Whether the digests found in a table are not the ones that its summary was told of."""
    summary = _summary(connection, kind)
    if (len(digests), total(digests)) == (summary.rows, summary.total):
        return None
    what = f"the {len(digests)} rows found are not the {summary.rows} that were written"
    return Damage(table=kind.name, key="all rows", what=what)


def begin_summaries(connection: Connection) -> None:
    """Give every new table its summary, of no rows, so that a repair knows how many there were."""
    empty = [SummaryRow(table_name=kind.name, rows=0, total=total(())) for kind in RESULTS]
    put(connection, SUMMARIES, empty, replace=False)


def put(connection: Connection, kind: Kind[Row], rows: Iterable[Row], *, replace: bool = True) -> None:
    """Write rows, in place of those with the same keys (or leaving those alone). The caller holds the write lock."""
    new: dict[_Key, dict[str, Value]] = {}
    for row in rows:
        values = encode(kind, row)
        key = tuple(values[name] for name in kind.key)
        if replace or key not in new:
            new[key] = values
    old = _digests(connection, kind, list(new))
    added = [values for key, values in new.items() if key not in old]
    changed = [
        values | _bound(kind, key)
        for key, values in new.items()
        if replace and old.get(key, values["digest"]) != values["digest"]
    ]
    if added:
        connection.execute(tables.insert(kind), added)
    if changed:
        connection.execute(tables.update(kind), changed)
    change = sum(_number(values["digest"]) for values in (*added, *changed))
    change -= sum(_number(old[tuple(values[name] for name in kind.key)]) for values in changed)
    _summarise(connection, kind, change, len(added))


def add(connection: Connection, kind: Kind[Row], row: Row) -> Stored[Row]:
    """Write a row whose key was just looked for and not found. The caller holds the write lock."""
    values = encode(kind, row)
    connection.execute(tables.insert(kind), values)
    _summarise(connection, kind, _number(values["digest"]), 1)
    return Stored(row, str(values["digest"]))


def alter(connection: Connection, kind: Kind[Row], old: Stored[Row], new: Row) -> Stored[Row]:
    """Write a row in place of a stored one of the same key. The caller holds the write lock."""
    values, key = encode(kind, new), kind.key_of(old.row)
    if connection.execute(tables.update(kind), values | _bound(kind, key)).rowcount != 1:
        _refuse(Damage(table=kind.name, key=str(key), what="the row cannot be found again"))
    _summarise(connection, kind, _number(values["digest"]) - _number(old.digest), 0)
    return Stored(new, str(values["digest"]))


def remove(connection: Connection, kind: Kind[Row], rows: Iterable[Row]) -> None:
    """Delete rows. The caller holds the write lock."""
    old = _digests(connection, kind, [kind.key_of(row) for row in rows])
    if old:
        connection.execute(tables.delete(kind), [_bound(kind, key) for key in old])
    _summarise(connection, kind, -sum(map(_number, old.values())), -len(old))


def _digests(connection: Connection, kind: Kind[Any], keys: Sequence[_Key]) -> dict[_Key, object]:
    """Key → digest of those rows that exist."""
    found: dict[_Key, object] = {}
    for start in range(0, len(keys), _FEW):
        some = _listed(kind, keys[start : start + _FEW])
        for digest, *key in connection.execute(tables.digests(kind, where="keys"), some).all():
            found[tuple(key)] = digest
    return found


def _intact(kind: Kind[Row], found: sa.CursorResult[Any]) -> list[Stored[Row]]:
    """Every record as a row, checked."""
    stored = []
    for record in found.all():
        _refuse(fault(kind, record))
        stored.append(Stored(decode(kind, record), record[0]))
    return stored


def _by_key(kind: Kind[Row], stored: Iterable[Stored[Row]]) -> dict[tuple[Any, ...], Row]:
    """The rows by key, each the only one of its key."""
    found: dict[tuple[Any, ...], Row] = {}
    for one in stored:
        key = kind.key_of(one.row)
        if found.setdefault(key, one.row) is not one.row:
            _refuse(Damage(table=kind.name, key=key_text(kind, key), what=TWO_ROWS))
    return found


def _refuse(damage: Damage | None) -> None:
    if damage is not None:
        raise DamagedError(f"the ledger is damaged: {damage}. {REPAIR}")


def _bound(kind: Kind[Any], key: Sequence[Value]) -> dict[str, Value]:
    return {f"key_{name}": value for name, value in zip(kind.key, key, strict=True)}


def _listed(kind: Kind[Any], keys: Iterable[_Key]) -> dict[str, list[Any]]:
    return {"keys": [key if len(kind.key) > 1 else key[0] for key in keys]}


def _number(digest: object) -> int:
    try:
        return int(str(digest), 16)
    except ValueError as error:
        raise DamagedError(f"the ledger is damaged: {str(digest)[:80]!r} is no digest") from error


def _summary(connection: Connection, kind: Kind[Any]) -> SummaryRow:
    stored = read_one(connection, SUMMARIES, kind.name)
    return SummaryRow(table_name=kind.name, rows=0, total=total(())) if stored is None else stored.row


def _summarise(connection: Connection, kind: Kind[Any], change: int, added: int) -> None:
    if not kind.summarised or (change, added) == (0, 0):
        return
    old = read_one(connection, SUMMARIES, kind.name)
    if old is None:
        old = add(connection, SUMMARIES, _summary(connection, kind))
    new = f"{(_number(old.row.total) + change) % 2**256:064x}"
    alter(connection, SUMMARIES, old, SummaryRow(table_name=kind.name, rows=old.row.rows + added, total=new))
