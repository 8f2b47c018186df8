"""Accuracy against MACs: what was measured here in one panel, what is published in another."""

from __future__ import annotations

from collections.abc import Sequence

from scaling_search.report.figures import present
from scaling_search.report.plot import Look, Panel, Plot, Point, Series
from scaling_search.report.published import PublishedRow
from scaling_search.report.rows import Candidate, FamilyReport, GridReport
from scaling_search.report.table import Estimate, Interval


def accuracy_plot(
    grid: GridReport | None, family: FamilyReport | None, published: Sequence[PublishedRow] = ()
) -> Plot | None:
    """The picture, or None where nothing was measured. Networks that diverged have no point."""
    candidates = () if grid is None else grid.rows if grid.base is None else (grid.base, *grid.rows)
    members = () if family is None else family.rows
    series = (
        _series(
            "grid, validation",
            "grid",
            [(r.candidate, r.accuracy, r.interval) for r in candidates if r.verdict != "diverged"],
        ),
        _series(
            "family, validation",
            "family",
            [(r.candidate, r.accuracy, r.interval) for r in members if r.status != "diverged"],
        ),
        _series(
            "family, test", "test", [(r.candidate, r.test, None) for r in members if r.status != "diverged"]
        ),
    )
    measured = tuple(one for one in series if one.points)
    known = grid or family
    if not measured or known is None:
        return None
    panels = [Panel(title=f"Measured here: {known.dataset}", series=measured)]
    notes = ["Bars: the interval where the table gives one, else mean ± one standard deviation over seeds."]
    if published:
        panels.append(Panel(title="Published: ImageNet, Tan & Le 2019", series=(_published(published),)))
        notes.append("The panels have axes of their own: accuracies on two data sets cannot be compared.")
    return Plot(
        title="Accuracy against MACs",
        x_title="MACs (multiply-adds for one image)",
        y_title="Accuracy (%)",
        panels=tuple(panels),
        notes=tuple(notes),
    )


def _series(
    name: str, look: Look, figures: Sequence[tuple[Candidate, Estimate | None, Interval | None]]
) -> Series:
    points = []
    for candidate, estimate, interval in figures:
        macs = candidate.macs
        if estimate is None or macs is None or macs <= 0 or not present(estimate.mean):
            continue
        low = high = None
        if interval is not None and present(interval.low) and present(interval.high):
            low, high = interval.low, interval.high
        elif estimate.sd is not None and present(estimate.sd):
            low, high = estimate.mean - estimate.sd, estimate.mean + estimate.sd
        points.append(Point(x=macs, y=estimate.mean, low=low, high=high, label=_label(candidate)))
    points.sort(key=lambda point: point.x)
    return Series(name=name, look=look, points=tuple(points), line=look == "family")


def _label(candidate: Candidate) -> str:
    triple = [candidate.alpha, candidate.beta, candidate.gamma]
    coefficients = "" if None in triple else f" ({', '.join(f'{n:.4g}' for n in triple if n is not None)})"
    return f"{candidate.name or 'unnamed'}{coefficients}"


def _published(rows: Sequence[PublishedRow]) -> Series:
    points = tuple(
        Point(x=row.flops_billions * 1e9, y=row.top1_percent / 100, label=f"{row.name}, published")
        for row in rows
        if row.flops_billions is not None and row.top1_percent is not None
    )
    return Series(name="published EfficientNet B0-B7", look="published", points=points, line=True)
