"""A network of our own to cut: a namespace that is joined to this machine by one pair of virtual devices."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Network:
    """A namespace; whoever listens in it at `address` is reached from here until it is cut."""

    name: str
    address: str
    mask: str

    @property
    def inside(self) -> tuple[str, ...]:
        """A command begins so to run there."""
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """Everything that is sent either way is lost, and nobody is told."""
        _ip(*self.inside[1:], "ip", "link", "set", "inner", "down")

    def restore(self) -> None:
        """As it was."""
        _ip(*self.inside[1:], "ip", "link", "set", "inner", "up")


@contextmanager
def network() -> Iterator[Network | None]:
    """For as long as the context lasts; None where we may not make one."""
    name = f"torture-{os.getpid()}"
    if (
        shutil.which("ip") is None
        or subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode
    ):
        yield None
        return
    outer, below = f"tor{os.getpid()}"[:15], f"10.{200 + os.getpid() % 50}.{os.getpid() % 250}"
    made = Network(name=name, address=f"{below}.2", mask=f"{below}.0/24")
    try:
        _ip("link", "add", outer, "type", "veth", "peer", "name", "inner", "netns", name)
        _ip("addr", "add", f"{below}.1/24", "dev", outer)
        _ip("link", "set", outer, "up")
        _ip("-n", name, "addr", "add", f"{below}.2/24", "dev", "inner")
        _ip("-n", name, "link", "set", "inner", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield made
    finally:
        _ip("netns", "del", name)  # and with it the devices


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
