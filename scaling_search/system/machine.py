"""This machine: processor, cores and memory, as far as a container lets the process use them."""

from __future__ import annotations

import contextlib
import math
import os
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil

# A limit of cgroup v1 that is this large is none: the largest page-aligned 63-bit number.
_NO_LIMIT = 1 << 60


def processor() -> str:
    """The processor's own name, where the system tells."""
    named = [line for line in _cpuinfo() if line.startswith("model name")]
    return named[0].partition(":")[2].strip() if named else platform.processor() or platform.machine()


def instruction_set() -> str:
    """All that decides what compiled code may use: the same text on machines that can share it."""
    traits = ("model name", "flags", "Features", "CPU part")
    described = sorted({line for line in _cpuinfo() if line.startswith(traits)})
    return "\n".join(described) or " ".join((platform.machine(), platform.processor(), platform.version()))


def vector_bits() -> int | None:
    """How wide the widest vectors are that compiled code may use here: sums are added up in another order in each."""
    flags = {word for line in _cpuinfo() if line.startswith(("flags", "Features")) for word in line.split()}
    widths = {"avx512f": 512, "avx2": 256, "avx": 256, "sse2": 128, "asimd": 128}
    return max((bits for name, bits in widths.items() if name in flags), default=None)


def cores() -> int:
    """Cores that this process may run on, or what its container lets it use of them, the less of both."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shares = _cgroup_cores(Path("/sys/fs/cgroup"), _own_cgroups())
    return max(1, min([allowed, *(math.ceil(share) for share in shares)]))


def load() -> float | None:
    """Processes that ran or waited for a core in the last minute, on average; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def available_memory() -> int:
    """Bytes that this process can still take: what the host has, or what its container leaves, the less of both."""
    free = [limit - used for limit, used in _cgroup_memory(Path("/sys/fs/cgroup"), _own_cgroups())]
    return max(0, min([int(psutil.virtual_memory().available), *free]))


@cache
def _cpuinfo() -> tuple[str, ...]:
    return tuple(_text(Path("/proc/cpuinfo")).splitlines())


def _own_cgroups() -> str:
    return _text(Path("/proc/self/cgroup"))


def _cgroup_memory(root: Path, own: str) -> list[tuple[int, int]]:
    """(limit, used without the page cache) of each control group that holds this process and limits its memory."""
    found = []
    for folder, second in _groups(root, own, "memory"):
        names = (
            ("memory.max", "memory.current", "inactive_file")
            if second
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        limit, used = _number(folder / names[0]), _number(folder / names[1])
        if limit is not None and used is not None and limit < _NO_LIMIT:
            found.append((limit, used - _statistic(folder / "memory.stat", names[2])))
    return found


def _cgroup_cores(root: Path, own: str) -> list[float]:
    """How many cores' time each control group that holds this process and limits it may use."""
    found = []
    for folder, second in _groups(root, own, "cpu"):
        if second:
            words = _text(folder / "cpu.max").split()
            quota, period = (words[0], words[1]) if len(words) == 2 else ("max", "0")
        else:
            quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.strip().isdigit() and period.strip().isdigit() and int(period) > 0:
            found.append(int(quota) / int(period))
    return found


def _groups(root: Path, own: str, controller: str) -> Iterator[tuple[Path, bool]]:
    """The folders of the control groups that hold this process, from its own up, and whether they are of version 2.

    `own` is the text of /proc/self/cgroup: lines `ID:CONTROLLERS:PATH`, without controllers for version 2. In a
    container the paths may be the host's, so the root of each hierarchy is looked at too.
    """
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        base = root / controller if controllers else root
        at = base / path.strip("/")
        for folder in (at, *at.parents):
            if not folder.is_relative_to(base):
                break
            yield folder, not controllers


def _text(path: Path) -> str:
    """Empty where there is no such file."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    with contextlib.suppress(ValueError):  # absent, or "max"
        return int(_text(path))
    return None


def _statistic(path: Path, name: str) -> int:
    lines = _text(path).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
