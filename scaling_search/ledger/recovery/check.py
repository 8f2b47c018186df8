"""Looking through all of a ledger for damage."""

from __future__ import annotations

from collections.abc import Iterator

from scaling_search.errors import DamagedError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.database import Connection
from scaling_search.ledger.storage.records import Damage, decode, fault, key_text
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.ledger.storage.schema import ALL, Kind


def check(ledger: Ledger) -> list[Damage]:
    """Every fault in an open ledger: rows and bits against digests, tables against summaries, SQLite against itself.

    An empty list says that all that was written is there, unchanged.
    """
    found = list(_file_faults(ledger))
    for kind in ALL:
        try:
            with ledger.database.reading() as connection:
                found += _table_faults(connection, kind)
        except DamagedError as error:
            found.append(Damage(table=kind.name, key="all rows", what=str(error)))
    return found


def _table_faults(connection: Connection, kind: Kind[object]) -> Iterator[Damage]:
    digests, keys, intact = [], set(), True
    for record in store.records(connection, kind, bits=True):
        damage = fault(kind, record)
        if damage is not None:
            intact = False
            yield damage
            continue
        digests.append(record[0])
        row = decode(kind, record)
        shown = key_text(kind, kind.key_of(row))
        if shown in keys:
            yield Damage(table=kind.name, key=shown, what=store.TWO_ROWS)
        keys.add(shown)
        if isinstance(row, TrialRow) and row.key != row.own_key:
            yield Damage(table=kind.name, key=shown, what=f"its content belongs under the key {row.own_key}")
    missing = store.vanished(connection, kind, digests) if kind.summarised and intact else None
    if missing is not None:
        yield missing


def _file_faults(ledger: Ledger) -> Iterator[Damage]:
    if ledger.database.path is None:
        return
    try:
        with ledger.database.reading() as connection:
            said = list(connection.exec_driver_sql("PRAGMA integrity_check").scalars())
    except DamagedError as error:
        said = [str(error)]
    for line in said:
        if line != "ok":
            yield Damage(table="file", key=ledger.database.name, what=str(line))
