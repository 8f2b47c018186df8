"""`make validate`: what the search promises, measured on searches whose answer is known.

The planted cases (`cases`), untidy ones first of all; predictions along families; races over surfaces that differ in
how far candidates are apart, five rounds (a usual grid) and 24 (about as many seeds as it takes to see a gap of one
noise sd among eight candidates), with and without a screening. Exits with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.validate import cases, predictions, screening, tables
from benchmarks.validate.operating_characteristics import APART, Row, met
from benchmarks.validate.operating_characteristics import examine as examine_case
from benchmarks.validate.races import Characteristics, examine
from scaling_search.racing.simulated_trainer import one_best, surfaces
from scaling_search.report.render import show

GAPS = (0.0, 0.5, 1.0, 2.0)
USUAL, LONG = 5, 24
IMAGES = 1000
T = TypeVar("T")


def measured(work: Sequence[Callable[[], T]], workers: int) -> list[T]:
    """Results in the order of the work, which several processes do."""
    if workers == 1:
        return [one() for one in work]
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(one) for one in work]
        found = []
        for place, one in enumerate(running, start=1):
            found.append(one.result())
            print(f"{place} of {len(running)} done", file=sys.stderr)
        return found


def document(usual: Sequence[Characteristics], long: Sequence[Characteristics]) -> dict[str, object]:
    """The figures of races that have targets; where both designs measure one, all their searches count."""
    rows = [*usual, *long]
    equal = [row for row in rows if row.surface == one_best(0.0).name]

    def pooled(gap: float, field: str) -> float:
        same = [row for row in rows if row.surface == one_best(gap).name]
        return float(
            np.average([getattr(row, field) for row in same], weights=[row.searches for row in same])
        )

    return {
        "searches": sum(row.searches for row in rows),
        "false_unique_winner": pooled(0.0, "false_unique"),
        **{f"best_in_set_{gap:g}sd": pooled(gap, "best_inside") for gap in GAPS[1:]},
        "compute_ratio_2sd": next(row.compute for row in long if row.surface == one_best(2.0).name),
        "optimism_sd": pooled(0.0, "optimism"),
        "optimism_sd_error": float(np.hypot.reduce([row.searches * row.optimism_error for row in equal]))
        / sum(row.searches for row in equal),
        "rows": [asdict(row) for row in rows],
    }


def targets(found: dict[str, object]) -> list[tuple[str, float, bool]]:
    """Each target of the races with its figure and whether it is met."""
    number = {key: float(value) for key, value in found.items() if isinstance(value, int | float)}
    optimism, error = number["optimism_sd"], number["optimism_sd_error"]
    return [
        (
            "false unique winner, all equal: at most 5 %",
            number["false_unique_winner"],
            number["false_unique_winner"] <= 0.05,
        ),
        *(
            (
                f"true best inside, ahead by {gap:g} sd: at least 95 %",
                number[f"best_in_set_{gap:g}sd"],
                number[f"best_in_set_{gap:g}sd"] >= 0.95,
            )
            for gap in GAPS[1:]
        ),
        (
            f"trials against exhaustive, ahead by 2 sd, {LONG} rounds: at most 1/3",
            number["compute_ratio_2sd"],
            number["compute_ratio_2sd"] <= 1 / 3,
        ),
        (
            f"optimism of the winner's estimate, all equal: 0 within 3 × {error:.3f} sd",
            optimism,
            abs(optimism) <= 3 * error,
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=1000, help="searches of a case")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args(arguments)
    searches, few = options.searches, max(1, options.searches // 10)
    planted = cases.cases()
    # Every row its own searches, so that the chance of one set of images is not in all of them.
    work: list[Callable[[], object]] = [
        *(
            partial(examine_case, case, searches=max(1, round(searches * case.share)), first=place * APART)
            for place, case in enumerate(planted, start=1)
        ),
        *(
            partial(
                examine,
                one_best(gap),
                rounds=LONG,
                searches=few,
                images=IMAGES,
                first_search=(place + 200) * APART,
            )
            for place, gap in enumerate(GAPS)
        ),
        *(
            partial(
                examine,
                surface,
                rounds=USUAL,
                searches=max(1, searches // 2),
                images=IMAGES,
                first_search=(place + 300) * APART,
            )
            for place, surface in enumerate(surfaces())
        ),
        *(partial(screening.examine_one, place, few // 2 or 1, IMAGES) for place in screening.places()),
        *(
            partial(predictions.examine, name, searches=searches, first=(place + 400) * APART)
            for place, name in enumerate(predictions.TRUTHS)
        ),
    ]
    found = measured(work, options.workers)
    rows = [one for one in found if isinstance(one, Row)]
    raced = [one for one in found if isinstance(one, Characteristics)]
    long, usual, staged = (
        raced[: len(GAPS)],
        raced[len(GAPS) : -len(screening.places())],
        raced[-len(screening.places()) :],
    )
    limits = [*(case.limits for case in planted), *map(predictions.limits, predictions.TRUTHS)]
    figures = document(usual, long)
    if options.json:
        about = [
            {
                "name": row.name,
                "candidates": row.candidates,
                "seeds": row.seeds,
                "searches": row.searches,
                **row.figures,
            }
            for row in rows
        ]
        written = figures | {"screening": [asdict(row) for row in staged], "cases": about}
        options.json.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    for table in tables.case_tables(rows, limits):
        show(table)
    show(tables.race_table([*usual, *long], IMAGES))
    show(screening.table(staged))
    sys.stdout.flush()
    lost = screening.lost(staged)
    checks = [
        *targets(figures),
        ("true best lost by a screening, whatever its worth: at most 2 %", lost, lost <= 0.02),
        *(
            (
                f"{row.name} (K = {row.candidates}, S = {row.seeds}): {key}",
                row.figures[key] or 0.0,
                met(key, value, row),
            )
            for row, limit in zip(rows, limits, strict=True)
            for key, value in limit.items()
        ),
    ]
    missed = [check for check in checks if not check[2]]
    for what, figure, good in [*checks[:8], *(check for check in missed if check not in checks[:8])]:
        print(f"{'met   ' if good else 'MISSED'}  {what}: {figure:.3f}")
    print(f"{len(checks) - len(missed)} of {len(checks)} targets are met.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
