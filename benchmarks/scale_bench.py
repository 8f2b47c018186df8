"""python -m benchmarks.scale_bench [--json FILE] [--only idle|many|ratio] [--trials N] [--seconds S] [--repeats N]

What workers of Ray cost on this machine: two with a core each against one process with both; how idle a race leaves
four; what the driver does for each trial; and whether memory grows over many. Prints the figures; see FIGURES.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks import pretended
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.grid import rounds
from scaling_search.search.grid.candidates import record_plan
from scaling_search.search.plan.grid_plan import GridPlan, grid_plan
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import parse
from scaling_search.search.trial import registry
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.setup import load_data, make_trainer
from scaling_search.search.trial.trial import Callback, Trial, TrialRunner, trial_of
from scaling_search.search.trial.workers import Workers

FIGURES = {
    "two_workers_ratio": "throughput of two workers with a core each, in that of one process with both (at least 0.9)",
    "idle_share": "of four workers' time in a race of twelve candidates (under 0.1)",
    "driver_ms_per_trial": "processor time of the driver for each of the trials, milliseconds (under 50)",
    "scheduled_trials": "trials that eight workers finished",
    "scheduled_peak_bytes": "most memory that driver and workers took together meanwhile (resident)",
    "scheduled_growth_bytes": "by how much driver and workers grow from a tenth of the trials to the last",
    "scheduled_growth_driver_bytes": "the driver's part of it",
    "scheduled_growth_half_bytes": "by how much from half of the trials to the last",
    "scheduled_seconds": "how long those trials took",
}
_STUDY = """name = "bench"
baseline = "efficientnet-b0"
[dataset]
name = "digits"
[proxy]
resolution = 8
width = 0.25
depth = 0.5
[rounding]
depth = "round"
divisor = 2
[recipe]
epochs = 4
batch_size = 64
[grid]
alpha = "1:2:0.2"
beta = "1:1.4:0.1"
gamma = "1:1.5:0.125"
tolerance = 0.5
macs_tolerance = 0.15
seeds = 5
"""
_CANDIDATES = 12


def plan() -> GridPlan:
    """Twelve candidates of about equal cost."""
    found = grid_plan(search_space(parse(_STUDY)))
    if len(found.candidates) < _CANDIDATES:
        raise ValueError(f"{len(found.candidates)} candidates")
    return replace(found, candidates=found.candidates[:_CANDIDATES])


@contextmanager
def search(planned: GridPlan, workers: Workers | None) -> Iterator[tuple[Any, TrialRunner]]:
    """A study of this plan in a ledger of its own, and what trains it."""
    dataset = load_data(planned.space.study)
    with (
        tempfile.TemporaryDirectory() as folder,
        Ledger.open(Path(folder) / "ledger.db") as ledger,
    ):
        row = registry.register(ledger, planned.space, dataset, say=lambda _: None)
        record_plan(ledger, row.name, planned)
        yield (
            row,
            make_trainer(
                planned.space,
                ledger,
                callback=Callback(),
                should_stop=lambda: False,
                checkpoints=Path(folder) / "checkpoints",
                dataset=dataset,
                workers=workers,
            ),
        )


def idle_share(seconds: float) -> float:
    """A race of twelve candidates whose trials all take so long, over four workers."""
    planned = plan()
    with Workers(4, build=pretended.build(seconds)) as workers, search(planned, workers) as (row, trainer):
        _wait_for(workers, 4)
        began = time.monotonic()
        rounds.run(row, trainer, planned, [candidate.group for candidate in planned.candidates])
        return 1 - workers.busy_seconds / (4 * (time.monotonic() - began))


def many(trials: int) -> dict[str, float]:
    """So many trials that take no time, over eight workers."""
    planned = plan()
    builds = [build for candidate in planned.candidates for build in candidate.builds]
    every = [trial_of(build, seed) for seed in range(trials // len(builds) + 1) for build in builds][:trials]
    with Workers(8, build=pretended.build(0.0)) as workers, search(planned, workers) as (_, trainer):
        _wait_for(workers, 8)
        ended = 0

        class Counter(Callback):
            def end(self, trial: Trial, row: Any) -> None:  # noqa: ARG002
                nonlocal ended
                ended += 1

        workers._callback = Counter()
        driver = psutil.Process()
        taken: list[tuple[int, int, int]] = []  # trials so far, bytes of the driver, bytes of the workers
        over = threading.Event()

        def watch() -> None:
            ended_all = False
            while not ended_all:
                ended_all = over.wait(1.0)
                placed = sum(psutil.Process(place.pid).memory_info().rss for place in workers.places)
                taken.append((ended, driver.memory_info().rss, placed))

        watcher = threading.Thread(target=watch)
        watcher.start()
        began, processor = time.monotonic(), time.process_time()
        done = run_trials(trainer, every)
        processor, seconds = time.process_time() - processor, time.monotonic() - began
        over.set()
        watcher.join()
    tenth, half = (next(row for row in taken if row[0] >= trials * part) for part in (0.1, 0.5))
    # Then the driver asks the ledger for all of them at once, which is no growth.
    *_, (_, *last) = (row for row in taken if row[0] < trials)
    return {
        "driver_ms_per_trial": 1000 * processor / trials,
        "scheduled_trials": done,
        "scheduled_peak_bytes": max(sum(row[1:]) for row in taken),
        "scheduled_growth_bytes": sum(last) - sum(tenth[1:]),
        "scheduled_growth_driver_bytes": last[0] - tenth[1],
        "scheduled_growth_half_bytes": sum(last) - sum(half[1:]),
        "scheduled_seconds": seconds,
    }


def two_workers_ratio(repeats: int) -> float:
    """Real trainings, every program compiled before: median over pairs of runs, one after the other."""
    planned = plan()
    chosen = [candidate.builds[0] for candidate in planned.candidates[:4]]

    def throughput(workers: Workers | None) -> Callable[[int], float]:
        _, trainer = searches.enter_context(search(planned, workers))
        if workers is not None:
            _wait_for(workers, 2)
        # Each worker must have compiled each program, as it has in the rounds after the first.
        for seed in range(2):
            run_trials(trainer, [trial_of(build, seed) for build in chosen])

        def run(seed: int) -> float:
            began = time.monotonic()
            done = run_trials(trainer, [trial_of(build, seed) for build in chosen])
            return done / (time.monotonic() - began)

        return run

    with Workers(2) as workers, ExitStack() as searches:
        placed, alone = throughput(workers), throughput(None)
        return statistics.median(placed(10 + seed) / alone(10 + seed) for seed in range(repeats))


def _wait_for(workers: Workers, count: int) -> None:
    """Until all have started: what starting takes is no part of any figure."""
    while len(workers.places) < count:
        for worker, answer in workers._answers():
            workers._prepared(worker, answer)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.scale_bench")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1.0, help="a pretended trial of the race")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", choices=["", "idle", "many", "ratio"])
    given = parser.parse_args()
    found: dict[str, float] = {}
    if given.only in ("", "idle"):
        found["idle_share"] = idle_share(given.seconds)
    if given.only in ("", "many"):
        found |= many(given.trials)
    if given.only in ("", "ratio"):
        found["two_workers_ratio"] = two_workers_ratio(given.repeats)
    for name, value in found.items():
        print(f"{name:24} {value:>16,.3f}  {FIGURES[name]}")
    if given.json:
        # Parts that were run one at a time add to the same file.
        known = json.loads(given.json.read_text()) if given.only and given.json.exists() else {}
        given.json.write_text(json.dumps(known | found, indent=1) + "\n")


if __name__ == "__main__":
    main()
