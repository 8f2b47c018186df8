"""What this machine has."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from scaling_search.data import catalog
from scaling_search.data.dataset import DatasetInfo
from scaling_search.data.paths import data_directory
from scaling_search.ledger.storage.filesystem import network_warning
from scaling_search.search.trial import provenance
from scaling_search.system import machine as system

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


def examine() -> dict[str, Any]:
    """Devices, versions, kernels, memory, disks, data sets and commit. What is not known is None.

    `device_problem` says why no device can be used; None: there is one.
    """
    from scaling_search.networks import native

    devices, problem = _devices()
    commit, dirty = provenance.commit()
    here = Path.cwd()
    cache = data_directory()
    return {
        "devices": devices,
        "device_problem": problem,
        "versions": json.loads(provenance.versions()),
        "kernels": native.state(),
        "sqlite": sqlite3.sqlite_version,
        "sqlite_wal_safe": wal_is_safe(sqlite3.sqlite_version_info),
        "processor": system.processor(),
        "cores": system.cores(),
        "memory_available_bytes": None if problem else provenance.available_memory(),
        "folder": str(here),
        "folder_free_bytes": _free(here),
        "folder_warning": network_warning(here / "scaling-search.db"),
        "cache": str(cache),
        "cache_free_bytes": _free(cache),
        "commit": commit,
        "dirty": dirty,
        "datasets": known(),
    }


def _devices() -> tuple[list[str], str | None]:
    try:
        import jax

        found = [(one.platform, one.device_kind) for one in jax.devices()]
        return [name if name == kind else f"{name}: {kind}" for name, kind in found], None
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


def known() -> list[DatasetInfo]:
    """Every set that can be loaded, or prepared by its name alone."""
    return [catalog.describe(name) for name in catalog.names()]
