"""Searches with a screening of a fifth of the epochs, by how far short training agrees with full training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from benchmarks.validate.races import Characteristics, examine
from scaling_search.racing.simulated_trainer import hill, one_best
from scaling_search.report.table import Column, Row, Table

AGREEMENTS = (None, 0.0, 0.8, 0.95)
ROUNDS, CANDIDATES = 5, 24
_FIRST = 200_000_000
_SURFACES = (one_best(0.0, CANDIDATES), hill(CANDIDATES))


def places() -> range:
    """The rows: each surface with every agreement."""
    return range(len(_SURFACES) * len(AGREEMENTS))


def examine_one(place: int, searches: int, images: int) -> Characteristics:
    """One row. The same searches for every agreement, so that its effect alone is seen; None is without a screening."""
    surface, agreement = list(product(_SURFACES, AGREEMENTS))[place]
    return examine(
        surface, rounds=ROUNDS, searches=searches, images=images, first_search=_FIRST, agreement=agreement
    )


def lost(rows: Sequence[Characteristics]) -> float:
    """The most that a screening takes from the chance that the best is in the set."""
    without = {row.surface: row.best_inside for row in rows if row.agreement is None}
    return max(without[row.surface] - row.best_inside for row in rows if row.agreement is not None)


def table(rows: Sequence[Characteristics]) -> Table:
    """Rates over the searches of a row."""
    return Table(
        name="first-stage",
        title=f"A screening of a fifth of the epochs, {ROUNDS} rounds, {rows[0].searches} searches each",
        columns=(
            Column(key="surface", title="surface", align="left", identifies=True),
            Column(key="agreement", title="agreement (ρ)"),
            Column(key="left", title="left out (%)", show="{:.1f}".format),
            Column(key="unique", title="false unique winner (%)", show="{:.1f}".format),
            Column(key="inside", title="true best inside (%)", show="{:.1f}".format),
            Column(key="size", title="set size", show="{:.1f}".format),
            Column(key="compute", title="training / exhaustive", show="{:.2f}".format),
            Column(key="optimism", title="optimism (noise sd)", show="{:+.3f}".format),
        ),
        rows=tuple(
            Row(
                cells={
                    "surface": f"{row.surface} (of {row.candidates})",
                    "agreement": "no screening" if row.agreement is None else f"{row.agreement:g}",
                    "left": 100 * row.screened_out,
                    "unique": 100 * row.false_unique,
                    "inside": 100 * row.best_inside,
                    "size": row.set_size,
                    "compute": row.compute,
                    "optimism": row.optimism,
                }
            )
            for row in rows
        ),
        notes=(
            "Agreement: correlation over candidates of their accuracies after short and after full training, without "
            "noise.",
        ),
    )
