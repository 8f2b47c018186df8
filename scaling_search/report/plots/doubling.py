"""The map of the doubling: how depth, width and resolution share it, and what accuracy that gives."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from matplotlib.tri import Triangulation

from scaling_search.errors import InputError
from scaling_search.report.page.data import Candidate, Dimensions, ReportData, Surface, lattice
from scaling_search.report.plots import style

LEVELS = 7
SHADES = "YlGnBu"  # from light to dark: readable in grey and by the colour-blind
NAMES = ("depth", "width", "resolution")


def doubling(axes: Axes, data: ReportData) -> None:
    """Each candidate at the shares of the doubling, coloured by accuracy, over the fitted surface."""
    placed = [(one, *_place(one.shares)) for one in data.candidates if one.shares is not None]
    if not placed:
        raise InputError("nothing to draw: no candidate's shares of the doubling are known")
    axes.set_axis_off()
    axes.set_aspect("equal")
    means = {one.key: mean for one, mean in style.measured(data.candidates) if one.standing != "not ranked"}
    low = min(means.values(), default=0.0)
    high = max(max(means.values(), default=1.0), low + 1e-3)
    # All None: too few candidates for a fit, or one that is flat.
    if data.surface is not None and any(value is not None for value in data.surface.values):
        _surface(axes, data.surface, low, high, data.level)
    _triangle(axes)
    for one, x, y in placed:
        if one.key not in means:
            axes.plot(x, y, linestyle="none", **style.LOOKS["not ranked"])
    _marks(axes, [(one, x, y, means[one.key]) for one, x, y in placed if one.key in means], low, high)
    if axes.get_legend_handles_labels()[0]:
        style.legend_above(axes)
    # Fitted to the triangle: fitted to the surface, they would cut the marks on its edges.
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(-0.06, math.sqrt(3) / 2 + 0.06)


def _marks(axes: Axes, spots: list[tuple[Candidate, float, float, float]], low: float, high: float) -> None:
    drawn = None
    for marker, winner, size in (("o", False, 24 if len(spots) <= style.FEW else 7), ("D", True, 42)):
        found = [(x, y, mean) for one, x, y, mean in spots if (one.standing == "winner") == winner]
        if found:
            xs, ys, means = zip(*found, strict=True)
            drawn = axes.scatter(
                xs,
                ys,
                c=means,
                s=size,
                marker=marker,
                cmap=SHADES,
                vmin=low,
                vmax=high,
                edgecolors=style.INK,
                linewidths=0.6,
                zorder=4,
                label=style.WORDS["winner"] if winner else None,
            )
    if drawn is not None and axes.figure is not None:
        bar = axes.figure.colorbar(drawn, ax=axes, orientation="horizontal", shrink=0.6, pad=0.04, aspect=28)
        bar.outline.set_visible(False)
        style.percent_axis(bar.ax, "x", "Validation accuracy (%)")


def _place(shares: Dimensions) -> tuple[float, float]:
    """In a triangle of side 1 with depth on top."""
    return shares.depth / 2 + shares.resolution, shares.depth * math.sqrt(3) / 2


def _triangle(axes: Axes) -> None:
    corners = [_place(Dimensions(**{name: float(name == corner) for name in NAMES})) for corner in NAMES]
    axes.add_patch(Polygon(corners, closed=True, fill=False, edgecolor="#555555", linewidth=0.8))
    for at, name, above in zip(corners, NAMES, (True, False, False), strict=True):
        side = "bottom" if above else "top"
        away = (0, 6 if above else -6)
        axes.annotate(f"all {name}", at, away, textcoords="offset points", ha="center", va=side)


def _surface(axes: Axes, surface: Surface, low: float, high: float, level: float | None) -> None:
    points = [_place(point) for point in lattice(surface.steps)]
    mesh = Triangulation([x for x, _ in points], [y for _, y in points])
    known = [value is not None for value in surface.values]
    mesh.set_mask([not all(known[corner] for corner in corners) for corners in mesh.triangles])
    # What lies beyond the candidates' accuracies gets the last colour; the very ends would get none.
    edge = (high - low) * 1e-6
    values = [low if value is None else min(max(value, low + edge), high - edge) for value in surface.values]
    steps = [low + (high - low) * step / LEVELS for step in range(LEVELS + 1)]
    axes.tricontourf(mesh, values, levels=steps, cmap=SHADES, vmin=low, vmax=high, alpha=0.55, zorder=0)
    if surface.optimum is not None:
        x, y = _place(surface.optimum)
        axes.plot(x, y, "k+", markersize=9, markeredgewidth=1.5, zorder=6, label="optimum of the fit")
    if any(surface.region):
        inside = [float(marked) for marked in surface.region]
        axes.tricontour(
            mesh, inside, levels=[0.5], colors=style.INK, linewidths=0.9, linestyles="dashed", zorder=5
        )
        at = "" if level is None else f" ({100 * level:.4g} %)"
        axes.plot([], [], color=style.INK, linestyle="dashed", linewidth=0.9, label=f"its region{at}")
