"""Rows in and out of one table, each with its digest; a summary per table shows rows that have vanished.

A row's digest is SHA-256 over the JSON object {"": table, column: value, …}: columns sorted, NULLs left out (so that a
later schema may add columns without touching old rows), ASCII only, no spaces. Per-image bits take part through their
own SHA-256, so a row can be checked without reading them.
"""

from __future__ import annotations

import hashlib
import json
import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from scaling_search.errors import DamagedError, InputError
from scaling_search.ledger.rows import SummaryRow
from scaling_search.ledger.schema import SUMMARIES, Kind, Row

Value = str | int | float | bytes | None
_encode_json = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
_FEW = 200  # keys up to which looking rows up one by one beats reading the table


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One fault: the table, the key of the row as far as it can be read, and what is wrong."""

    table: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.table} {self.key}: {self.what}"


def digest(table: str, columns: Sequence[str], values: Sequence[object]) -> str:
    """The digest of one row; `columns` sorted, without "digest" and "correct".

    Raises TypeError or ValueError where a value is none that a row can hold: such a row is damaged.
    """
    content = {name: value for name, value in zip(columns, values, strict=True) if value is not None}
    return hashlib.sha256(_encode_json({"": table, **content}).encode("ascii")).hexdigest()


def encode(kind: Kind[Row], row: Row) -> dict[str, Value]:
    """A row as column values, ready to be written.

    Raises InputError for text that no database can hold, TypeError or ValueError for values that are our bug.
    """
    values: dict[str, Value] = {name: _checked(kind, name, getattr(row, name)) for name in kind.fields}
    if kind.has_bits:
        bits = values["correct"]
        values["correct_sha256"] = hashlib.sha256(bits).hexdigest() if isinstance(bits, bytes) else None
    names = kind.columns[:-1]
    values["digest"] = digest(kind.name, names, [values[name] for name in names])
    return values


def _checked(kind: Kind[Any], name: str, value: object) -> Value:
    expected = kind.types[name]
    where = f"{kind.name}.{name}"
    if value is None and kind.table.c[name].nullable:
        return None
    if expected is str and isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError(
                f"{where}: {value[:80]!r} holds a NUL or half a surrogate pair, which no database can store"
            )
        return value
    if expected in (int, bool) and isinstance(value, numbers.Integral):
        if not -(2**63) <= int(value) < 2**63:
            raise InputError(f"{where}: {value} does not fit 64 bits")
        return int(value)
    if expected is float and isinstance(value, numbers.Real):
        if not math.isfinite(value):
            raise ValueError(f"{where}: {value} is not finite; what could not be measured is None")
        return float(value) + 0.0  # SQLite keeps no sign of zero
    if expected is bytes and isinstance(value, bytes):
        return value
    raise TypeError(f"{where} takes {expected.__name__}, not {value!r}")


def key_of(kind: Kind[Row], row: Row) -> tuple[object, ...]:
    """The row's key, in the order that readers get rows in."""
    return tuple(getattr(row, name) for name in kind.key)


def fault(kind: Kind[Any], record: Sequence[object], bits: object = None) -> Damage | None:
    """What is wrong with one record as read (`kind.columns`), or None. `bits` are looked at where given."""
    names, values = kind.columns[:-1], record[:-1]
    try:
        right = digest(kind.name, names, values) == record[-1]
    except (TypeError, ValueError):
        right = False
    if right and bits is not None:
        expected = record[names.index("correct_sha256")]
        right = isinstance(bits, bytes) and hashlib.sha256(bits).hexdigest() == expected
    if right:
        return None
    content = dict(zip(names, values, strict=True))
    key = ", ".join(f"{name}={content[name]!r:.80}" for name in kind.key)
    return Damage(table=kind.name, key=key, what="the digest does not fit the row")


def decode(kind: Kind[Row], record: Sequence[Any], bits: bytes | None = None) -> Row:
    """A checked record as a row."""
    values = dict(zip(kind.columns[:-1], record, strict=False))
    if kind.has_bits:
        del values["correct_sha256"]
        values["correct"] = bits
    for name, expected in kind.types.items():
        if expected is bool and values[name] is not None:
            values[name] = bool(values[name])
    return kind.row(**values)


def records(
    connection: sa.Connection, kind: Kind[Any], where: sa.ColumnElement[bool] | None = None, *, bits: bool
) -> Iterable[Sequence[Any]]:
    """Records as the driver gives them, bits last when asked for: no conversion, which damaged values could break."""
    names = (*kind.columns, "correct") if bits else kind.columns
    columns: list[sa.ColumnElement[Any]] = [sa.column(name) for name in names]
    query = sa.select(*columns).select_from(sa.table(kind.name))
    return connection.execute(query if where is None else query.where(where))


