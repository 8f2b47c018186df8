"""A Ray cluster of several nodes on this machine's loopback, to kill nodes of."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_STARTS = 3  # Ray gives a busy machine half a minute, and no longer


@dataclass(kw_only=True)
class Nodes:
    """A running cluster. The first node is its head; each has an address and ports of its own."""

    port: int
    cpus: int
    folder: Path
    environment: dict[str, str]  # with the token that the nodes and their drivers have in common
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """What `--ray` takes."""
        return f"127.0.0.1:{self.port}"

    def add(self) -> None:
        """One more node: the command that docs/several-machines.md shows."""
        number = len(self.running) + 1
        place = ["--head", f"--port={self.port}", "--include-dashboard=false"]
        if self.running:
            place = [f"--address={self.address}"]
        command = [
            *(Path(sys.executable).with_name("ray"), "start", *place),
            *("--node-ip-address=127.0.0.1", f"--num-cpus={self.cpus}", "--num-gpus=0"),
            *("--object-store-memory=100000000", "--min-worker-port=0", "--max-worker-port=0"),
            *("--disable-usage-stats", "--block"),
        ]
        for _ in range(_STARTS):
            with (self.folder / f"node-{number}").open("wb") as said:
                node = subprocess.Popen(
                    command, stdout=said, stderr=said, env=self.environment, cwd=self.folder
                )
            while node.poll() is None:
                if b"runtime started" in self._said(number):
                    self.running.append(node)
                    return
                time.sleep(0.2)
        raise RuntimeError(f"ray start: {self._said(number).decode(errors='replace')}")

    def raylets(self, index: int) -> list[psutil.Process]:
        """The process that is the node: with it, its workers end."""
        below = psutil.Process(self.running[index].pid).children(recursive=True)
        return [one for one in below if _name(one) == "raylet"]

    def kill(self, index: int) -> None:
        """Kills a node as a power cut would."""
        for raylet in self.raylets(index):
            raylet.kill()

    def _said(self, number: int) -> bytes:
        return (self.folder / f"node-{number}").read_bytes()


@contextmanager
def nodes(count: int, folder: Path, *, cpus: int = 1) -> Iterator[Nodes]:
    """A cluster for as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **token}
    found = Nodes(port=port, cpus=cpus, folder=folder, environment=environment)
    try:
        for _ in range(count):
            found.add()
        yield found
    finally:
        for node in reversed(found.running):
            below = psutil.Process(node.pid).children(recursive=True) if node.poll() is None else []
            node.terminate()
            _, left = psutil.wait_procs(below, timeout=10)
            for one in left:
                one.kill()
            node.wait()


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""
