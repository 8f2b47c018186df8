"""A ledger for programs: the ledger itself, and its report as an object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.ledger.ledger import Ledger
from scaling_search.report import notebook
from scaling_search.report.render import render
from scaling_search.report.table import Document
from scaling_search.search.tables import study_report
from scaling_search.search.tables.study_report import StudyReport
from scaling_search.search.trial.weights import Checkpoints
from scaling_search.system.files import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Report(notebook.Shown):
    """A study's report."""

    study: StudyReport

    @cached_property
    def document(self) -> Document:
        """Answer, tables and details."""
        return self.study.document()

    def to_html(self, path: str | Path) -> Path:
        """Write it as a page: one file that loads nothing. Errors: StorageError."""
        from scaling_search.report.page.html import render as page

        save(page(self.study.page()), Path(path))
        return Path(path)

    def to_markdown(self, path: str | Path) -> Path:
        """Write it as Markdown. Errors: StorageError."""
        save(render(self.document, "markdown"), Path(path))
        return Path(path)

    def to_dataframe(self) -> DataFrame:
        """The candidates and the members, one row each, as `report --format csv` has them. Needs pandas."""
        rows = [
            {"table": table.name, **table.record(row)}
            for table in self.document.tables
            for row in table.all_rows
        ]
        return notebook.frame(rows)

    def figure(self, name: str, *, width: float = 4.6, cost: str | None = None) -> Figure:
        """A figure for a paper as matplotlib's object: see `report --figure`. Needs matplotlib.

        Errors: UsageError for another name or cost, InputError where there is nothing to draw, DeviceError.
        """
        from scaling_search.report.plots.figure import figure

        return figure(self.study.page(), name, width=width, cost=cost)


class OpenLedger(Ledger):
    """A ledger that reports. See `Ledger` for reading and writing single results."""

    def report(self, study: str | None = None, *, checkpoints: str | Path | None = None) -> Report:
        """A study's report, by name or file; the newest unless given. Errors: InputError naming the studies.

        `checkpoints`: the folder or URL of its weights, where they are not beside the ledger.
        """
        return Report(
            study=study_report.read(
                self.snapshot(), study, place=self.place, checkpoints=Checkpoints.of(self, checkpoints)
            )
        )


def open_ledger(place: str | Path, *, read_only: bool = False, **options: Any) -> OpenLedger:
    """Open a ledger, a file or a PostgreSQL URL, and make it where there is none (unless `read_only`).

    `options` are those of `Ledger.open`. Errors: UsageError, InputError, DamagedError, StorageError.
    """
    return OpenLedger.open(place, read_only=read_only, **options)
