"""The one table that every command prints: columns say what a cell is and how people read it, rows hold cells.

Cells stay figures (not text) until a renderer shows them, so CSV and JSON keep every digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from scaling_search.report.figures import MISSING

Place = Literal["always", "filled", "details", "never"]
Emphasis = Literal["plain", "strong", "faint"]
ANSWER_LINES = 3
Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over seeds, its sample standard deviation (n - 1; None for one seed) and the number of seeds."""

    mean: float
    sd: float | None
    seeds: int

    @property
    def parts(self) -> tuple[Scalar, ...]:
        """In the order of a column's ``fields``."""
        return self.mean, self.sd, self.seeds


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value between two bounds; ``value`` is None where only the bounds are meant."""

    low: float
    high: float
    value: float | None = None

    @property
    def parts(self) -> tuple[Scalar, ...]:
        """In the order of a column's ``fields``."""
        return (self.low, self.high) if self.value is None else (self.value, self.low, self.high)


@dataclass(frozen=True)
class Parts:
    """Figures that people read as one cell."""

    parts: tuple[Scalar, ...]


def _shown(cell: Any) -> str:
    return str(cell)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    ``title`` has the unit. ``show`` turns a present cell into text (escaping is the renderer's). ``fields`` are
    the names under which CSV and JSON write the cell's parts; one field, ``key``, unless given. ``csv_fields``: the
    columns into which CSV spreads a cell that is an object in JSON. ``place`` says
    whether people see it: always, only where some cell is filled, only with the details (and filled), or never
    (machines only). ``identifies`` marks the columns that say which row it is: they are repeated where a wide table
    is split. ``absent`` stands for a missing figure.
    """

    key: str
    title: str = ""
    show: Callable[[Any], str] = _shown
    align: Literal["left", "right"] = "right"
    fields: tuple[str, ...] = ()
    csv_fields: tuple[str, ...] = ()
    place: Place = "always"
    identifies: bool = False
    absent: str = MISSING

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the cell's parts in CSV and JSON."""
        return self.fields or (self.key,)

    def text(self, cell: Any) -> str:
        """The cell as people read it, not yet escaped."""
        return self.absent if cell is None else self.show(cell)

    def record(self, cell: Any) -> dict[str, Any]:
        """The cell's parts by name; a part that is missing or not finite is None."""
        if cell is None:
            return dict.fromkeys(self.names)
        parts = cell.parts if isinstance(cell, Estimate | Interval | Parts) else (cell,)
        return {name: finite(part) for name, part in zip(self.names, parts, strict=True)}


def finite(part: Any) -> Any:
    """None in place of NaN and infinities, which JSON does not have."""
    return None if isinstance(part, float) and not math.isfinite(part) else part


@dataclass(frozen=True, kw_only=True)
class Row:
    """Cells by column key; None is a missing figure."""

    cells: Mapping[str, Any]
    emphasis: Emphasis = "plain"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A titled table. ``name`` is its key in JSON; ``reference`` is the row others are measured against, the base.

    ``most`` bounds the rows that a terminal shows (the other formats have all).
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    reference: Row | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        keys = {column.key for column in self.columns}
        if len(keys) != len(self.columns):
            raise ValueError(f"table {self.name!r}: two columns have the same key")
        for row in self.all_rows:
            if row.cells.keys() != keys:
                raise ValueError(f"table {self.name!r}: cells {sorted(row.cells)} for columns {sorted(keys)}")

    @property
    def all_rows(self) -> tuple[Row, ...]:
        """The reference row, where there is one, then the rows."""
        return self.rows if self.reference is None else (self.reference, *self.rows)

    @property
    def visible(self) -> tuple[Column, ...]:
        """The columns that people see."""
        return self.seen(details=False)

    def seen(self, *, details: bool) -> tuple[Column, ...]:
        """The columns that people see, without or with those that are folded away."""
        rows = self.all_rows

        def filled(column: Column) -> bool:
            return any(row.cells[column.key] is not None for row in rows)

        return tuple(
            column
            for column in self.columns
            if column.place == "always"
            or (column.place == "filled" and filled(column))
            or (column.place == "details" and details and filled(column))
        )

    def texts(self, columns: tuple[Column, ...]) -> list[tuple[str, ...]]:
        """``all_rows`` as people read them, not yet escaped."""
        return [tuple(column.text(row.cells[column.key]) for column in columns) for row in self.all_rows]

    def record(self, row: Row) -> dict[str, Any]:
        """A row as CSV and JSON have it: parts by name, in the order of the columns."""
        whole: dict[str, Any] = {}
        for column in self.columns:
            whole |= column.record(row.cells[column.key])
        return whole


@dataclass(frozen=True, kw_only=True)
class Details:
    """What people see only when they ask for it. CSV, JSON and LaTeX always have it."""

    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Document:
    """What one command prints: the answer and tables.

    ``answer`` is 1 to 3 lines that come first; code in them stands between backticks. ``facts`` are single
    figures or names, in JSON at the top level and for people above the tables; ``labels`` are in JSON alone.
    ``details`` are folded away, and so are the tables' columns of place "details".
    """

    title: str
    tables: tuple[Table, ...]
    answer: tuple[str, ...] = ()
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    details: Details = Details()

    def __post_init__(self) -> None:
        if len(self.answer) > ANSWER_LINES or not all(line.strip() for line in self.answer):
            raise ValueError(f"an answer has at most {ANSWER_LINES} lines, none empty: {self.answer}")

    @property
    def all_tables(self) -> tuple[Table, ...]:
        """Those of the details too."""
        return (*self.tables, *self.details.tables)

    @property
    def all_notes(self) -> tuple[str, ...]:
        """Of all tables, then the document's own, those of the details too."""
        notes = (note for table in self.all_tables for note in table.notes)
        return (*notes, *self.notes, *self.details.notes)

    @property
    def folded_tables(self) -> tuple[Table, ...]:
        """What the details show as tables: those with columns that are folded away, then the details' own."""
        wider = (table for table in self.tables if len(table.seen(details=True)) > len(table.visible))
        return (*wider, *self.details.tables)


def of(table: Table) -> Document:
    """A document of one table."""
    return Document(title="", tables=(table,))
