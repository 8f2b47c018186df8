"""Faults under Ray: workers, nodes and drivers killed, the server out of reach, the object store full.

The trainings are real ones, as small as they can be. After each fault the same command must come to its end with every
trial recorded once and every figure, bit for bit, that of a single process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.torture import tiny
from benchmarks.torture.network import Network, network
from benchmarks.torture.outcome import Outcome
from benchmarks.torture.postgresql import Server, server
from benchmarks.torture.ray_nodes import Nodes, nodes
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check

_END_SECONDS = 600.0
# (driver, the cluster, the server) → whether the driver must be started again
Fault = Callable[[subprocess.Popen[bytes], Nodes, Server], bool]


def worker(n: int, folder: Path) -> Outcome:
    """Kill a worker in the middle of a trial."""
    return _faults(n, folder, _kill_worker)


def node(n: int, folder: Path) -> Outcome:
    """Kill the second node with its workers; a new one joins."""

    def strike(_: subprocess.Popen[bytes], cluster: Nodes, __: Server) -> bool:
        cluster.kill(len(cluster.running) - 1)
        cluster.add()
        return False

    return _faults(n, folder, strike)


def driver(n: int, folder: Path) -> Outcome:
    """Kill the driver; the same command goes on."""

    def strike(running: subprocess.Popen[bytes], _: Nodes, __: Server) -> bool:
        running.kill()
        return True

    return _faults(n, folder, strike)


def store(n: int, folder: Path) -> Outcome:
    """Fill the object stores while it works."""
    program = (
        "import ray, sys, time; ray.init(sys.argv[1], log_to_driver=False)\n"
        "kept = [ray.put(bytes(10_000_000)) for _ in range(30)]; print('full', flush=True); time.sleep(20)"
    )

    def strike(_: subprocess.Popen[bytes], cluster: Nodes, __: Server) -> bool:
        subprocess.run(
            [sys.executable, "-c", program, cluster.address],
            env=cluster.environment,
            capture_output=True,
            check=False,
        )
        return False

    return _faults(n, folder, strike)


def connection(n: int, folder: Path) -> Outcome:
    """Stop the server's processes for ten seconds, as a network does that swallows everything, then cut all of it."""

    def strike(_: subprocess.Popen[bytes], __: Nodes, database: Server) -> bool:
        ((postmaster,),) = database.sql(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
        )
        parent = psutil.Process(postmaster).parent()
        stopped = [] if parent is None else [parent, *parent.children()]
        for one in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):  # its connection ended meanwhile
                one.suspend()
        time.sleep(10)
        for one in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.resume()
        database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid()"
        )
        return False

    return _faults(n, folder, strike)


def cut(n: int, folder: Path) -> Outcome:
    """Cut the network to the server for fifteen seconds: everything that is sent is lost, and nobody is told."""

    def strike(_: subprocess.Popen[bytes], __: Nodes, database: Server) -> bool:
        assert database.network is not None  # noqa: S101 - for the type checker
        database.network.cut()
        time.sleep(15)
        database.network.restore()
        return False

    with network() as made:
        if made is None:
            return Outcome(tried=0, lost=0, silently_wrong=0, note="not tried: no network namespaces here")
        return _faults(n, folder, strike, made)


def _kill_worker(running: subprocess.Popen[bytes], cluster: Nodes, database: Server) -> bool:  # noqa: ARG001
    held = database.sql("SELECT pid FROM leases WHERE held = 1")
    if held:
        os.kill(random.choice(held)[0], signal.SIGKILL)  # noqa: S311
    return False


def _faults(n: int, folder: Path, fault: Fault, reached_by: Network | None = None) -> Outcome:
    """n searches, each struck soon after its first trial has begun. Only those with trials left count as tried."""
    if importlib.util.find_spec("ray") is None:
        return Outcome(tried=0, lost=0, silently_wrong=0, note="not tried: no Ray here (make install-ray)")
    dice = random.Random(23)  # noqa: S311 - to be repeated, not to be secret
    lost = wrong = again = under_way = 0
    (folder / "tiny.toml").write_text(tiny.NETWORK)
    (folder / "study.toml").write_text(
        tiny.study(grid=tiny.ALL, recipe="epochs = 100\nbatch_size = 32\n", seeds=4)
    )
    alone = str(folder / "alone.db")
    if _search(folder, "--ledger", alone).wait(_END_SECONDS):
        raise AssertionError((folder / "stderr").read_text()[-2000:])
    expected = _figures(alone)
    with server(reached_by) as database:
        if database is None:
            return Outcome(tried=0, lost=0, silently_wrong=0, note="not tried: no PostgreSQL here")
        with nodes(2, folder) as cluster:
            for index in range(n):
                database.sql(f"CREATE DATABASE try{index}")
                place = database.url(f"try{index}")
                words = (
                    *("--ledger", place, "--ray", cluster.address),
                    *("--checkpoints", str(folder / f"checkpoints-{index}")),
                )
                running = _search(folder, *words, environment=cluster.environment)
                own = database.within(f"try{index}")
                _wait_for_a_trial(running, own)
                time.sleep(dice.uniform(0.2, 2.0))
                under_way += bool(own.sql("SELECT 1 FROM trials WHERE state IN ('waiting', 'running')"))
                if fault(running, cluster, own):
                    running.wait()
                    running = _search(folder, *words, environment=cluster.environment)
                try:
                    code = running.wait(_END_SECONDS)
                except subprocess.TimeoutExpired:
                    running.kill()
                    code = running.wait()
                found = _figures(place)
                lost += bool(code) or found.keys() != expected.keys()
                wrong += any(found[key] != expected[key] for key in found.keys() & expected.keys())
                again += sum(attempts > 1 for (attempts,) in own.sql("SELECT attempts FROM trials"))
    note = f"{len(expected)} trials each, {again} of them begun more than once, all equal to a single process"
    return Outcome(tried=under_way, lost=lost, silently_wrong=wrong, note=note if not lost + wrong else "")


def _search(folder: Path, *words: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    program = str(Path(sys.executable).with_name("scaling-search"))
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as said:
        return subprocess.Popen(
            [program, "grid", "--study", "study.toml", "--json", *words],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=said,
        )


def _wait_for_a_trial(running: subprocess.Popen[bytes], database: Server) -> None:
    """Until a trial is under way, or the search has ended."""
    while running.poll() is None:
        ((there,),) = database.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'leases'")
        if there and database.sql("SELECT 1 FROM leases WHERE held = 1"):
            return
        time.sleep(0.1)


def _figures(place: str) -> dict[tuple[str, int], Any]:
    """All that was measured, by network and seed; a damaged ledger is none."""
    with Ledger.open(place, read_only=True) as ledger:
        if damage := check(ledger):
            raise AssertionError(f"a damaged ledger: {damage[0]}")
        return {
            (row.network, row.seed): (
                *(row.state, row.accuracy, row.loss, row.correct),
                [(one["train_loss"], one["loss"]) for one in json.loads(row.epochs or "[]")],
            )
            for row in ledger.trials(with_correct=True)
        }
