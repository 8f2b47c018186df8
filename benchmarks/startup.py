"""`make startup`: seconds from a command to its prompt, of those that train nothing; interleaved, medians.

The ledgers are of finished searches, 10,000 trials each: races, their decisions recorded as `grid` records them, and
searches in which nothing was decided before the end. Networks are one real proxy under many names. A first, uncounted
round lets the system read its files.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from scaling_search.costs.count import Cost, cost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.rows import CandidateRow, TrialRow
from scaling_search.ledger.storage.schema import TRIALS
from scaling_search.report import columns
from scaling_search.report.render import show
from scaling_search.report.table import Row, Table
from scaling_search.search.grid import decision_log, ledger_results
from scaling_search.search.plan import study
from scaling_search.search.plan.search_space import SearchSpace, search_space
from scaling_search.search.trial import ledger_rows, provenance
from scaling_search.system.clock import utc_now
from scaling_search.training.outcome import EpochMetrics

DATASET = "d" * 64
IMAGES = 540
RANGES = ("--alpha", "1:2:0.05", "--beta", "1:1.5:0.05", "--gamma", "1:1.5:0.05")
PLAN = ("plan", "--baseline", "efficientnet-b0", "--match", "nominal", *RANGES)


def finished(place: Path, networks: int, seeds: int, *, decided: bool = True) -> Path:
    """A ledger of a search of so many networks and seeds, all complete; `decided` round by round, as a race is."""
    settings = study.override(study.packaged(), {"grid.seeds": seeds})
    space = search_space(settings)
    counted = cost(space.base)
    row = ledger_rows.study_row(space, name="digits", dataset=DATASET)
    network = ledger_rows.network_row(space.base, counted)
    names = [f"{number:064x}" for number in range(networks)]
    with Ledger.open(place) as ledger:
        ledger.record(
            [
                row,
                *(
                    dataclasses.replace(network, fingerprint=name, name=f"network-{number}")
                    for number, name in enumerate(names)
                ),
                *(candidate_row(row.name, counted, number) for number in range(networks)),
            ]
        )
        with ledger.database.writing() as connection:
            store.put(connection, TRIALS, list(trial_rows(space, counted, networks, seeds)))
        if decided:
            race = ledger_results.read_grid(ledger, row)[1].race
            looks = () if race is None else race.looks
            ledger.record(
                [row for look in looks for row in decision_log.rows(look, study="digits", now=utc_now())]
            )
    return place


def candidate_row(name: str, counted: Cost, number: int) -> CandidateRow:
    alpha, beta = 1 + 0.01 * (number % 10), 1 + 0.01 * (number // 10)
    return CandidateRow(
        study=name,
        role="grid",
        group=f"{number:064x}",
        phi=1.0,
        alpha=alpha,
        beta=beta,
        gamma=1.0,
        network=f"{number:064x}",
        network_name=f"network-{number}",
        depth="1-1-1-2-2-2-1",
        width="4-6-10-20-28-48-80",
        resolution=8,
        nominal_resolution=8.0,
        parameters=counted.parameters,
        macs=counted.macs,
        macs_ratio=2.0,
        status="kept",
    )


def trial_rows(space: SearchSpace, counted: Cost, networks: int, seeds: int) -> Iterator[TrialRow]:
    """Accuracies around 80 %: networks differ by up to ten points, images in how hard they are for all."""
    random = np.random.default_rng(0)
    easier = 0.2 * (random.random(IMAGES) - 0.5)
    recipe = space.recipe
    for number in range(networks):
        chance = np.clip(0.8 + 0.05 * np.sin(number) + easier, 0, 1)
        for seed in range(seeds):
            right = random.random(IMAGES) < chance
            epochs = [
                EpochMetrics(
                    epoch=epoch,
                    train_loss=2.3 / epoch,
                    accuracy=float(right.mean()) * epoch / recipe.epochs,
                    loss=2.0 / epoch,
                    train_seconds=1.25,
                    evaluate_seconds=0.125,
                )
                for epoch in range(1, recipe.epochs + 1)
            ]
            waiting = TrialRow.waiting(
                network=f"{number:064x}",
                network_name=f"network-{number}",
                recipe=recipe.canonical(),
                dataset=DATASET,
                dataset_name=space.study.dataset.name,
                seed=seed,
                resolution=8,
                parameters=counted.parameters,
                batch_stats=counted.batch_stats,
                macs=counted.macs,
                activations=counted.activations,
            )
            yield dataclasses.replace(
                waiting,
                state="complete",
                accuracy=float(right.mean()),
                loss=2.0 / recipe.epochs,
                epochs=json.dumps([dataclasses.asdict(epoch) for epoch in epochs]),
                correct=np.packbits(right).tobytes(),
                correct_count=IMAGES,
                compile_seconds=10.0,
                train_seconds=5.0,
                evaluate_seconds=0.5,
                device="cpu",
                versions=provenance.versions(),
                started_at="2026-01-01T00:00:00+00:00",
                finished_at="2026-01-01T00:00:06+00:00",
            )


def measure(commands: list[tuple[str, ...]], repeats: int) -> list[float]:
    """Median seconds of each command, as a user who has run it before."""
    program = Path(sys.executable).with_name("scaling-search")
    # Where Python is kept from storing what it compiled, every start would compile the program's sources again.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds: list[list[float]] = [[] for _ in commands]
    for repeat in range(repeats + 1):
        for command, taken in zip(commands, seconds, strict=True):
            began = time.perf_counter()
            subprocess.run([program, *command], env=environment, stdout=subprocess.DEVNULL, check=True)
            if repeat:
                taken.append(time.perf_counter() - began)
    return [statistics.median(taken) for taken in seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000, help="in each ledger")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases: list[tuple[str, float, tuple[str, ...]]] = [
            ("--help", 0.2, ("--help",)),
            ("cost efficientnet-b7", 0.5, ("cost", "efficientnet-b7")),
            ("plan of 108 points", 2.0, PLAN),
        ]
        for networks, decided in product((10, 100, 1000), (True, False)):
            what = f"report of {arguments.trials:,} trials, {networks:,} networks" + ", raced" * decided
            print(f"{what} …", file=sys.stderr, flush=True)
            place = Path(folder) / f"{networks}-{decided}.db"
            finished(place, networks, arguments.trials // networks, decided=decided)
            cases.append((what, 2.0, ("report", "--ledger", str(place))))
        found = measure([command for *_, command in cases], arguments.repeats)
    rows = [
        {"command": what, "seconds": seconds, "target": target}
        for (what, target, _), seconds in zip(cases, found, strict=True)
    ]
    layout = (
        columns.name("command", "Command", identifies=True),
        columns.decimal("seconds", "Median (s)"),
        columns.decimal("target", "Target (s)"),
    )
    show(Table(name="startup", title="", columns=layout, rows=tuple(Row(cells=row) for row in rows)))
    if arguments.json:
        arguments.json.write_text(json.dumps({"commands": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
