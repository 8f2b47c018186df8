"""A disk that is full at some point of a write."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.torture.ledger_rows import begun, is_right, result
from benchmarks.torture.outcome import Outcome
from scaling_search.errors import StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check

_DISK_BYTES = 2 * 2**20
_BITS = 40_000


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A small tmpfs where we may mount one; else False, and SQLite's own limit has to do."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder)]
    mounted = os.getuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def full(n: int, folder: Path) -> Outcome:
    """Fill the disk but for a random rest, finish a trial, make room: nothing acknowledged is lost, all goes on."""
    folder = folder / "disk"
    folder.mkdir()
    dice = random.Random(8)  # noqa: S311 - to be repeated, not to be secret
    lost = wrong = refused = 0
    with small_disk(folder) as mounted:
        for seed in range(n):
            path = folder / "ledger.db"
            path.unlink(missing_ok=True)
            with Ledger.open(path) as ledger:
                claim = begun(ledger, seed)
                before = ledger.trials()
                _fill(ledger, folder, dice.randrange(120_000), mounted=mounted)
                try:
                    ledger.finish(claim, result(seed, size=_BITS))
                    acknowledged = True
                except StorageError as error:
                    acknowledged = False
                    refused += 1
                    wrong += str(path) not in str(error)
                (row,) = ledger.trials(with_correct=True)
                lost += (acknowledged and not is_right(row, size=_BITS)) or (
                    not acknowledged and [row] != before
                )
                _empty(ledger, folder, mounted=mounted)
                ledger.finish(claim, result(seed, size=_BITS))
                (row,) = ledger.trials(with_correct=True)
                lost += not is_right(row, size=_BITS)
                wrong += bool(check(ledger))
    how = "tmpfs" if mounted else "SQLite's page limit (no right to mount a tmpfs)"
    note = f"{refused} refused, {n - refused} fitted; {how}"
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note=note)


def _fill(ledger: Ledger, folder: Path, remainder: int, *, mounted: bool) -> None:
    if mounted:
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        (folder / "filler").write_bytes(bytes(max(0, free - remainder)))
        return
    _limit(ledger, remainder // 4096)


def _empty(ledger: Ledger, folder: Path, *, mounted: bool) -> None:
    if mounted:
        (folder / "filler").unlink()
    else:
        _limit(ledger, 2**30)


def _limit(ledger: Ledger, more: int) -> None:
    """Let the file grow by so many pages; for the connection that is lent next, as it was lent last."""
    with ledger.database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + more}")
