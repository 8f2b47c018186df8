"""Many processes on one ledger: crowds, kills, and clocks that jump."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from benchmarks.torture.child import fork
from benchmarks.torture.ledger_rows import begun, is_right, result, trial
from benchmarks.torture.outcome import Outcome
from scaling_search.ledger.claims import leases
from scaling_search.ledger.claims.leases import LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.rows import Result
from scaling_search.ledger.storage.schema import LEASES

_WRITERS = 16


def _raw_rate(path: Path, seconds: float = 2.0) -> float:
    """Commits per second of one plain SQLite writer with the same guarantees: what this disk can do."""
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in ("PRAGMA journal_mode = DELETE", "PRAGMA synchronous = EXTRA", "CREATE TABLE t (a)"):
        connection.execute(statement).close()
    commits, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (zeroblob(1500))")
        connection.execute("COMMIT")
        commits += 1
    connection.close()
    return commits / (time.monotonic() - began)


def _own_then_left(seeds: range, index: int, ledger: Ledger) -> Iterator[int]:
    yield from (seed for seed in seeds if seed % (_WRITERS // 2) == index % (_WRITERS // 2))
    # As `grid` goes on to what is left.
    yield from (row.seed for row in ledger.trials() if row.state == "waiting")


def writers(n: int, folder: Path) -> Outcome:
    """16 processes, two and two after the same trials, work off n/2 of them with two commits each: every trial is
    done, by one process, with its result. The rate is that until the last commit.
    """
    path = folder / "ledger.db"
    seeds = range(max(n // 2, 1))
    with Ledger.open(path) as ledger:
        ledger.add_trials(trial(seed) for seed in seeds)
    start = time.monotonic() + 3.0

    def work(index: int) -> Callable[[BinaryIO], None]:
        def run(out: BinaryIO) -> None:
            worst, last = 0.0, start
            with Ledger.open(path) as ledger:
                time.sleep(max(0.0, start - time.monotonic()))
                for seed in _own_then_left(seeds, index, ledger):
                    began = time.monotonic()
                    claim = ledger.claim(trial(seed), f"writer {index}")
                    if claim is not None:
                        worst = max(worst, time.monotonic() - began)
                        ledger.finish(claim, result(seed))
                        last = time.monotonic()
                        out.write(f"{seed}\n".encode())
            out.write(f"worst {worst} {last}\n".encode())

        return run

    children = [fork(work(index)) for index in range(_WRITERS)]
    said = [line.split() for _, out in children for line in out.read().splitlines()]
    failed = sum(os.waitpid(child, 0)[1] != 0 for child, _ in children)
    for _, out in children:
        out.close()
    done = Counter(int(words[0]) for words in said if len(words) == 1)
    with Ledger.open(path) as ledger:
        rows = ledger.trials(with_correct=True)
        damages = check(ledger)
    lost = sum(row.state != "complete" or done[row.seed] == 0 for row in rows) + failed
    wrong = sum(not is_right(row) for row in rows if row.state == "complete") + len(damages)
    twice = sum(count > 1 for count in done.values())
    worst = max(float(words[1]) for words in said if len(words) == 3)
    seconds = max(float(words[2]) for words in said if len(words) == 3) - start
    note = (
        f"{2 * len(seeds) / seconds:.0f} commits/s (one plain SQLite writer here: {_raw_rate(folder / 'raw.db'):.0f}), "
        f"longest wait {worst:.2f} s"
    )
    return Outcome(tried=2 * len(seeds), lost=lost, silently_wrong=wrong + twice, note=note)


def kills(n: int, folder: Path) -> Outcome:
    """Kill a writer at a random moment, again and again: what it was told is written stays, and nothing else does."""
    path = folder / "ledger.db"
    Ledger.open(path).close()
    dice = random.Random(9)  # noqa: S311 - to be repeated, not to be secret

    def work(out: BinaryIO) -> None:
        with Ledger.open(path, attempts=2**31) as ledger:
            out.write(b"start\n")
            for seed in range(2**31):
                claim = ledger.claim(trial(seed))
                if claim is not None:
                    ledger.finish(claim, result(seed))
                    out.write(f"{seed}\n".encode())

    known: Counter[int] = Counter()
    lost = wrong = 0
    for _ in range(n):
        child, out = fork(work)
        out.readline()
        time.sleep(dice.uniform(0, 0.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        # A torn last line was never read by anyone.
        acknowledged = [
            int(line) for line in out.read().decode().splitlines(keepends=True) if line.endswith("\n")
        ]
        out.close()
        known.update(acknowledged)
        with Ledger.open(path) as ledger:
            finished = {row.seed: row for row in ledger.trials(with_correct=True) if row.state == "complete"}
            wrong += bool(check(ledger)) or not all(map(is_right, finished.values()))
        lost += not set(known) <= set(finished)
    wrong += sum(count > 1 for count in known.values())
    note = f"{len(known)} trials finished, none twice" if not wrong else ""
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note=note)


def takeovers(n: int, folder: Path) -> Outcome:
    """Kill a worker that holds a trial: another has it within a second; the dead one's write, come late, is refused."""
    path = folder / "ledger.db"
    lost = wrong = 0
    longest = 0.0
    with Ledger.open(path) as ledger:
        for seed in range(n):

            def hold(out: BinaryIO, seed: int = seed) -> None:
                with Ledger.open(path) as own:
                    begun(own, seed, "victim")
                    out.write(b"held\n")
                    time.sleep(600)

            child, out = fork(hold)
            out.readline()
            wrong += ledger.claim(trial(seed)) is not None
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            out.close()
            began = time.monotonic()
            claim = ledger.claim(trial(seed), "heir")
            longest = max(longest, time.monotonic() - began)
            if claim is None:
                lost += 1
                continue
            late = dataclasses.replace(claim, number=claim.number - 1, worker="victim")
            wrong += not _refused(
                lambda late=late: ledger.finish(late, Result(state="complete", accuracy=0.0))
            )  # type: ignore[misc]
            ledger.finish(claim, result(seed))
        wrong += not all(is_right(row) for row in ledger.trials(with_correct=True))
    note = f"taken over in at most {longest:.2f} s"
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note=note)


