"""`make bench`: our training step against plain flax and PyTorch, interleaved, medians.

Every program lives in a process of its own and steps only in its turn, so they share the machine's moods but not its
cores. Only the ratios mean anything on a machine that others use.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import cases

from scaling_search.costs.count import cost

PROGRAMS = ("ours", "pytorch", "plain_flax")
SLOW_REPEATS = 3  # of plain flax, whose steps take up to a minute
HERE = Path(__file__).parent


class Worker:
    """A program, ready to take steps when told."""

    def __init__(self, python: str, program: str, case: cases.Case) -> None:
        command = [python, str(HERE / "worker.py"), program, case.name]
        environment_pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process: Any = subprocess.Popen(command, start_new_session=True, **environment_pipe)

    def ready(self) -> dict[str, Any]:
        """What the program says of itself once it has compiled."""
        about: dict[str, Any] = json.loads(self.process.stdout.readline())
        return about

    def turn(self, order: int | str, priority: int) -> float:
        """Seconds a step over `order` steps; or multiply-adds a second, for `order` \"peak\"."""
        group = Path(f"/proc/{self.process.pid}/autogroup")
        if priority:
            group.write_text(str(priority))
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        answer: float = json.loads(self.process.stdout.readline())
        if priority:
            group.write_text("0")
        return answer

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(case: cases.Case, arguments: argparse.Namespace) -> dict[str, Any]:
    """Images a second of each program: batch / median step."""
    workers = {
        program: Worker(arguments.pytorch_python if program == "pytorch" else sys.executable, program, case)
        for program in arguments.programs
    }
    about = {program: worker.ready() for program, worker in workers.items()}
    counts = {program: said["parameters"] for program, said in about.items()}
    if len(set(counts.values())) > 1:
        raise SystemExit(f"{case.name}: the programs train different networks: {counts} parameters")
    seconds: dict[str, list[float]] = {program: [] for program in workers}
    peaks: list[float] = []
    for repeat in range(arguments.repeats + 1):
        for program, worker in workers.items():
            if program == "plain_flax" and repeat > SLOW_REPEATS:
                continue
            taken = worker.turn(1 if program == "plain_flax" else arguments.steps, arguments.priority)
            if repeat:  # the first round warms up
                seconds[program].append(taken)
        if "ours" in workers:
            peaks.append(workers["ours"].turn("peak", arguments.priority))
    found: dict[str, Any] = {"name": case.name}
    for program, worker in workers.items():
        worker.close()
        found[program] = case.batch / statistics.median(seconds[program])
        found[f"{program}_best"] = case.batch / min(seconds[program])
        found[f"{program}_compile_seconds"] = about[program]["compile_seconds"]
    if "ours" in workers:
        # Backward takes two multiply-adds for each of forward's.
        work = 3 * cost(case.network).macs * found["ours"]
        found["share_of_peak"] = work / statistics.median(peaks)
    for other in set(workers) - {"ours"}:
        found[f"ratio_to_{other}"] = found["ours"] / found[other]
    return found


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    targets = [case.name for case in cases.TARGETS]
    parser.add_argument("--cases", nargs="*", default=targets, choices=list(cases.CASES))
    parser.add_argument("--programs", nargs="*", default=list(PROGRAMS), choices=PROGRAMS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps of each program in a repeat")
    parser.add_argument("--pytorch-python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--priority", type=int, default=0, help="autogroup niceness of a turn (Linux, root)")
    arguments = parser.parse_args()
    results = []
    for name in arguments.cases:
        results.append(measure(cases.CASES[name], arguments))
        print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    print(table(results, arguments.programs))
    summary: dict[str, Any] = {"cases": results, "geometric_mean_ratio_to_pytorch": None}
    depthwise = [r for r in results if r["name"] in {case.name for case in cases.DEPTHWISE}]
    if depthwise and "pytorch" in arguments.programs and "ours" in arguments.programs:
        mean = geometric_mean([r["ratio_to_pytorch"] for r in depthwise])
        summary["geometric_mean_ratio_to_pytorch"] = mean
        print(f"geometric mean of {len(depthwise)} EfficientNets: {mean:.2f}x PyTorch")
    if arguments.json:
        arguments.json.write_text(json.dumps(summary, indent=2) + "\n")


def table(results: list[dict[str, Any]], programs: list[str]) -> str:
    columns = [*programs]
    if "ours" in programs:
        columns += [f"ratio_to_{program}" for program in programs if program != "ours"] + ["share_of_peak"]
    lines = ["| case | " + " | ".join(f"{c} (images/s)" if c in programs else c for c in columns) + " |"]
    lines.append("|---|" + "---:|" * len(columns))
    for result in results:
        cells = [f"{result[c]:.0f}" if c in programs else f"{result[c]:.2f}" for c in columns]
        lines.append(f"| {result['name']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
