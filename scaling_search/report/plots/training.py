"""Figures of what was trained: the race over its rounds, the family over φ."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import FuncFormatter

from scaling_search.errors import InputError
from scaling_search.report import figures
from scaling_search.report.page.data import Family, Member, ReportData
from scaling_search.report.plots import style

_COLORS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE)
_MARKS = ("o", "^", "v", "P")


def race(axes: Axes, data: ReportData) -> None:
    """Each candidate's test statistic over its threshold, round by round: above 1 it is eliminated."""
    tracks: dict[str, list[tuple[int, float, bool]]] = {}
    for one in data.race:
        for test in one.tests:
            if test.statistic is not None and test.threshold:
                ratio = max(0.0, test.statistic / test.threshold)
                tracks.setdefault(test.candidate, []).append((one.number, ratio, test.inside))
    if not tracks:
        raise InputError("nothing to draw: no round of a race was tested")
    standings = {one.key: one.standing for one in data.all_candidates}
    few = len(tracks) <= 60
    colors = [style.LOOKS[standings[key]]["color"] for key in tracks]
    lines = [[(number, ratio) for number, ratio, _ in track] for track in tracks.values()]
    axes.add_collection(
        LineCollection(lines, colors=colors, linewidths=0.9 if few else 0.3, alpha=0.7, zorder=2)
    )
    spots = [(*spot, color) for track, color in zip(tracks.values(), colors, strict=True) for spot in track]
    goes = [(number, ratio, color) for number, ratio, inside, color in spots if inside]
    stops = [(number, ratio) for number, ratio, inside, _ in spots if not inside]
    if stops:
        xs, ys = zip(*stops, strict=True)
        size = 18 if few else 5
        axes.scatter(
            xs, ys, s=size, marker="x", color=style.INK, linewidths=1.0, zorder=4, label="eliminated"
        )
    if goes:
        xs, ys, shades = zip(*goes, strict=True)
        axes.scatter(xs, ys, c=shades, s=8 if few else 2, zorder=3, label="goes on")
    most = max(ratio for track in tracks.values() for _, ratio, _ in track)
    axes.set_yscale("function", functions=(_root, np.square))
    axes.set_ylim(0, max(1.5, most * 1.1))
    axes.set_yticks([tick for tick in (0, 0.5, 1, 2, 4, 8, 16, 32, 64) if tick <= max(1.5, most * 1.1)])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.axhspan(1, max(1.5, most * 1.1), color="#EEF0F2", zorder=0)
    axes.set_xticks(
        [one.number for one in data.race],
        [f"{one.number}\n{len(one.tests)} in" for one in data.race],
    )
    axes.set_xlim(data.race[0].number - 0.4, data.race[-1].number + 0.4)
    axes.set_xlabel("Round, and the candidates in it")
    axes.set_ylabel("Test statistic ÷ threshold")
    style.legend_above(axes)


def _root(value: np.ndarray) -> np.ndarray:
    root: np.ndarray = np.sqrt(np.maximum(value, 0))
    return root


def family(axes: Axes, data: ReportData) -> None:
    """Predictions (bars) and results (marks with intervals) of every family over φ; test accuracy dashed."""
    grown = [
        family
        for family in data.families
        if any(member.predicted or member.results.validation for member in family.members)
    ]
    if not grown:
        raise InputError("nothing to draw: no family was predicted or trained")
    width = 0.36 / len(grown)
    for number, one in enumerate(grown):
        shift = (number - (len(grown) - 1) / 2) * width
        _family(axes, one, shift, width, number % len(_COLORS))
    phis = sorted({member.phi for one in grown for member in one.members})
    every = [member for one in grown for member in one.members]
    ticks = [_phi(phi, every, data) for phi in phis]
    axes.set_xticks(phis, ticks)
    axes.set_xlabel(f"φ{f', and {data.costs[0].title}' if any(chr(10) in tick for tick in ticks) else ''}")
    style.percent_axis(axes, "y", "Accuracy (%)")
    style.legend_above(axes, columns=2)


def _phi(phi: float, members: Iterable[Member], data: ReportData) -> str:
    """The tick, with the cost where all members there have about the same."""
    costs = [m.network.costs.get(data.costs[0].key) for m in members if m.phi == phi] if data.costs else []
    known = {_about(cost) for cost in costs if cost is not None and math.isfinite(cost)}
    return f"{phi:g}\n{known.pop()}" if len(known) == 1 else f"{phi:g}"


def _about(cost: float) -> str:
    number, _, prefix = figures.human(cost).partition(" ")
    return f"{float(number.replace(',', '')):.2g} {prefix}".rstrip()


def _family(axes: Axes, one: Family, shift: float, width: float, number: int) -> None:
    color, marker = _COLORS[number], _MARKS[number]
    for member in one.members:
        if member.predicted is not None:
            low, high = member.predicted.low, member.predicted.high
            axes.bar(member.phi + shift, high - low, width * 0.8, low, color=color, alpha=0.22, zorder=1)
    for split, line, fill in (("validation", "-", color), ("test", (0, (4, 3)), "white")):
        points = [
            (member.phi + shift, got.mean, getattr(member.results, f"{split}_interval"))
            for member in one.members
            if (got := getattr(member.results, split)) is not None
        ]
        for x, _, bounds in points:
            if bounds is not None:
                style.whisker(axes, x, (bounds.low, bounds.high), color=color, alpha=0.6, zorder=2)
        if points:
            axes.plot(
                [x for x, _, _ in points],
                [y for _, y, _ in points],
                linestyle=line,
                marker=marker,
                markersize=4,
                color=color,
                markerfacecolor=fill,
                linewidth=1.1 if split == "validation" else 0.8,
                zorder=3,
                label=f"{style.short(one.name)}, {split}",
            )