def _refused(write: Callable[[], None]) -> bool:
    try:
        write()
    except LeaseLost:
        return True
    return False


@contextmanager
def _clock_off_by(seconds: float) -> Iterator[None]:
    real = time.time
    time.time = lambda: real() + seconds
    try:
        yield
    finally:
        time.time = real


def clocks(n: int, folder: Path) -> Outcome:
    """The wall clock jumps while a far worker holds a trial: it keeps it while its heart beats, and loses it after."""
    path = folder / "ledger.db"
    lost = wrong = 0
    now = 0.0
    dice = random.Random(10)  # noqa: S311 - to be repeated, not to be secret
    with Ledger.open(path) as worker, Ledger.open(path, clock=lambda: now, lease_seconds=60) as callback:
        for seed in range(n):
            with _clock_off_by(dice.choice([-3600.0, 0.0, 3600.0])):
                claim = begun(worker, seed)
                with worker.database.writing() as connection:
                    lease = leases.held(connection, claim).row
                    store.put(connection, LEASES, [dataclasses.replace(lease, host="far away", pid=1)])
                callback.claim(trial(seed))
            with _clock_off_by(dice.choice([-3600.0, 3600.0])):
                now += 50
                wrong += callback.claim(trial(seed)) is not None
                worker.renew(claim)
                now += 50
                wrong += callback.claim(trial(seed)) is not None
            with _clock_off_by(dice.choice([-3600.0, 3600.0])):
                if seed % 2:
                    worker.finish(claim, result(seed))
                    continue
                now += 61
                heir = callback.claim(trial(seed))
                if heir is None:
                    lost += 1
                    continue
                wrong += not _refused(lambda claim=claim: worker.finish(claim, Result(state="complete")))  # type: ignore[misc]
                callback.finish(heir, result(seed))
        wrong += not all(is_right(row) for row in worker.trials(with_correct=True))
    return Outcome(tried=n, lost=lost, silently_wrong=wrong)
