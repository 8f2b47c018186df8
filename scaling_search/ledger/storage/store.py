"""Rows in and out of tables. Each is checked as it is read; a summary per table shows rows that have vanished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic

from scaling_search.errors import DamagedError
from scaling_search.ledger.storage.database import Connection, Cursor
from scaling_search.ledger.storage.records import (
    UNREAD,
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
from scaling_search.ledger.storage.statements import statements

TWO_ROWS = "two rows have this key"
_FEW = 200  # keys up to which looking rows up one by one beats reading the table


@dataclass(frozen=True, slots=True)
class Stored(Generic[Row]):
    """A row as it was read and checked, or written, in this transaction."""

    row: Row
    digest: str


def records(
    connection: Connection, kind: Kind[Any], key: Sequence[Value] | None = None, *, bits: bool
) -> Cursor:
    """A cursor over records as the driver gives them, bits last when asked for: all, or the one with a key."""
    query = statements(kind).read(bits=bits, by_key=key is not None)
    return query.run(connection, None if key is None else _bound(kind, key))


def read(connection: Connection, kind: Kind[Row], *, with_correct: bool = False) -> list[Row]:
    """All rows of a table, by key, after checking every row and that none has vanished.

    Raises DamagedError naming table and key.
    """
    found: dict[tuple[Any, ...], Row] = {}
    digests = []
    for digest, row in _checked(connection, kind, None, bits=with_correct):
        _only(kind, found, row)
        digests.append(digest)
    damage = vanished(connection, kind, digests) if kind.summarised else None
    if damage is not None:
        raise _damaged(damage)
    return [found[key] for key in sorted(found)]


def read_keys(
    connection: Connection,
    kind: Kind[Row],
    keys: Sequence[tuple[Value, ...]],
    *,
    with_correct: bool = False,
) -> list[Row]:
    """The rows with these keys (those that exist), by key, each checked, as is that there are no others."""
    if len(keys) > _FEW:
        wanted = set(keys)
        return [
            row for row in read(connection, kind, with_correct=with_correct) if kind.key_of(row) in wanted
        ]
    found: dict[tuple[Any, ...], Row] = {}
    for key in set(keys):
        for _, row in _checked(connection, kind, key, bits=with_correct):
            _only(kind, found, row)
    _confirm_absent(connection, kind, {key for key in keys if key not in found})
    return [found[key] for key in sorted(found)]


def _confirm_absent(connection: Connection, kind: Kind[Any], keys: set[tuple[Value, ...]]) -> None:
    """Keys looked up in vain are in no row, and no row has vanished: a damaged index finds nothing, silently."""
    if not keys:
        return
    found = statements(kind).keys.run(connection).fetchall()
    there = [(f"{_number(digest):064x}", tuple(key)) for digest, *key in found]
    damage = vanished(connection, kind, [digest for digest, _ in there])
    missed = keys & {key for _, key in there}
    if missed:
        damage = Damage(table=kind.name, key=str(min(missed)), what="the index does not find this row")
    if damage is not None:
        raise _damaged(damage)


def read_one(
    connection: Connection, kind: Kind[Row], *key: Value, with_correct: bool = False
) -> Stored[Row] | None:
    """The row with this key, checked, or None; a quick look, for writers: if an index fails them, `read` will tell."""
    found = [Stored(row, digest) for digest, row in _checked(connection, kind, key, bits=with_correct)]
    if any(kind.key_of(stored.row) != key for stored in found):
        raise _damaged(Damage(table=kind.name, key=str(key), what="the index finds another row"))
    if len(found) > 1:
        raise _damaged(Damage(table=kind.name, key=key_text(kind, key), what=TWO_ROWS))
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
    change, added = 0, 0
    sql = statements(kind)
    for row in rows:
        values = encode(kind, row)
        here = _bound(kind, [values[name] for name in kind.key])
        old = sql.digest.run(connection, here).fetchone()
        if old is None:
            sql.insert.run(connection, values)
            change, added = change + _number(values["digest"]), added + 1
        elif replace and old[0] != values["digest"]:
            sql.update.run(connection, values | here)
            change += _number(values["digest"]) - _number(old[0])
    _summarise(connection, kind, change, added)


def add(connection: Connection, kind: Kind[Row], row: Row) -> Stored[Row]:
    """Write a row whose key was just looked for and not found. The caller holds the write lock."""
    values = encode(kind, row)
    statements(kind).insert.run(connection, values)
    _summarise(connection, kind, _number(values["digest"]), 1)
    return Stored(row, str(values["digest"]))


def alter(connection: Connection, kind: Kind[Row], old: Stored[Row], new: Row) -> Stored[Row]:
    """Write a row in place of a stored one of the same key. The caller holds the write lock."""
    values, key = encode(kind, new), kind.key_of(old.row)
    if statements(kind).update.run(connection, values | _bound(kind, key)).rowcount != 1:
        raise _damaged(Damage(table=kind.name, key=str(key), what="the row cannot be found again"))
    _summarise(connection, kind, _number(values["digest"]) - _number(old.digest), 0)
    return Stored(new, str(values["digest"]))


def remove(connection: Connection, kind: Kind[Row], rows: Iterable[Row]) -> None:
    """Delete rows. The caller holds the write lock."""
    change, added = 0, 0
    for row in rows:
        values = encode(kind, row)
        statements(kind).delete.run(connection, _bound(kind, [values[name] for name in kind.key]))
        change, added = change - _number(values["digest"]), added - 1
    _summarise(connection, kind, change, added)


def _checked(
    connection: Connection, kind: Kind[Row], key: Sequence[Value] | None, *, bits: bool
) -> list[tuple[str, Row]]:
    """Digest and row of each record, checked."""
    bits = bits and kind.has_bits
    # A cursor not read to its end holds its lock beyond the transaction, and a traceback holds the cursor.
    with closing(records(connection, kind, key, bits=bits)) as cursor:
        return [_whole(kind, record, bits=bits) for record in cursor]


def _whole(kind: Kind[Row], record: Sequence[Any], *, bits: bool) -> tuple[str, Row]:
    plain, correct = (record[:-1], record[-1]) if bits else (record, UNREAD)
    damage = fault(kind, plain, correct)
    if damage is not None:
        raise _damaged(damage)
    return plain[0], decode(kind, plain, correct)


def _only(kind: Kind[Row], found: dict[tuple[Any, ...], Row], row: Row) -> None:
    """Takes a row in, the only one of its key."""
    key = kind.key_of(row)
    if found.setdefault(key, row) is not row:
        raise _damaged(Damage(table=kind.name, key=key_text(kind, key), what=TWO_ROWS))


def _damaged(damage: Damage) -> DamagedError:
    return DamagedError(
        f"the ledger is damaged: {damage}. `scaling-search ledger repair NEWFILE` saves the rest"
    )


def _bound(kind: Kind[Any], key: Sequence[Value]) -> dict[str, Value]:
    return {f"key_{name}": value for name, value in zip(kind.key, key, strict=True)}


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
