"""A PostgreSQL server of our own, to stop, restart and cut connections of."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.torture.network import Network

_INSTALLED = Path("/usr/lib/postgresql")  # where Debian puts each release


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server, whose only user is postgres, without a password."""

    binaries: Path
    folder: Path
    port: int
    network: Network | None = None  # where it listens, else on the loopback
    database: str = "postgres"  # that `sql` speaks to

    def within(self, database: str) -> Server:
        """The same server, another database."""
        return replace(self, database=database)

    @property
    def host(self) -> str:
        """Its address."""
        return "127.0.0.1" if self.network is None else self.network.address

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@{self.host}:{self.port}/{database}"

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement finds, run outside of any transaction."""
        place = {"host": self.host, "port": self.port, "user": "postgres", "dbname": self.database}
        with psycopg.connect(**place, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def control(self, *arguments: str) -> None:
        """`pg_ctl` with these arguments; waits until it is done."""
        options = f"-p {self.port} -c listen_addresses={self.host} -c unix_socket_directories={self.folder}"
        command = [
            "pg_ctl",
            "-D",
            self.folder / "data",
            "-l",
            self.folder / "log",
            "-o",
            options,
            "-w",
            *arguments,
        ]
        _run(self.binaries, command, () if self.network is None else self.network.inside)


@contextmanager
def server(network: Network | None = None) -> Iterator[Server | None]:
    """A server for as long as the context lasts; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    installed = sorted(_INSTALLED.glob("*/bin/initdb")) or ([Path(found)] if found else [])
    if not installed:
        yield None
        return
    binaries = installed[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="torture-server-"))
    try:
        if os.getuid() == 0:  # which PostgreSQL refuses to run as
            shutil.chown(folder, "postgres", "postgres")
        _run(binaries, ["initdb", "--auth=trust", "--username=postgres", "--no-sync", "-D", folder / "data"])
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        if network is not None:
            with (folder / "data" / "pg_hba.conf").open("a") as allowed:
                allowed.write(f"host all all {network.mask} trust\n")
        running = Server(binaries=binaries, folder=folder, port=port, network=network)
        running.control("start")
        try:
            yield running
        finally:
            running.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(binaries: Path, command: list[str | Path], inside: tuple[str, ...] = ()) -> None:
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    if inside:  # which only root may enter
        inside, user = (*inside, "runuser", "-u", "postgres", "--"), {}
    # Not to pipes: the server inherits them, and whoever reads them waits for it.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            [*inside, binaries / command[0], *command[1:]], stdout=said, stderr=said, cwd="/", **user
        )
        if done.returncode:
            said.seek(0)
            raise RuntimeError(f"{command[0]}: {said.read().decode(errors='replace')}")
