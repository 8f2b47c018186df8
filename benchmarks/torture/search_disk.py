"""A disk that fills up under a search, whether in the ledger or in a checkpoint."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.torture.child import start
from benchmarks.torture.kills import beside, control
from benchmarks.torture.ledger_disk import small_disk
from benchmarks.torture.outcome import Outcome

_LEAST, _MOST = 1_000, 300_000  # bytes left: from no room for a ledger to room for all


def full(n: int, folder: Path) -> Outcome:
    """Run a search on a disk with little room, then make room: exit code 7 naming the path, and the same end."""
    common = beside(folder, networks=1, often=True)
    undisturbed = control(common)
    dice = random.Random(14)  # noqa: S311 - to be repeated, not to be secret
    disk = folder / "disk"
    disk.mkdir()
    refused = lost = wrong = 0
    with small_disk(disk) as mounted:
        for index in range(n):
            place = disk / str(index)
            place.mkdir()
            search = replace(common, folder=folder / f"search-{index}", place=place)
            left = dice.randint(_LEAST, _MOST)
            if mounted:
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
                (disk / "filler").write_bytes(bytes(max(0, free - left)))
            code = start(search.child(lambda _: None if mounted else _limit(left))).end()  # noqa: B023
            (disk / "filler").unlink(missing_ok=True)
            refused += code == 7
            lost += code not in (0, 7)
            wrong += code == 7 and (str(place) not in search.errors or "bytes" not in search.errors)
            lost += start(search.child()).end() != 0
            wrong += search.figures() != undisturbed.figures or search.answer() != undisturbed.answer
            shutil.rmtree(place)
    how = "tmpfs" if mounted else "a limit on file sizes (no right to mount a tmpfs)"
    note = f"{refused} refused with exit code 7, {n - refused} fitted; all ended equal to the control; {how}"
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note=note)


def _limit(size: int) -> Callable[..., None] | None:
    """No file of this process may grow beyond the size: to whoever writes, a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    return None
