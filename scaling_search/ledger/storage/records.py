"""Rows ↔ records: what a row looks like in a table, its digest, and whether a record that was read is intact. No SQL.

A row's digest is SHA-256 over the JSON array [table, value, …]: ASCII only, no spaces, columns in the order in which
the schema got them, NULLs at the end left out, so that a later schema may append columns without touching old rows.
Per-image bits take part through their own SHA-256 (the first column): a row can be checked without reading them.
"""

from __future__ import annotations

import hashlib
import json
import math
import numbers
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scaling_search.errors import InputError
from scaling_search.ledger.storage.schema import Kind, Row

Value = str | int | float | bytes | None
REPAIR: Final = "`scaling-search ledger repair repaired.db` saves the rest"
_UNREAD: Final = object()  # stands for per-image bits that were not asked for
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_encode_json = json.JSONEncoder(
    ensure_ascii=True, check_circular=False, allow_nan=False, separators=(",", ":")
).encode


@dataclass(frozen=True, kw_only=True)
class Damage:
    """One fault: the table, the key of the row as far as it can be read, and what is wrong."""

    table: str
    key: str
    what: str

    def __str__(self) -> str:
        return f"{self.table} ({self.key}): {self.what}"


def digest(table: str, values: Sequence[object]) -> str:
    """The digest of one row; `values` in the order of `Kind.columns`, without the digest.

    Raises TypeError or ValueError where a value is none that a row can hold: such a row is damaged.
    """
    end = len(values)
    while end and values[end - 1] is None:
        end -= 1
    return hashlib.sha256(_encode_json((table, *values[:end])).encode("ascii")).hexdigest()


def total(digests: Iterable[str]) -> str:
    """The sum of digests modulo 2^256, in hex: the same in any order, and one row's worth is easily taken out."""
    return f"{sum(int(digest, 16) for digest in digests) % 2**256:064x}"


def encode(kind: Kind[Row], row: Row) -> dict[str, Value]:
    """A row as column values, ready to be written.

    Raises InputError for text that no database can hold, TypeError or ValueError for values that are our bug.
    """
    values = {
        name: _checked(kind, name, expected, getattr(row, name)) for name, expected in kind.types.items()
    }
    if kind.has_bits:
        bits = values["correct"]
        values["correct_sha256"] = hashlib.sha256(bits).hexdigest() if isinstance(bits, bytes) else None
    values["digest"] = digest(kind.name, [values[name] for name in kind.columns[1:]])
    return values


def _checked(kind: Kind[Any], name: str, expected: type, value: object) -> Value:
    if value is None and name in kind.optional:
        return None
    # Each abstract number behind the plain one: asking for it takes ten times as long.
    if expected is str and isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise InputError(
                f"{kind.name}.{name}: {value[:80]!r} holds a NUL or half a surrogate pair, which no database stores"
            )
        return value
    if (expected is int or expected is bool) and isinstance(value, (int, numbers.Integral)):
        if not -(2**63) <= int(value) < 2**63:
            raise InputError(f"{kind.name}.{name}: {value} does not fit 64 bits")
        return int(value)
    if expected is float and isinstance(value, (float, numbers.Real)):
        if not math.isfinite(value):
            raise ValueError(f"{kind.name}.{name}: {value} is not finite; what could not be measured is None")
        return float(value) + 0.0  # SQLite keeps no sign of zero
    if expected is bytes and isinstance(value, bytes):
        return value
    raise TypeError(f"{kind.name}.{name} takes {expected.__name__}, not {value!r}")


def fault(kind: Kind[Any], record: Sequence[Any]) -> Damage | None:
    """What is wrong with one record (`kind.columns`, and the bits where they were read), or None."""
    plain, bits = _parts(kind, record)
    try:
        right = digest(kind.name, plain[1:]) == plain[0]
    except (TypeError, ValueError):
        right = False
    if right and bits is not _UNREAD:
        right = (hashlib.sha256(bits).hexdigest() if isinstance(bits, bytes) else bits) == plain[1]
    if right:
        return None
    # The key for people, as far as it can be read.
    key = [plain[kind.columns.index(name)] for name in kind.key]
    return Damage(table=kind.name, key=key_text(kind, key), what="its digest does not fit")


def key_text(kind: Kind[Any], key: Sequence[object]) -> str:
    """A key for people."""
    return ", ".join(f"{name}={value!r:.80}" for name, value in zip(kind.key, key, strict=True))


def decode(kind: Kind[Row], record: Sequence[Any]) -> Row:
    """A faultless record as a row."""
    plain, bits = _parts(kind, record)
    return kind.make(plain[-len(kind.fields) :], None if bits is _UNREAD else bits)


def _parts(kind: Kind[Any], record: Sequence[Any]) -> tuple[Sequence[Any], object]:
    count = len(kind.columns)
    return (record, _UNREAD) if len(record) == count else (record[:count], record[count])
