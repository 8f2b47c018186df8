"""Workers that share a ledger on a database server: restarts, cut connections, isolation levels."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from benchmarks.torture.child import fork
from benchmarks.torture.ledger_rows import is_right, result, trial
from benchmarks.torture.outcome import Outcome
from benchmarks.torture.postgresql import Server, server
from scaling_search.ledger.claims.leases import LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check

_WORKERS = 4
_AT_ONCE = 8
_LEASE_SECONDS = 2.0
_SKIPPED = Outcome(
    tried=0, lost=0, silently_wrong=0, note="not tried: no PostgreSQL here (apt-get install postgresql)"
)


def restarts(n: int, folder: Path) -> Outcome:
    """Restart the server, in order and by killing it, while workers write."""

    def restart(running: Server, index: int) -> None:
        running.control("restart", "-m", ("fast", "immediate")[index % 2])

    return _disturbed(n, folder, restart)


def cuts(n: int, folder: Path) -> Outcome:
    """Cut connections at random while workers write, ten a time."""
    dice = random.Random(12)  # noqa: S311 - to be repeated, not to be secret

    def cut(running: Server, _: int) -> None:
        for _ in range(10):
            time.sleep(dice.uniform(0, 0.05))
            running.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
            )

    return _disturbed(n, folder, cut)


def isolation(n: int, folder: Path) -> Outcome:  # noqa: ARG001 - all of it is on the server
    """Workers that come all at once to an empty database that is serializable, or repeatable read, by default."""
    lost = wrong = 0
    seeds = range(2 * _AT_ONCE)
    with server() as running:
        if running is None:
            return _SKIPPED
        for index in range(n):
            level = ("serializable", "repeatable read")[index % 2]
            running.sql(f"CREATE DATABASE try{index}")
            running.sql(f"ALTER DATABASE try{index} SET default_transaction_isolation = '{level}'")
            location = running.url(f"try{index}")
            start = time.monotonic() + 0.3

            def work(out: BinaryIO, location: str = location, start: float = start) -> None:
                time.sleep(max(0.0, start - time.monotonic()))
                with Ledger.open(location) as ledger:
                    for seed in seeds:
                        if (claim := ledger.claim(trial(seed))) is not None:
                            ledger.finish(claim, result(seed))
                            out.write(f"{seed}\n".encode())

            done, failed = _end([fork(work) for _ in range(_AT_ONCE)])
            missing, false = _judge(location, done)
            lost += bool(failed or missing or len(done) != len(seeds))
            wrong += bool(false)
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note=f"{_AT_ONCE} workers each")


def _disturbed(n: int, folder: Path, disturb: Callable[[Server, int], None]) -> Outcome:
    """Workers write without a pause while the server is disturbed n times: none ends, nothing acknowledged is missing,
    nothing is there twice, and what was left lying is taken up.
    """
    stop = folder / "stop"
    with server() as running:
        if running is None:
            return _SKIPPED
        location = running.url()
        Ledger.open(location).close()

        def work(out: BinaryIO) -> None:
            with Ledger.open(location, lease_seconds=_LEASE_SECONDS, attempts=2**31) as ledger:
                for seed in range(2**31):
                    if stop.exists():
                        return
                    with suppress(LeaseLost):  # the server was away for longer than the lease
                        if (claim := ledger.claim(trial(seed))) is not None:
                            ledger.finish(claim, result(seed))
                            out.write(f"{seed}\n".encode())

        workers = [fork(work) for _ in range(_WORKERS)]
        for index in range(n):
            _get_on(running)
            disturb(running, index)
        _get_on(running)
        stop.touch()
        done, failed = _end(workers)
        left = _take_up(location)
        missing, false = _judge(location, done)
    note = f"{len(done)} trials finished, none twice; {left} begun and given up by the way, taken up again"
    return Outcome(tried=n, lost=min(n, missing + failed), silently_wrong=min(n, false), note=note)


def _get_on(running: Server, trials: int = 20) -> None:
    """Waits until so many more trials are finished, but not forever."""
    until = time.monotonic() + 60
    finished = "SELECT count(*) FROM trials WHERE state = 'complete'"
    ((before,),) = running.sql(finished)
    while time.monotonic() < until and running.sql(finished)[0][0] < before + trials:
        time.sleep(0.05)


def _end(workers: list[tuple[int, BinaryIO]]) -> tuple[Counter[int], int]:
    """What workers acknowledged, once they have ended, and how many failed."""
    done = Counter(int(line) for _, out in workers for line in out.read().splitlines())
    failed = sum(os.waitpid(child, 0)[1] != 0 for child, _ in workers)
    for _, out in workers:
        out.close()
    return done, failed


def _take_up(location: str) -> int:
    """Finishes the trials that a claim whose answer was lost has left running."""
    with Ledger.open(location, lease_seconds=_LEASE_SECONDS, attempts=2**31) as ledger:
        left = [row.seed for row in ledger.trials() if row.state != "complete"]
        for seed in left:
            while (claim := ledger.claim(trial(seed))) is None:
                time.sleep(0.1)
            ledger.finish(claim, result(seed))
    return len(left)


def _judge(location: str, done: Counter[int]) -> tuple[int, int]:
    """How many acknowledged trials are missing, and how many rows are false or were done twice."""
    with Ledger.open(location, read_only=True) as ledger:
        rows = {row.seed: row for row in ledger.trials(with_correct=True) if row.state == "complete"}
        false = sum(not is_right(row) for row in rows.values()) + len(check(ledger))
    return len(done.keys() - rows.keys()), false + sum(count > 1 for count in done.values())
