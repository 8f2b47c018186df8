"""What is wrong with a ledger, and what repair saved."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from scaling_search.ledger.storage.records import Damage
from scaling_search.report import columns
from scaling_search.report.table import Document, Row, Table
from scaling_search.search.audit.ledger_check import Checkup


def record(found: Checkup) -> dict[str, Any]:
    """A ledger's state for programs."""
    return {
        "ledger": found.ledger,
        "intact": found.intact,
        "damage": [asdict(one) for one in found.damage],
        "warnings": list(found.warnings),
        "rows": found.rows,
        "repaired": None if found.repaired is None else str(found.repaired),
        "lost": [asdict(one) for one in found.lost],
    }


def document(found: Checkup) -> Document:
    """A ledger's state for people."""
    tables = []
    if found.damage:
        tables.append(_faults("damage", f"{found.ledger}: damaged", found.damage))
    if found.repaired is not None and found.lost:
        tables.append(_faults("lost", "Lost", found.lost))
    rows = "" if found.rows is None else ", ".join(f"{count} {name}" for name, count in found.rows.items())
    notes = []
    if found.repaired is not None:
        notes.append(f"Saved in {found.repaired}: {rows}." + ("" if found.lost else " Nothing was lost."))
    elif found.intact:
        notes.append(f"{found.ledger}: every row is intact ({rows}).")
    elif found.rows is not None:
        notes.append(
            f"Every row is intact ({rows}). Members' weights are made again by scaling-search scale --keep-weights "
            "best; those that training starts from are given again by --weights."
        )
    else:
        notes.append(
            f"To save what is intact: scaling-search ledger repair repaired.db --ledger {found.ledger}"
        )
    notes += [f"Warning: {warning}" for warning in found.warnings]
    return Document(title="", tables=tuple(tables), notes=tuple(notes))


def _faults(name: str, title: str, faults: list[Damage]) -> Table:
    layout = (
        columns.name("table", "Table", identifies=True),
        columns.name("key", "Row"),
        columns.name("what", "What is wrong"),
    )
    return Table(name=name, title=title, columns=layout, rows=tuple(Row(cells=asdict(one)) for one in faults))
