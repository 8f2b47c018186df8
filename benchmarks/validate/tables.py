"""The figures of `make validate` as tables, targets beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.validate.operating_characteristics import AT_LEAST, Row, exact, met
from benchmarks.validate.races import Characteristics
from scaling_search.racing.simulated_trainer import noise_sd
from scaling_search.report.table import Column, Interval, Table
from scaling_search.report.table import Row as Cells
from scaling_search.statistics.power import seeds_needed

Limits = Sequence[Mapping[str, float]]
DECIDING = {
    "best_inside": "best inside (%)",
    "false_unique": "false unique (%)",
    "set_size": "set size",
    "race_best_lost": "race: best lost (%)",
    "false_equivalent": "false equal (%)",
    "undecided": "undecided (%)",
    "compute_ratio": "trials / all",
}
COVERING = {
    "winner_coverage": "winner's accuracy covered (%)",
    "difference_coverage": "differences covered (%)",
    "width_ratio": "width / before",
    "group_coverage": "groups: covered (%)",
    "prediction_coverage": "predictions hold (%)",
}
_PLAIN = {"set_size", "width_ratio", "compute_ratio"}


def case_tables(rows: Sequence[Row], limits: Limits) -> list[Table]:
    """Which candidates are named, and what the intervals hold; a case is in a table where it has figures of it."""
    return [
        _table("deciding", "Planted searches: who is named", DECIDING, rows, limits),
        _table("covering", "Planted searches: what the intervals hold", COVERING, rows, limits),
    ]


def _table(name: str, title: str, figures: Mapping[str, str], rows: Sequence[Row], limits: Limits) -> Table:
    kept = [(row, limit) for row, limit in zip(rows, limits, strict=True) if _any(row, figures)]
    used = [key for key in figures if any(row.figures[key] is not None for row, _ in kept)]
    return Table(
        name=name,
        title=title,
        columns=(
            Column(key="case", title="case", align="left", identifies=True),
            Column(key="candidates", title="K"),
            Column(key="seeds", title="S"),
            Column(key="searches", title="searches"),
            *(Column(key=key, title=figures[key]) for key in used),
        ),
        rows=tuple(
            Cells(
                cells={
                    "case": row.name,
                    "candidates": row.candidates,
                    "seeds": row.seeds,
                    "searches": row.searches,
                    **{key: _cell(key, row, limit) for key in used},
                }
            )
            for row, limit in kept
        ),
        notes=("In brackets the target; ! where the 95 % interval of what was simulated does not reach it.",),
    )


def _any(row: Row, figures: Mapping[str, str]) -> bool:
    return any(row.figures[key] is not None for key in figures)


def _cell(key: str, row: Row, limits: Mapping[str, float]) -> str | None:
    value = row.figures[key]
    if value is None:
        return None
    said = _number(key, value)
    if key not in limits:
        return said
    sign = "≥" if key in AT_LEAST else "≤"
    return f"{said} ({sign} {_number(key, limits[key])}){'' if met(key, limits[key], row) else ' !'}"


def _number(key: str, value: float) -> str:
    return f"{value:.2f}" if key in _PLAIN else f"{value * 100:.1f}".removesuffix(".0")


def race_table(rows: Sequence[Characteristics], images: int) -> Table:
    """The characteristics of races, rates with exact (Clopper & Pearson 1934) 95 % intervals."""
    return Table(
        name="characteristics",
        title="Operating characteristics of simulated races",
        columns=(
            Column(key="surface", title="surface", align="left", identifies=True),
            Column(key="rounds", title="rounds"),
            Column(key="searches", title="searches"),
            Column(key="unique", title="false unique winner (%)", show=rate),
            Column(key="inside", title="true best inside (%)", show=rate),
            Column(key="size", title="set size", show="{:.1f}".format),
            Column(key="compute", title="trials / exhaustive", show="{:.2f}".format),
            Column(key="optimism", title="optimism (noise sd)", show="{:+.3f}".format),
            Column(key="apparent", title="of the plain mean", show="{:+.3f}".format),
        ),
        rows=tuple(
            Cells(
                cells={
                    "surface": f"{row.surface} (of {row.candidates})",
                    "rounds": row.rounds,
                    "searches": row.searches,
                    "unique": interval(row.false_unique, row.searches),
                    "inside": interval(row.best_inside, row.searches),
                    "size": row.set_size,
                    "compute": row.compute,
                    "optimism": row.optimism,
                    "apparent": row.apparent,
                }
            )
            for row in rows
        ),
        notes=(
            f"Noise sd: standard deviation over seeds of one candidate's accuracy on {images} fixed images "
            f"({noise_sd(0.9, images) * 100:.2f} points at 90 %). Nothing counts as equal here: a race ends with one.",
            f"Exhaustive: every candidate with every seed. To see a gap of 1 sd takes {_seeds(1.0, images)} seeds, "
            f"of 2 sd {_seeds(2.0, images)} (power 0.8).",
        ),
    )


def _seeds(gap: float, images: int) -> int | None:
    sd = noise_sd(0.9, images)
    return seeds_needed(gap * sd, noise_sd=sd, candidates=8, images=images).seeds


def interval(share: float, count: int) -> Interval:
    """The exact binomial interval at 95 %."""
    low, high = exact(share, count)
    return Interval(low=low, high=high, value=share)


def rate(found: Interval) -> str:
    return f"{(found.value or 0.0) * 100:.1f} ({found.low * 100:.1f}–{found.high * 100:.1f})"
