"""A ``Plot`` as inline SVG: axes, intervals, markers that differ in shape as well as colour, no script."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from scaling_search.report.escape import for_html
from scaling_search.report.figures import human
from scaling_search.report.plot import Look, Panel, Plot, Point, Series, linear_ticks, log_ticks

PANEL, HEIGHT = 440, 360  # of one panel, in user units
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 34, 88
STYLE = """
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .heading { font-weight: 600; }
svg .axis { stroke: var(--ink); fill: none; }
svg .rule { stroke: var(--rule); }
svg .family { --series: var(--blue); } svg .test { --series: var(--orange); }
svg .grid { --series: var(--green); } svg .published { --series: var(--grey); }
svg .mark { fill: var(--series); stroke: var(--series); stroke-width: 1.5; }
svg .published .mark { fill: var(--paper); }
svg .bar, svg .join { stroke: var(--series); fill: none; }
svg .published .join { stroke-dasharray: 4 3; }
svg .join { opacity: 0.6; }
"""


@dataclass(frozen=True)
class _Axes:
    """Maps figures to user units inside one panel."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def across(self, value: float) -> float:
        low, high = math.log10(self.x[0]), math.log10(self.x[-1])
        return LEFT + (math.log10(value) - low) / (high - low) * (PANEL - LEFT - RIGHT)

    def up(self, value: float) -> float:
        share = (value - self.y[0]) / (self.y[-1] - self.y[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def draw(plot: Plot) -> str:
    """The whole picture, panels side by side; a panel without points says so."""
    width = PANEL * len(plot.panels)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img"'
        f' aria-label="{for_html(plot.title)}" style="max-width:{width}px;width:100%">'
    )
    panels = [
        f'<g transform="translate({PANEL * i} 0)">\n' + "\n".join(_panel(plot, panel)) + "\n</g>"
        for i, panel in enumerate(plot.panels)
    ]
    return "\n".join((head, f"<title>{for_html(plot.title)}</title>", *panels, "</svg>"))


def _panel(plot: Plot, panel: Panel) -> Iterator[str]:
    yield _text(LEFT, 18, panel.title, "heading")
    points = [point for series in panel.series for point in series.points]
    if not points:
        yield _text(LEFT, HEIGHT / 2, "nothing measured yet")
        return
    lows = [point.y if point.low is None else point.low for point in points]
    highs = [point.y if point.high is None else point.high for point in points]
    axes = _Axes(
        x=log_ticks(min(point.x for point in points), max(point.x for point in points)),
        y=linear_ticks(100 * min(lows), 100 * max(highs)),
    )
    yield from _axes(plot, axes)
    for series in panel.series:
        yield f'<g class="{series.look}">'
        yield from _series(series, axes)
        yield "</g>"
    yield from _legend(panel)


def _axes(plot: Plot, axes: _Axes) -> Iterator[str]:
    left, right, bottom = LEFT, PANEL - RIGHT, HEIGHT - BOTTOM
    for tick in axes.y:
        y = axes.up(tick)
        yield f'<line class="rule" x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        yield _text(left - 6, y + 4, f"{tick:g}", anchor="end")
    # Ticks of a logarithmic axis crowd: a label that would touch the one before it is left out.
    free = 0.0
    for tick in axes.x:
        x, half = axes.across(tick), 3.7 * len(_tick(tick))
        yield f'<line class="axis" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 5}"/>'
        if x - half >= free:
            yield _text(x, bottom + 18, _tick(tick), anchor="middle")
            free = x + half + 6
    yield f'<path class="axis" d="M{left} {TOP}V{bottom}H{right}"/>'
    yield _text((left + right) / 2, bottom + 36, plot.x_title, anchor="middle")
    y = (TOP + bottom) / 2
    label = for_html(plot.y_title)
    yield f'<text x="14" y="{y:.1f}" text-anchor="middle" transform="rotate(-90 14 {y:.1f})">{label}</text>'


def _tick(value: float) -> str:
    number, _, prefix = human(value).partition(" ")
    return f"{float(number):g} {prefix}".rstrip()


def _series(series: Series, axes: _Axes) -> Iterator[str]:
    if series.line and len(series.points) > 1:
        path = "L".join(f"{axes.across(p.x):.1f} {axes.up(100 * p.y):.1f}" for p in series.points)
        yield f'<path class="join" d="M{path}"/>'
    for point in series.points:
        x, y = axes.across(point.x), axes.up(100 * point.y)
        if point.low is not None and point.high is not None:
            low, high = axes.up(100 * point.low), axes.up(100 * point.high)
            yield (
                f'<path class="bar" d="M{x:.1f} {low:.1f}V{high:.1f}'
                f'M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"/>'
            )
        yield f"<g><title>{for_html(_tip(point))}</title>{_mark(series.look, x, y)}</g>"


def _tip(point: Point) -> str:
    bounds = ""
    if point.low is not None and point.high is not None:
        bounds = f" [{100 * point.low:.2f}, {100 * point.high:.2f}]"
    return f"{point.label}: {100 * point.y:.2f} %{bounds} at {human(point.x, 'MACs')}"


def _mark(look: Look, x: float, y: float) -> str:
    if look == "family":
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>'
    if look == "test":
        return f'<path class="mark" d="M{x:.1f} {y - 5:.1f}l5 9h-10z"/>'
    if look == "grid":
        return f'<path class="mark" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"/>'
    return f'<rect class="mark" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8"/>'


def _legend(panel: Panel) -> Iterator[str]:
    x, y = LEFT + 5, HEIGHT - 30
    for series in panel.series:
        wide = 24 + 7 * len(series.name)
        if x + wide > PANEL and x > LEFT + 5:
            x, y = LEFT + 5, y + 18
        yield f'<g class="{series.look}">{_mark(series.look, x, y - 4)}</g>'
        yield _text(x + 12, y, series.name)
        x += wide


def _text(x: float, y: float, text: str, look: str = "", anchor: str = "start") -> str:
    kind = f' class="{look}"' if look else ""
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}{place}>{for_html(text)}</text>'
