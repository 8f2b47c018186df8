"""A ledger for programs: the ledger itself, and its report as an object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.ledger.ledger import Ledger
from scaling_search.report import notebook
from scaling_search.report.render import render
from scaling_search.report.table import Document
from scaling_search.search.tables import study_report
from scaling_search.system.files import save

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class Report:
    """A study's report. `document` has all of its tables."""

    document: Document

    def to_html(self, path: str | Path) -> Path:
        """Write it as one HTML file that needs nothing else. Errors: StorageError."""
        return self._write(path, "html")

    def to_markdown(self, path: str | Path) -> Path:
        """Write it as Markdown. Errors: StorageError."""
        return self._write(path, "markdown")

    def to_dataframe(self) -> DataFrame:
        """The candidates and the members, one row each, as `report --format csv` has them. Needs pandas."""
        rows = [
            {"table": table.name, **table.record(row)}
            for table in self.document.tables
            for row in table.all_rows
        ]
        return notebook.frame(rows)

    def _repr_html_(self) -> str:
        return notebook.fragment(self.document)

    def _write(self, path: str | Path, form: str) -> Path:
        save(render(self.document, form), Path(path))
        return Path(path)


class OpenLedger(Ledger):
    """A ledger that reports. See `Ledger` for reading and writing single results."""

    def report(self, study: str | None = None) -> Report:
        """A study's report, by name or file; the newest unless given. Errors: InputError naming the studies."""
        return Report(document=study_report.document(self.snapshot(), study, place=self.place))


def open_ledger(place: str | Path, *, read_only: bool = False, **options: Any) -> OpenLedger:
    """Open a ledger, a file or a PostgreSQL URL, and make it where there is none (unless `read_only`).

    `options` are those of `Ledger.open`. Errors: UsageError, InputError, DamagedError, StorageError.
    """
    return OpenLedger.open(place, read_only=read_only, **options)
