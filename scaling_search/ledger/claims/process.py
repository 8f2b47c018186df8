"""Which process this is, and whether another one on this machine is gone."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

_PROC = Path("/proc")
_SAME_SECONDS = 2.0  # boot times are whole seconds


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process, told apart from a later one with the same number by its start. `host` is one boot of one machine."""

    host: str
    pid: int
    start: float | None  # seconds after the machine's start; None where the system does not say


def this_process() -> Process:
    """The calling process."""
    return Process(host=_host(), pid=os.getpid(), start=_start(os.getpid()))


def is_gone(process: Process, here: Process) -> bool:
    """True when the process ran on this very machine and no longer does; False when it does, or when we cannot know."""
    if process.host != here.host or process.start is None:
        return False
    now = _start(process.pid)
    return now is None or abs(now - process.start) > _SAME_SECONDS


def _host() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        # Two containers on one machine share the boot but do not see each other's processes.
        return f"{platform.node()}/{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _start(pid: int) -> float | None:
    """When a live process started; None when there is none, or when it is a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return None
        # Both move alike when the machine's clock is set; their difference does not.
        return float(process.create_time() - psutil.boot_time())
    except psutil.Error:
        return None
