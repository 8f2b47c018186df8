"""This machine as people and programs read it."""

from __future__ import annotations

from typing import Any

from scaling_search.report import figures
from scaling_search.report.table import Document
from scaling_search.search.tables import dataset_table


def record(facts: dict[str, Any]) -> dict[str, Any]:
    """The machine for programs; `facts` as `audit.machine.examine` has them."""
    return facts | {"datasets": [dataset_table.record(info) for info in facts["datasets"]]}


def document(facts: dict[str, Any]) -> Document:
    """The machine for people."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    unsafe = " (its WAL mode can lose data; the ledger does not use it)"
    state = {True: " with changes", False: "", None: ""}[facts["dirty"]]
    lines = {
        "devices": ", ".join(facts["devices"]) or f"none: {facts['device_problem']}",
        "kernels": facts["kernels"],
        "processor": f"{facts['processor']}, {figures.count(facts['cores'], 'core')}",
        "memory available": figures.size(facts["memory_available_bytes"]),
        "versions": versions,
        "SQLite": facts["sqlite"] + ("" if facts["sqlite_wal_safe"] else unsafe),
        "disk here": f"{figures.size(facts['folder_free_bytes'])} free in {facts['folder']}",
        "disk of the cache": f"{figures.size(facts['cache_free_bytes'])} free in {facts['cache']}",
        "commit": "not a checkout" if facts["commit"] is None else f"{facts['commit']}{state}",
    }
    warning = facts["folder_warning"]
    return Document(
        title="This machine",
        facts=lines,
        tables=dataset_table.document(facts["datasets"]).tables,
        notes=() if warning is None else (f"Warning: {warning}",),
    )
