"""Saving what is intact of a damaged ledger into a new one. A row is intact when its digest says so, wherever it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from scaling_search.errors import InputError, ScalingSearchError, StorageError
from scaling_search.ledger.recovery.pages import carve
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.database import Database
from scaling_search.ledger.storage.location import check_file, connect, locate
from scaling_search.ledger.storage.records import Damage, decode, encode, fault, key_text, total
from scaling_search.ledger.storage.rows import SummaryRow
from scaling_search.ledger.storage.schema import RESULTS, SUMMARIES, TRIALS, Kind
from scaling_search.ledger.storage.upgrade import create_file

_Found = dict[tuple[Any, ...], tuple[Any, str]]  # key → row and digest
_RANK = {"waiting": 0, "running": 1, "failed": 2, "diverged": 3, "complete": 3}


@dataclass(frozen=True, kw_only=True)
class Repair:
    """What a repair saved, by table, and what it could not; a lost row whose key cannot be read is counted only."""

    kept: dict[str, int]
    lost: list[Damage]


def repair(location: str | Path, new: Path) -> Repair:
    """Write all intact rows of a ledger into a new one at `new`; the old one is only read.

    Trials that were running wait again: nobody holds them in the new ledger.
    Raises InputError when `new` exists or `location` does not, StorageError.
    """
    new, old = new.expanduser(), locate(location)
    check_file(new, read_only=False)
    if new.exists():
        raise InputError(f"{new} exists; a repair writes a new file")
    if not isinstance(old, Path):
        return _write(new, *_salvage(connect(old, read_only=True), None))
    check_file(old, read_only=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".repair-", dir=new.absolute().parent) as folder:
            copy = _copy(old, Path(folder) / "ledger")
            found, lost = _salvage(connect(copy, read_only=False), copy)
    except OSError as error:
        size = old.stat().st_size
        raise StorageError(
            f"{new}: cannot copy the ledger beside it ({size} bytes): {error.strerror}"
        ) from error
    return _write(new, found, lost)


def _copy(path: Path, copy: Path) -> Path:
    """A copy with its journal, so that SQLite can finish there what a dead process left half done."""
    shutil.copyfile(path, copy)
    journal = Path(f"{os.path.realpath(path)}-journal")
    if journal.exists():
        shutil.copyfile(journal, f"{copy}-journal")
    return copy


def _salvage(database: Database, path: Path | None) -> tuple[dict[str, _Found], list[Damage]]:
    """Intact rows, and what is lost: from SQL as far as it goes, else from the pages counted, else from all of them."""
    tables = {kind.name: _from_tables(database, kind) for kind in (*RESULTS, SUMMARIES)}
    database.close()
    sources = [cache(partial(_from_pages, path, beyond=beyond)) for beyond in (False, True)] if path else []
    summaries, _ = tables[SUMMARIES.name]
    found: dict[str, _Found] = {}
    lost: list[Damage] = []
    for kind in RESULTS:
        rows, damages = tables[kind.name]
        summary = summaries.get((kind.name,), (None, ""))[0]
        for source in sources:
            if not damages and _fits(summary, rows):
                break
            more = source()
            summary = summary or more[SUMMARIES.name].get((kind.name,), (None, ""))[0]
            if not _fits(summary, rows):
                for key, version in more[kind.name].items():
                    _take(kind, rows, key, version)
        found[kind.name] = rows
        lost += _losses(kind, rows, damages, summary)
    return found, lost


def _from_tables(database: Database, kind: Kind[Any]) -> tuple[_Found, list[Damage]]:
    found: _Found = {}
    damages = []
    try:
        with database.reading() as connection:
            for record in store.records(connection, kind, bits=True):
                damage = _gather(kind, record, found)
                if damage is not None:
                    damages.append(damage)
    except ScalingSearchError as error:
        damages.append(
            Damage(table=kind.name, key="all rows", what=f"the database stops: {error.__cause__ or error}")
        )
    return found, damages


def _gather(kind: Kind[Any], record: Sequence[Any], found: _Found) -> Damage | None:
    """Take a record (with its bits, where its table has any) in, or say what is wrong with it."""
    damage = fault(kind, record)
    if damage is not None:
        return damage
    row = decode(kind, record)
    try:
        encode(kind, row)
    except (TypeError, ValueError, InputError) as error:
        # An earlier schema had other columns in its place: its digest fits, its values do not.
        return Damage(table=kind.name, key=key_text(kind, kind.key_of(row)), what=str(error))
    _take(kind, found, kind.key_of(row), (row, record[0]))
    return None


def _from_pages(path: Path, *, beyond: bool) -> dict[str, _Found]:
    """Every record in the file that some table's digest vouches for."""
    found: dict[str, _Found] = {kind.name: {} for kind in (*RESULTS, SUMMARIES)}
    for fields in carve(path, beyond=beyond):
        for kind in (*RESULTS, SUMMARIES):
            if len(fields) <= len(kind.stored):
                # Rows written under an earlier schema lack the later columns. SQLite keeps 2.0 as 2.
                values = {
                    name: float(value) if isinstance(value, int) and kind.types.get(name) is float else value
                    for name, value in zip_longest(kind.stored, fields)
                }
                wanted = (*kind.columns, *["correct"] * kind.has_bits)
                _gather(kind, [values[name] for name in wanted], found[kind.name])
    return found


def _take(kind: Kind[Any], found: _Found, key: tuple[Any, ...], new: tuple[Any, str]) -> None:
    """Of two versions of a trial the one that got further is kept, else the one found first."""
    old = found.setdefault(key, new)
    if kind is TRIALS and _RANK[new[0].state] > _RANK[old[0].state]:
        found[key] = new


def _fits(summary: SummaryRow | None, rows: _Found) -> bool:
    if summary is None:
        return not rows
    return (summary.rows, summary.total) == (len(rows), total(digest for _, digest in rows.values()))


def _losses(kind: Kind[Any], rows: _Found, damages: list[Damage], summary: SummaryRow | None) -> list[Damage]:
    if _fits(summary, rows) and (summary is not None or not damages):
        return []
    saved = {key_text(kind, key) for key in rows}
    named = [damage for damage in damages if damage.key not in saved and damage.key != "all rows"]
    if summary is None:
        what = f"how many rows it had is lost; {len(rows)} are saved"
        return [*named, Damage(table=kind.name, key="all rows", what=what)]
    missing = summary.rows - len(rows) - len(named)
    if missing <= 0 and named:
        return named
    what = f"rows that could not be read: {missing}"
    if missing <= 0:
        what = "an older version of some row is saved, not its last"
    return [*named, Damage(table=kind.name, key="unknown keys", what=what)]


def _write(new: Path, found: dict[str, _Found], lost: list[Damage]) -> Repair:
    create_file(new)
    with (
        closing(connect(new, read_only=False)) as database,
        database.writing(new.stat().st_size) as connection,
    ):
        for kind in RESULTS:
            rows = [row for row, _ in found[kind.name].values()]
            store.put(connection, kind, [row.at_rest() for row in rows] if kind is TRIALS else rows)
    return Repair(kept={kind.name: len(found[kind.name]) for kind in RESULTS}, lost=lost)
