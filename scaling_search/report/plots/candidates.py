"""Figures of the candidates: accuracy against a cost, points behind the best."""

from __future__ import annotations

import math

from matplotlib.axes import Axes

from scaling_search.errors import InputError, UsageError, suggest
from scaling_search.report.page.data import Candidate, Cost, ReportData
from scaling_search.report.plots import style

ROWS = 30


def accuracy_cost(axes: Axes, data: ReportData, cost: str | None = None) -> None:
    """Validation accuracy against a cost (the first unless named). The dashed line is the base network."""
    chosen = _cost(data, cost)
    shown = [
        (candidate, float(x), mean)
        for candidate, mean in style.measured(data.all_candidates)
        if (x := candidate.network.costs.get(chosen.key)) is not None and x > 0
    ]
    if not shown:
        raise InputError(f"nothing to draw: no candidate has both an accuracy and {chosen.title}")
    for candidate, x, mean in shown:
        look = style.LOOKS[candidate.standing]
        bounds = style.interval_of(candidate)
        if bounds is not None and (len(shown) <= style.FEW or candidate.standing in ("winner", "base")):
            style.whisker(axes, x, bounds, color=look["color"], zorder=1, alpha=0.6)
        if candidate.standing in ("winner", "base"):
            _label(axes, candidate, x, mean)
        if candidate.standing == "base":
            axes.axhline(mean, color=style.INK, linestyle=(0, (5, 4)), linewidth=0.7, zorder=1)
    style.points(axes, [(candidate.standing, x, mean) for candidate, x, mean in shown])
    style.cost_axis(axes, chosen.title, chosen.kind)
    style.percent_axis(axes, "y", "Validation accuracy (%)")


def _cost(data: ReportData, key: str | None) -> Cost:
    if not data.costs:
        raise InputError("nothing to draw: no cost is known")
    if key is None:
        return data.costs[0]
    found = {cost.key: cost for cost in data.costs}
    if key not in found:
        raise UsageError(suggest("cost", key, found))
    return found[key]


def _label(axes: Axes, candidate: Candidate, x: float, y: float) -> None:
    left = candidate.standing == "winner"
    axes.annotate(
        style.name_of(candidate),
        (x, y),
        (-6 if left else 6, 3),
        textcoords="offset points",
        ha="right" if left else "left",
        fontsize=7,
        zorder=6,
    )


def behind_the_best(axes: Axes, data: ReportData) -> None:
    """How many accuracy points each may lose to the best, best first; at most ``ROWS`` candidates."""
    compared = [one for one in data.candidates if one.behind is not None]
    compared.sort(key=lambda one: style.middle(one.behind) if one.behind else math.inf)
    if not compared:
        raise InputError("nothing to draw: no candidates were compared")
    shown = compared[:ROWS]
    for row, candidate in enumerate(shown):
        look = style.LOOKS[candidate.standing]
        if candidate.behind is not None:
            bounds = [max(0.0, candidate.behind.low), candidate.behind.high]
            axes.plot(bounds, [row, row], color=look["color"], linewidth=0.9, alpha=0.7, zorder=1)
    axes.set_yticks(range(len(shown)), [style.name_of(candidate) for candidate in shown], fontsize=7)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color="#555555", linewidth=0.6)
    level = style.intervals_at(data)
    more = f"; {len(shown)} of {len(compared)}" if len(shown) < len(compared) else ""
    style.percent_axis(axes, "x", f"Points behind the best{f' ({level}{more})' if level else ''}")
    style.points(
        axes,
        [(one.standing, style.middle(one.behind), row) for row, one in enumerate(shown) if one.behind],
    )
