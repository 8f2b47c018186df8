"""Which process this is, and whether another one on this machine is gone."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process, told apart from a later one with the same number by its start. `host` is one boot of one machine."""

    host: str
    pid: int
    start: str | None  # clock ticks since boot; None where the system does not say


def this_process() -> Process:
    """The calling process."""
    return Process(host=_host(), pid=os.getpid(), start=_start(os.getpid()))


def is_gone(process: Process, here: Process) -> bool:
    """True when the process ran on this very machine and no longer does; False when it does, or when we cannot know."""
    if process.host != here.host or process.start is None:
        return False
    return _start(process.pid) != process.start


def _host() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        # Two containers on one machine share the boot but do not see each other's processes.
        return f"{platform.node()}/{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _start(pid: int) -> str | None:
    """When a live process started; None when there is none, or when it is a zombie."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    state, start = fields[0], fields[19]
    return None if state in ("Z", "X") else start
