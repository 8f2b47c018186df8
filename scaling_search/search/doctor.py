"""What this machine has, and the state of a ledger: for whoever looks after either."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaling_search.data.places import data_directory
from scaling_search.errors import DamagedError
from scaling_search.ledger import repair as repairs
from scaling_search.ledger.check import check
from scaling_search.ledger.filesystem import network_warning
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.records import Damage
from scaling_search.report import columns, figures
from scaling_search.report.table import Document, Row, Table
from scaling_search.search import datasets, origin

# Builds with the fix of the WAL corruption bug of 3.7.0 to 3.51.2: 3.51.3 and its two back-ports.
_WAL_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the fix of the WAL corruption bug. The ledger does not use WAL; other tools may.

    >>> wal_is_safe((3, 40, 1)), wal_is_safe((3, 50, 7)), wal_is_safe((3, 51, 2)), wal_is_safe((3, 52, 0))
    (False, True, False, True)
    """
    return version >= _WAL_FIXED[0] or any(
        version[:2] == fixed[:2] and version >= fixed for fixed in _WAL_FIXED
    )


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a machine has. `problem` says why no device can be used; None: there is one."""

    facts: dict[str, Any]
    problem: str | None


def examine() -> Machine:
    """Looks at devices, versions, kernels, memory, disks, data sets and commit. What is not known is None."""
    from scaling_search.networks import native

    devices, problem = _devices()
    commit, dirty = origin.commit()
    here = Path.cwd()
    cache = data_directory()
    memory = None if problem else origin.available_memory()
    return Machine(
        facts={
            "devices": devices,
            "device_problem": problem,
            "versions": json.loads(origin.versions()),
            "kernels": native.state(),
            "sqlite": sqlite3.sqlite_version,
            "sqlite_wal_safe": wal_is_safe(sqlite3.sqlite_version_info),
            "processor": origin.processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_available_bytes": memory,
            "folder": str(here),
            "folder_free_bytes": _free(here),
            "folder_warning": network_warning(here / "scaling-search.db"),
            "cache": str(cache),
            "cache_free_bytes": _free(cache),
            "commit": commit,
            "dirty": dirty,
            "datasets": [datasets.record(info) for info in datasets.known()],
        },
        problem=problem,
    )


def _devices() -> tuple[list[str], str | None]:
    try:
        import jax

        return [f"{one.platform}: {one.device_kind}" for one in jax.devices()], None
    except (RuntimeError, ImportError, AssertionError) as error:
        # jax asserts, without a word, when the only platform that JAX_PLATFORMS allows is not installed.
        allowed = os.environ.get("JAX_PLATFORMS")
        return [], str(error) or f"nothing here is of JAX_PLATFORMS={allowed}"


def _free(folder: Path) -> int | None:
    """Bytes free on the disk of a folder, or of the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def document(machine: Machine) -> Document:
    """The machine for people."""
    facts = machine.facts
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    safe = "" if facts["sqlite_wal_safe"] else " not"
    state = {True: " with changes", False: "", None: ""}[facts["dirty"]]
    lines = {
        "devices": ", ".join(facts["devices"]) or f"none: {facts['device_problem']}",
        "kernels": facts["kernels"],
        "processor": f"{facts['processor']}, {facts['cores']} cores",
        "memory available": figures.size(facts["memory_available_bytes"]),
        "versions": versions,
        "SQLite": f"{facts['sqlite']}; WAL is{safe} safe with it (the ledger does not use WAL)",
        "disk here": f"{figures.size(facts['folder_free_bytes'])} free in {facts['folder']}",
        "disk of the cache": f"{figures.size(facts['cache_free_bytes'])} free in {facts['cache']}",
        "commit": "not a checkout" if facts["commit"] is None else f"{facts['commit']}{state}",
    }
    warning = facts["folder_warning"]
    return Document(
        title="This machine",
        facts=lines,
        tables=datasets.document(datasets.known()).tables,
        notes=() if warning is None else (f"Warning: {warning}",),
    )


@dataclass(frozen=True, kw_only=True)
class Checkup:
    """The state of one ledger: its damage, warnings, and what a repair kept (rows by table) and lost."""

    ledger: str
    damage: list[Damage]
    warnings: tuple[str, ...]
    rows: dict[str, int] | None
    repaired: Path | None
    lost: list[Damage]

    @property
    def whole(self) -> bool:
        return not self.damage


def inspect(place: str, *, repair: Path | None) -> Checkup:
    """Checks every row of a ledger; with `repair` also writes the whole ones into a new file there.

    Errors: InputError (no such ledger, the new file exists), DamagedError (not a ledger at all, and no repair asked
    for), StorageError.
    """
    warnings: tuple[str, ...] = ()
    rows = None
    try:
        with Ledger.open(place, read_only=True) as ledger:
            warnings = ledger.warnings
            damage = check(ledger)
            if not damage:
                rows = _counts(ledger)
    except DamagedError as error:
        if repair is None:
            raise
        damage = [Damage(table="file", key=place, what=str(error))]
    if repair is None:
        return Checkup(ledger=place, damage=damage, warnings=warnings, rows=rows, repaired=None, lost=[])
    saved = repairs.repair(place, repair)
    return Checkup(
        ledger=place,
        damage=damage,
        warnings=warnings,
        rows=saved.kept,
        repaired=repair,
        lost=saved.lost,
    )


def _counts(ledger: Ledger) -> dict[str, int]:
    return {"studies": len(ledger.studies()), "trials": len(ledger.trials())}


def checkup_record(found: Checkup) -> dict[str, Any]:
    """A ledger's state for programs."""
    return {
        "ledger": found.ledger,
        "whole": found.whole,
        "damage": [_fault(one) for one in found.damage],
        "warnings": list(found.warnings),
        "rows": found.rows,
        "repaired": None if found.repaired is None else str(found.repaired),
        "lost": [_fault(one) for one in found.lost],
    }


def checkup_document(found: Checkup) -> Document:
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
    elif found.whole:
        notes.append(f"{found.ledger}: every row is whole ({rows}).")
    else:
        notes.append(f"To save what is whole: scaling-search doctor {found.ledger} --repair NEWFILE")
    notes += [f"Warning: {warning}" for warning in found.warnings]
    return Document(title="", tables=tuple(tables), notes=tuple(notes))


def _faults(name: str, title: str, faults: list[Damage]) -> Table:
    layout = (
        columns.name("table", "Table", identifies=True),
        columns.name("key", "Row"),
        columns.name("what", "What is wrong"),
    )
    return Table(name=name, title=title, columns=layout, rows=tuple(Row(cells=_fault(one)) for one in faults))


def _fault(damage: Damage) -> dict[str, str]:
    return {"table": damage.table, "key": damage.key, "what": damage.what}
