"""A process killed in the middle of a commit: SQLite's journal is left, and the file is half old, half new."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import BinaryIO

from benchmarks.torture.child import fork
from benchmarks.torture.ledger_rows import Content, everything, fill
from benchmarks.torture.outcome import Outcome
from scaling_search.errors import ScalingSearchError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.recovery.repair import repair

_TABLES = ("studies", "networks", "candidates", "decisions", "trials", "evaluations", "summaries")


def hot(n: int, folder: Path) -> Outcome:
    """Whoever comes next, reading, writing, checking or repairing in turn, finds the ledger as it was before."""
    original, path = folder / "original.db", folder / "ledger.db"
    expected = fill(original)
    dice = random.Random(11)  # noqa: S311 - to be repeated, not to be secret
    visits = (_read, _write, _check, _repair)
    lost = wrong = 0
    for index in range(n):
        shutil.copyfile(original, path)
        _die_in_a_commit(path, dice)
        try:
            wrong += visits[index % len(visits)](path) != expected
        except ScalingSearchError as error:
            print(error)
            lost += 1
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note="read, written, checked, repaired in turn")


def _die_in_a_commit(path: Path, dice: random.Random) -> None:
    """Changes some tables in a process that ends when some of its pages are written."""
    changed = dice.sample(_TABLES, dice.randint(1, len(_TABLES)))
    kept = dice.randint(1, 4)

    def work(_: BinaryIO) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(f"PRAGMA cache_size = {kept}")
        connection.execute("BEGIN IMMEDIATE")
        for table in changed:
            connection.execute(f"UPDATE {table} SET digest = digest || hex(randomblob(4000))")  # noqa: S608
        os._exit(0)

    child, out = fork(work)
    os.waitpid(child, 0)
    out.close()
    if not Path(f"{path}-journal").stat().st_size:
        raise AssertionError("there is no journal: this run shows nothing")


def _read(path: Path) -> Content:
    with Ledger.open(path, read_only=True) as ledger:
        return everything(ledger)


def _write(path: Path) -> Content:
    with Ledger.open(path) as ledger:
        ledger.add_trials([])
        return everything(ledger)


def _check(path: Path) -> Content | None:
    with Ledger.open(path, read_only=True) as ledger:
        return everything(ledger) if check(ledger) == [] else None


def _repair(path: Path) -> Content | None:
    new = path.with_name("new.db")
    try:
        return _read(new) if repair(path, new).lost == [] else None
    finally:
        new.unlink(missing_ok=True)
        Path(f"{path}-journal").unlink()
