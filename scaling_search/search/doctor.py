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
from scaling_search.ledger.filesystem import network_warning
from scaling_search.report import figures
from scaling_search.report.table import Document
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
