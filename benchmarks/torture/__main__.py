"""python -m benchmarks.torture [--n N] [--json FILE] [--only WORD] [--folder FOLDER]

Runs every case and prints a table of tried / survived / lost / silently wrong. Exits with 1 when anything was lost or
silently wrong. `--n` sets how often each case tries; without it each has its own number. Add a case to CASES.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.torture import ledger_crowd, ledger_damage, ledger_disk, ledger_journal, server_crowd
from benchmarks.torture.outcome import Outcome

Case = Callable[[int, Path], Outcome]  # (how often, an empty folder) → outcome


def _searching(module: str, name: str) -> Case:
    """A case that trains or compiles: what it needs takes seconds to import, so only when it is run."""

    def case(n: int, folder: Path) -> Outcome:
        found: Case = getattr(importlib.import_module(f"benchmarks.torture.{module}"), name)
        return found(n, folder)

    return case


CASES: dict[str, tuple[Case, int]] = {
    "ledger: 16 writers": (ledger_crowd.writers, 3200),
    "ledger: kill -9 in a write": (ledger_crowd.kills, 60),
    "ledger: kill -9 of a worker, taken over": (ledger_crowd.takeovers, 20),
    "ledger: clock set back or forward an hour": (ledger_crowd.clocks, 20),
    "ledger: one flipped bit": (ledger_damage.flips, 500),
    "ledger: one flipped bit, repaired": (ledger_damage.repairs, 50),
    "ledger: full disk": (ledger_disk.full, 40),
    "ledger: killed in a commit, hot journal": (ledger_journal.hot, 60),
    "server: restarted": (server_crowd.restarts, 10),
    "server: connections cut": (server_crowd.cuts, 20),
    "server: serializable by default": (server_crowd.isolation, 10),
    "kernels: damaged library": (_searching("kernels", "damaged"), 60),
    "search: kill -9 of a trial, also in a checkpoint": (_searching("kills", "trials"), 60),
    "search: kill -9 of the coordinator": (_searching("kills", "coordinator"), 20),
    "search: one flipped bit in a checkpoint": (_searching("checkpoint_damage", "flips"), 200),
    "search: SIGTERM and SIGINT": (_searching("stops", "stops"), 20),
    "ray: kill -9 of a worker": (_searching("ray_faults", "worker"), 10),
    "ray: kill -9 of a node": (_searching("ray_faults", "node"), 5),
    "ray: kill -9 of the driver": (_searching("ray_faults", "driver"), 5),
    "ray: no answer from the server, then cut": (_searching("ray_faults", "connection"), 5),
    "ray: network to the server cut and restored": (_searching("ray_faults", "cut"), 5),
    "ray: object store full": (_searching("ray_faults", "store"), 3),
    "full disk: search": (_searching("search_disk", "full"), 20),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.torture")
    parser.add_argument("--n", type=int)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="", help="run the cases with this in their names")
    parser.add_argument("--folder", type=Path, help="where to work (default: the temporary folder)")
    arguments = parser.parse_args()
    # Cases may share what stands beside their folders: an undisturbed search, compiled programs. Removed by hand:
    # a child, which ends in order, must not do it.
    whole = Path(tempfile.mkdtemp(prefix="torture-", dir=arguments.folder))
    try:
        outcomes = run(whole, n=arguments.n, only=arguments.only, report=arguments.json)
    finally:
        shutil.rmtree(whole, ignore_errors=True)
    return int(any(outcome.lost or outcome.silently_wrong for outcome in outcomes.values()))


def run(whole: Path, *, n: int | None, only: str, report: Path | None) -> dict[str, Outcome]:
    """Every case with `only` in its name; table and report grow with each."""
    outcomes: dict[str, Outcome] = {}
    width = max(map(len, CASES))
    print(
        f"{'case':{width}}  {'tried':>6} {'survived':>8} {'lost':>5} {'silently wrong':>14} {'seconds':>8}  note"
    )
    for name, (case, usual) in CASES.items():
        if only not in name:
            continue
        began = time.monotonic()
        folder = whole / str(len(outcomes))
        folder.mkdir()
        outcome = case(n or usual, folder)
        shutil.rmtree(folder)
        outcomes[name] = outcome
        print(
            f"{name:{width}}  {outcome.tried:6} {outcome.survived:8} {outcome.lost:5} {outcome.silently_wrong:14} "
            f"{time.monotonic() - began:8.1f}  {outcome.note}",
            flush=True,
        )
        if report:
            report.write_text(
                json.dumps([done.as_json(known) for known, done in outcomes.items()], indent=1) + "\n"
            )
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
