"""How the figures for papers look: sober, told apart by shape as well as by colour, fonts inside the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from scaling_search.report import figures
from scaling_search.report.escape import clean
from scaling_search.report.page.data import Candidate, CostKind, ReportData, Standing
from scaling_search.report.table import Interval

# Okabe & Ito 2008, "Color Universal Design": told apart by the colour-blind too.
BLUE, ORANGE, GREEN, PURPLE, INK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#222222", "#8A8F94"
LOOKS: dict[Standing, dict[str, Any]] = {
    "winner": {"marker": "D", "color": BLUE, "markersize": 6, "zorder": 5},
    "in the set": {"marker": "o", "color": BLUE, "markersize": 4.5, "zorder": 4},
    "eliminated": {"marker": "o", "color": GREY, "markerfacecolor": "white", "markersize": 4, "zorder": 3},
    "not ranked": {"marker": "x", "color": GREY, "markersize": 4, "zorder": 2},
    "base": {"marker": "s", "color": INK, "markersize": 5, "zorder": 4},
}
WORDS: dict[Standing, str] = {
    "winner": "best mean",
    "in the set": "may be the best",
    "eliminated": "eliminated",
    "not ranked": "not ranked",
    "base": "base network",
}
FEW = 60  # candidates whose marks and intervals can be told apart
LONGEST = 28  # characters of a name
SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure on every machine
    "font.size": 8,
    "text.parse_math": False,  # a name is no formula
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E6E9",
    "grid.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "savefig.bbox": "standard",
    "pdf.fonttype": 42,  # TrueType inside the file, as journals ask for
    "svg.fonttype": "path",
    "svg.hashsalt": "scaling-search",  # the same data give the same file
}


def percent_axis(axes: Axes, which: str, title: str) -> None:
    """Fractions, written in per cent."""
    axis = getattr(axes, f"{which}axis")
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
    axis.set_label_text(title)


def cost_axis(axes: Axes, title: str, kind: CostKind) -> None:
    """A cost along x, written as people read its kind."""
    write = {"count": figures.human, "bytes": figures.size, "seconds": figures.duration}[kind]
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    if high < 4 * low:
        # A logarithmic axis has no round tick in so short a range.
        axes.set_xscale("linear")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(write(value))))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(title)


def _short(text: str) -> str:
    number, _, unit = text.partition(" ")
    try:
        return f"{float(number.replace(',', '')):g} {unit}".rstrip()
    except ValueError:
        return text


def name_of(candidate: Candidate) -> str:
    """The triple, or the network's name where it has none."""
    if candidate.standing == "base":
        return "base"
    if candidate.triple is None:
        return short(candidate.network.name)
    return f"({', '.join(f'{value:g}' for value in candidate.triple)})"


def short(name: str) -> str:
    """A name that leaves room for the figure.

    >>> short("compound (1.2, 1.1, 1.15) of the second study")
    'compound (1.2, 1.1, 1.15) o…'
    """
    line = clean(name)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def interval_of(candidate: Candidate) -> tuple[float, float] | None:
    """The interval of its validation accuracy; where there is none, mean ± sd."""
    results = candidate.results
    if results.validation_interval is not None:
        return results.validation_interval.low, results.validation_interval.high
    if results.validation is None or results.validation.sd is None:
        return None
    return results.validation.mean - results.validation.sd, results.validation.mean + results.validation.sd


def whisker(axes: Axes, x: float, y: tuple[float, float], **look: Any) -> None:
    """An interval along y."""
    axes.plot([x, x], y, solid_capstyle="butt", linewidth=0.9, **look)


def points(axes: Axes, shown: Iterable[tuple[Standing, float, float]]) -> None:
    """Marks by standing, and above the axes what they mean where there are several kinds."""
    found: dict[Standing, list[tuple[float, float]]] = {}
    for standing, x, y in shown:
        found.setdefault(standing, []).append((x, y))
    for standing in WORDS:
        if standing in found:
            xs, ys = zip(*found[standing], strict=True)
            axes.plot(xs, ys, linestyle="none", label=WORDS[standing], **LOOKS[standing])
    if len(found) > 1:
        legend_above(axes)


def legend_above(axes: Axes, columns: int = 4) -> None:
    """A legend over the axes, where it covers nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, handletextpad=0.3, columnspacing=1.2, borderaxespad=0.2
    )  # fmt: skip


def intervals_at(data: ReportData) -> str:
    """The level of all intervals, in words."""
    return "" if data.level is None else f"{100 * data.level:.4g} % intervals"


def middle(interval: Interval) -> float:
    """The value, or half way between the bounds where only they are meant."""
    return (interval.low + interval.high) / 2 if interval.value is None else interval.value


def measured(candidates: Iterable[Candidate]) -> Iterator[tuple[Candidate, float]]:
    """Those with a validation accuracy, and its mean."""
    for candidate in candidates:
        if candidate.results.validation is not None:
            yield candidate, candidate.results.validation.mean
