"""Figures for papers, from the same data as the page: ``figure`` gives matplotlib's object, ``save_figure`` a file."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.errors import DeviceError, UsageError, suggest
from scaling_search.report.page.data import ReportData
from scaling_search.system.files import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = ("accuracy-cost", "doubling", "behind-the-best", "race", "family")
KINDS = ("svg", "pdf", "png")
# Nothing in a file says when it was made: the same data give the same bytes.
_UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def figure(data: ReportData, name: str, *, width: float = 4.6, cost: str | None = None) -> Figure:
    """One of ``FIGURES``, ``width`` inches wide; ``cost`` is the key of the cost of "accuracy-cost".

    Errors: UsageError for a name or cost that there is not, InputError where the data have nothing to draw,
    DeviceError where matplotlib is not installed.
    """
    if name not in FIGURES:
        raise UsageError(suggest("figure", name, FIGURES))
    if cost is not None and name != "accuracy-cost":
        raise UsageError(f"a cost is for the figure accuracy-cost: {name} has none")
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure

    from scaling_search.report.plots import candidates, doubling, style, training

    with matplotlib.rc_context(style.SETTINGS):
        drawn = Figure(figsize=(width, _height(data, name, width)), layout="constrained")
        axes = drawn.add_subplot()
        match name:
            case "accuracy-cost":
                candidates.accuracy_cost(axes, data, cost)
            case "doubling":
                doubling.doubling(axes, data)
            case "behind-the-best":
                candidates.behind_the_best(axes, data)
            case "race":
                training.race(axes, data)
            case _:
                training.family(axes, data)
    return drawn


def save_figure(
    data: ReportData, name: str, path: Path, *, width: float = 4.6, cost: str | None = None
) -> None:
    """The figure as a file of one of ``KINDS``, by the path's ending, with its fonts inside.

    Errors: as ``figure``; UsageError for another ending, StorageError where the file cannot be written.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in KINDS:
        legal = ", ".join(f".{ending}" for ending in KINDS)
        raise UsageError(f"a figure cannot be written as {path.name!r}. Legal endings: {legal}")
    drawn = figure(data, name, width=width, cost=cost)
    from scaling_search.report.plots import style

    file = io.BytesIO()
    with _matplotlib().rc_context(style.SETTINGS), warnings.catch_warnings():
        # A sign that the font does not have is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        drawn.savefig(file, format=kind, metadata=_UNDATED[kind])
    save(file.getvalue(), path)


def _height(data: ReportData, name: str, width: float) -> float:
    if name == "behind-the-best":
        from scaling_search.report.plots.candidates import ROWS

        return 0.7 + 0.16 * min(ROWS, max(6, sum(one.behind is not None for one in data.candidates)))
    return width * (0.95 if name == "doubling" else 0.68)


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise DeviceError(
            "figures need matplotlib, which is not installed: pip install 'scaling-search[plots]'"
        ) from None
    return matplotlib
