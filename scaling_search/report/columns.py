"""Column makers for the figures this project shows, so that a unit is written and scaled in one place."""

from __future__ import annotations

from collections.abc import Iterable

from scaling_search.report import figures
from scaling_search.report.table import Column, Estimate, Interval, Place


def name(key: str, title: str, *, place: Place = "always", identifies: bool = False) -> Column:
    """Text, to the left."""
    return Column(key=key, title=title, align="left", place=place, identifies=identifies)


def hidden(key: str, *fields: str) -> Column:
    """For CSV and JSON only."""
    return Column(key=key, place="never", fields=fields)


def integer(key: str, title: str, *, place: Place = "always", identifies: bool = False) -> Column:
    """A whole number."""
    return Column(key=key, title=title, show=figures.integer, place=place, identifies=identifies)


def coefficient(
    key: str,
    title: str,
    numbers: Iterable[float | None],
    *,
    place: Place = "always",
    identifies: bool = False,
) -> Column:
    """Coefficients or φ: all with as many digits as the longest of ``numbers`` needs, at most four."""
    digits = max((_needed(number) for number in numbers if figures.present(number)), default=0)
    return Column(
        key=key,
        title=title,
        show=lambda cell: figures.decimal(cell, digits),
        place=place,
        identifies=identifies,
    )


def _needed(number: float | None) -> int:
    return len(f"{number:.4f}".rstrip("0").partition(".")[2])


def general(key: str, title: str) -> Column:
    """Numbers as they were printed elsewhere: no digit added."""
    return Column(key=key, title=title, show=lambda cell: f"{cell:g}")


def decimal(key: str, title: str, digits: int = 2, *, place: Place = "always", sign: bool = False) -> Column:
    """A number with a fixed count of digits after the point."""
    return Column(
        key=key, title=title, show=lambda cell: figures.decimal(cell, digits, sign=sign), place=place
    )


def millions(key: str, title: str, numbers: Iterable[float | None], *, place: Place = "always") -> Column:
    """Counts shown in millions (CSV and JSON have the count); ``numbers`` decide the digits.

    The title gets the unit: "MACs" becomes "MACs (M)".
    """
    digits = figures.digits_for(numbers, scale=1e-6)
    return Column(
        key=key,
        title=f"{title} (M)",
        show=lambda cell: figures.decimal(cell, digits, scale=1e-6),
        place=place,
    )


def percent(key: str, title: str, digits: int = 2, *, place: Place = "always") -> Column:
    """A fraction shown as a percentage. The title gets the unit."""
    return Column(key=key, title=f"{title} (%)", show=lambda cell: figures.percent(cell, digits), place=place)


def duration(key: str, title: str, *, place: Place = "always") -> Column:
    """Seconds, as people say them."""
    return Column(key=key, title=title, show=figures.duration, place=place)


def size(key: str, title: str, *, place: Place = "always") -> Column:
    """Bytes, as people say them."""
    return Column(key=key, title=title, show=figures.size, place=place)


def estimate(key: str, title: str, fields: tuple[str, str, str], *, place: Place = "always") -> Column:
    """An ``Estimate`` of a fraction: mean ± sd (n), in per cent. ``fields`` name mean, sd and n."""

    def show(cell: Estimate) -> str:
        return f"{figures.percent(cell.mean)} ± {figures.percent(cell.sd)} ({cell.seeds})"

    return Column(key=key, title=f"{title} (%), mean ± sd (n)", show=show, fields=fields, place=place)


def interval(
    key: str,
    title: str,
    fields: tuple[str, ...],
    digits: int = 2,
    *,
    sign: bool = False,
    place: Place = "filled",
) -> Column:
    """An ``Interval`` of a fraction in per cent or points; ``fields`` name value (if it has one), low and high."""

    def show(cell: Interval) -> str:
        bounds = ", ".join(figures.decimal(n, digits, scale=100, sign=sign) for n in (cell.low, cell.high))
        if cell.value is None:
            return f"[{bounds}]"
        return f"{figures.decimal(cell.value, digits, scale=100, sign=sign)} [{bounds}]"

    return Column(key=key, title=title, show=show, fields=fields, place=place)


def remark(key: str, title: str, *, place: Place = "filled") -> Column:
    """Text that most rows do not have: shown where some row does, blank in the others."""
    return Column(key=key, title=title, align="left", place=place, absent="")


def flag(key: str, title: str, *, place: Place = "filled") -> Column:
    """Yes or no."""
    return Column(key=key, title=title, show=lambda cell: "yes" if cell else "no", align="left", place=place)