def _verified(kind: Kind[Row], found: Iterable[Sequence[Any]], *, bits: bool) -> list[tuple[Row, str]]:
    rows = []
    for record in found:
        correct = record[-1] if bits else None
        plain = record[:-1] if bits else record
        damage = fault(kind, plain, correct)
        if (
            damage is None
            and bits
            and (correct is None) != (plain[kind.columns.index("correct_sha256")] is None)
        ):
            damage = Damage(table=kind.name, key=str(plain[0]), what="the per-image bits are missing")
        if damage is not None:
            raise DamagedError(
                f"the ledger is damaged: {damage}. `scaling-search doctor LEDGER --repair` saves the rest"
            )
        rows.append((decode(kind, plain, correct), plain[-1]))
    return rows


def read(connection: sa.Connection, kind: Kind[Row], *, with_correct: bool = False) -> list[Row]:
    """All rows of a table, by key, after checking every row and that none has vanished.

    Raises DamagedError naming table and key.
    """
    found = _verified(
        kind,
        records(connection, kind, bits=with_correct and kind.has_bits),
        bits=with_correct and kind.has_bits,
    )
    rows = [row for row, _ in found]
    if kind.summarised:
        damage = vanished(
            connection, kind, [digest for _, digest in found], len({key_of(kind, row) for row in rows})
        )
        if damage is not None:
            raise DamagedError(
                f"the ledger is damaged: {damage}. `scaling-search doctor LEDGER --repair` saves the rest"
            )
    return sorted(rows, key=lambda row: key_of(kind, row))


def vanished(
    connection: sa.Connection, kind: Kind[Any], digests: Sequence[str], distinct: int
) -> Damage | None:
    """Whether the digests found in a table are the ones its summary was told of."""
    summary = _summary(connection, kind)
    total = sum(int(digest, 16) for digest in digests) % 2**256
    if distinct != len(digests):
        return Damage(
            table=kind.name, key="(all)", what=f"{len(digests)} rows have only {distinct} different keys"
        )
    if (len(digests), f"{total:064x}") != (summary.rows, summary.total):
        what = f"{len(digests)} rows were found, which are not the {summary.rows} that were written"
        return Damage(table=kind.name, key="(all)", what=what)
    return None


def read_keys(
    connection: sa.Connection,
    kind: Kind[Row],
    keys: Sequence[tuple[Value, ...]],
    *,
    with_correct: bool = False,
) -> list[Row]:
    """The rows with these keys (those that exist), by key, each checked."""
    bits = with_correct and kind.has_bits
    if len(keys) > _FEW:
        wanted = set(keys)
        return [
            row for row in read(connection, kind, with_correct=with_correct) if key_of(kind, row) in wanted
        ]
    rows: dict[tuple[object, ...], Row] = {}
    for key in keys:
        found = _verified(kind, records(connection, kind, _where(kind, key), bits=bits), bits=bits)
        rows |= {key_of(kind, row): row for row, _ in found}
    return [rows[key] for key in sorted(rows)]


def read_one(
    connection: sa.Connection, kind: Kind[Row], *key: Value, with_correct: bool = False
) -> Row | None:
    """The row with this key, checked, or None."""
    found = read_keys(connection, kind, [key], with_correct=with_correct)
    return found[0] if found else None


def put(connection: sa.Connection, kind: Kind[Row], rows: Sequence[Row], *, replace: bool = True) -> None:
    """Write rows, in place of those with the same keys (or leaving those alone). The caller holds the write lock."""
    change, added = 0, 0
    for row in rows:
        values = encode(kind, row)
        key = tuple(values[name] for name in kind.key)
        old = connection.execute(
            sa.select(sa.column("digest")).select_from(sa.table(kind.name)).where(_where(kind, key))
        ).scalar()
        if old is None:
            connection.execute(sa.insert(kind.table), values)
            change, added = change + int(str(values["digest"]), 16), added + 1
        elif replace and old != values["digest"]:
            connection.execute(sa.update(kind.table).where(_where(kind, key)), values)
            change += int(str(values["digest"]), 16) - int(old, 16)
    _summarise(connection, kind, change, added)


def remove(connection: sa.Connection, kind: Kind[Row], rows: Iterable[Row]) -> None:
    """Delete rows. The caller holds the write lock."""
    change, added = 0, 0
    for row in rows:
        values = encode(kind, row)
        connection.execute(
            sa.delete(kind.table).where(_where(kind, tuple(values[name] for name in kind.key)))
        )
        change, added = change - int(str(values["digest"]), 16), added - 1
    _summarise(connection, kind, change, added)


def _where(kind: Kind[Any], key: Sequence[object]) -> sa.ColumnElement[bool]:
    return sa.and_(*(sa.column(name) == value for name, value in zip(kind.key, key, strict=True)))


def _summary(connection: sa.Connection, kind: Kind[Any]) -> SummaryRow:
    nothing = SummaryRow(table_name=kind.name, rows=0, total=f"{0:064x}")
    return read_one(connection, SUMMARIES, kind.name) or nothing


def _summarise(connection: sa.Connection, kind: Kind[Any], change: int, added: int) -> None:
    if not kind.summarised or (change, added) == (0, 0):
        return
    old = _summary(connection, kind)
    total = (int(old.total, 16) + change) % 2**256
    put(
        connection,
        SUMMARIES,
        [SummaryRow(table_name=kind.name, rows=old.rows + added, total=f"{total:064x}")],
    )
