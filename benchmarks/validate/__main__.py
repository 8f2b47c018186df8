"""`make validate`: what the search promises, measured on simulated searches whose answer is known.

Two designs: five rounds on every surface (a usual grid), and 24 rounds on those with one best, which is about
as many seeds as it takes to see a gap of one noise sd among eight candidates with a power of 0.8
(`power.seeds_needed`). A tenth as many searches have a screening before the race. Exits with 1
when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.validate import screening
from benchmarks.validate.model_confidence_set import model_confidence_set
from scaling_search.racing import race
from scaling_search.racing.operating_characteristics import Characteristics, examine
from scaling_search.racing.simulated_trainer import SimulatedTrainer, noise_sd, one_best, surfaces
from scaling_search.report.render import show
from scaling_search.report.table import Column, Interval, Row, Table
from scaling_search.statistics.power import seeds_needed

GAPS = (0.0, 0.5, 1.0, 2.0)
USUAL, LONG = 5, 24
IMAGES = 1000
_APART = 1_000_000


def measure(searches: int) -> tuple[list[Characteristics], list[Characteristics]]:
    """Usual and long races: `searches` of the first on every surface, a quarter as many of the second."""
    # Every row its own searches, so that the luck of one set of images is not in all of them.
    usual = [
        _said(examine(surface, rounds=USUAL, searches=searches, images=IMAGES, first_search=place * _APART))
        for place, surface in enumerate(surfaces())
    ]
    fewer = max(1, searches // 4)
    long = [
        _said(
            examine(
                one_best(gap), rounds=LONG, searches=fewer, images=IMAGES, first_search=(place + 100) * _APART
            )
        )
        for place, gap in enumerate(GAPS)
    ]
    return usual, long


def _said(found: Characteristics) -> Characteristics:
    print(f"{found.searches} searches: {found.surface}, {found.rounds} rounds", file=sys.stderr)
    return found


def document(usual: Sequence[Characteristics], long: Sequence[Characteristics]) -> dict[str, object]:
    """The figures that have targets; where both designs measure one, all their searches count."""
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
    """Each target with its figure and whether it is met."""
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


def table(rows: Sequence[Characteristics]) -> Table:
    """The characteristics, rates with exact (Clopper & Pearson 1934) 95 % intervals."""
    return Table(
        name="characteristics",
        title="Operating characteristics of simulated searches",
        columns=(
            Column(key="surface", title="surface", align="left", identifies=True),
            Column(key="rounds", title="rounds"),
            Column(key="searches", title="searches"),
            Column(key="unique", title="false unique winner (%)", show=_rate),
            Column(key="inside", title="true best inside (%)", show=_rate),
            Column(key="size", title="set size", show="{:.1f}".format),
            Column(key="compute", title="trials / exhaustive", show="{:.2f}".format),
            Column(key="optimism", title="optimism (noise sd)", show="{:+.3f}".format),
            Column(key="apparent", title="of the plain mean", show="{:+.3f}".format),
        ),
        rows=tuple(
            Row(
                cells={
                    "surface": f"{row.surface} (of {row.candidates})",
                    "rounds": row.rounds,
                    "searches": row.searches,
                    "unique": exact(row.false_unique, row.searches),
                    "inside": exact(row.best_inside, row.searches),
                    "size": row.set_size,
                    "compute": row.compute,
                    "optimism": row.optimism,
                    "apparent": row.apparent,
                }
            )
            for row in rows
        ),
        notes=(
            f"Noise sd: standard deviation over seeds of one candidate's accuracy on {IMAGES} fixed images "
            f"({noise_sd(0.9, IMAGES) * 100:.2f} points at 90 %).",
            f"Exhaustive: every candidate with every seed. To see a gap of 1 sd takes {_seeds(1.0)} seeds, "
            f"of 2 sd {_seeds(2.0)} (power 0.8).",
        ),
    )


def _seeds(gap: float) -> int | None:
    sd = noise_sd(0.9, IMAGES)
    return seeds_needed(gap * sd, noise_sd=sd, candidates=8, images=IMAGES).seeds


def exact(rate: float, count: int) -> Interval:
    """The exact binomial interval at 95 %."""
    from scipy.special import betaincinv

    hits = round(rate * count)
    low = float(betaincinv(hits, count - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, count - hits, 0.975)) if hits < count else 1.0
    return Interval(low=low, high=high, value=rate)


def _rate(interval: Interval) -> str:
    return f"{(interval.value or 0.0) * 100:.1f} ({interval.low * 100:.1f}–{interval.high * 100:.1f})"


# Images and seed effect: noise that more images would lessen (flips), and noise that they would not.
NOISES = {"flips": (IMAGES, 0.08), "seeds": (4000, 0.15)}


def compare_sets(searches: int) -> Table:
    """This confidence set beside the Model Confidence Set, on exhaustive searches with few seeds."""
    rows = []
    for (gap, seeds), noise in product(((0.0, 2), (0.0, 3), (0.0, 5), (2.0, 5)), NOISES):
        images, seed_effect = NOISES[noise]
        surface = one_best(gap)
        kept = {"ours": [0, 0], "mcs": [0, 0]}
        for search in range(searches):
            trainer = SimulatedTrainer(surface=surface, search=search, images=images, seed_effect=seed_effect)
            scores, ours, _ = race.run(
                surface.candidates, trainer, seeds=range(seeds), exhaustive=True, draws=4000
            )
            for name, members in (("ours", ours.names), ("mcs", model_confidence_set(scores))):
                kept[name][0] += surface.candidates[0] in members
                kept[name][1] += len(members)
        rows.append(
            Row(
                cells={
                    "surface": surface.name,
                    "noise": noise,
                    "seeds": seeds,
                    "ours": exact(kept["ours"][0] / searches, searches),
                    "mcs": exact(kept["mcs"][0] / searches, searches),
                    "ours_size": kept["ours"][1] / searches,
                    "mcs_size": kept["mcs"][1] / searches,
                }
            )
        )
    return Table(
        name="sets",
        title=f"Comparisons with the best (ours) and Model Confidence Set, {searches} searches",
        columns=(
            Column(key="surface", title="surface", align="left", identifies=True),
            Column(key="noise", title="noise", align="left"),
            Column(key="seeds", title="seeds"),
            Column(key="ours", title="best inside, ours (%)", show=_rate),
            Column(key="mcs", title="best inside, MCS (%)", show=_rate),
            Column(key="ours_size", title="set size, ours", show="{:.1f}".format),
            Column(key="mcs_size", title="set size, MCS", show="{:.1f}".format),
        ),
        rows=tuple(rows),
        notes=(
            "Noise: mostly flips (1000 images), or mostly what a seed does to a whole network (4000 images).",
        ),
    )


def main() -> int:
    """Measure, print, write; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=1000, help="simulated searches per surface")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    usual, long = measure(options.searches)
    staged = screening.measure(max(1, options.searches // 10), IMAGES)
    found = document(usual, long) | {"screening": [asdict(row) for row in staged]}
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    show(table([*usual, *long]))
    sys.stdout.flush()
    show(compare_sets(max(1, options.searches // 5)))
    show(screening.table(staged))
    lost = screening.lost(staged)
    met = [
        *targets(found),
        ("true best lost by a screening, whatever its worth: at most 2 %", lost, lost <= 0.02),
    ]
    for what, figure, good in met:
        print(f"{'met   ' if good else 'MISSED'}  {what}: {figure:.3f}")
    return 0 if all(good for _, _, good in met) else 1


if __name__ == "__main__":
    sys.exit(main())
