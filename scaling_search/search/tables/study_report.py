"""`report`: one document from a ledger, without training and without loading an accelerator library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import InputError, suggest
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.report.study import study_document
from scaling_search.report.table import Document
from scaling_search.search.family import results
from scaling_search.search.grid.ledger_results import read_grid
from scaling_search.search.plan import study as studies
from scaling_search.search.tables import grid_table

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def document(ledger: Reader, study: str | None) -> Document:
    """Grid, family and published tables of a study, given by name or file; the newest unless given.

    Errors: InputError when the ledger has no such study.
    """
    row = choose(ledger, study)
    settings = studies.parse(row.toml, what=f"study {row.name} in the ledger")
    grid = None
    if ledger.candidates(row.name, "grid"):
        trials, found = read_grid(ledger, settings)
        grid = grid_table.report_of(ledger, settings, trials, found)
    family = None
    if ledger.candidates(row.name, "scale"):
        family, _ = results.report_of(ledger, row.name)
    if grid is None and family is None:
        raise InputError(
            f"study {row.name!r} has no candidates in this ledger yet: run `scaling-search grid`"
        )
    return study_document(grid=grid, family=family)


def choose(ledger: Reader, study: str | None) -> StudyRow:
    """The study's row. Errors: InputError naming the ones there are."""
    rows = sorted(ledger.studies(), key=lambda row: row.created_at)
    if not rows:
        raise InputError("this ledger has no study yet: run `scaling-search grid` first")
    if study is None:
        return rows[-1]
    name = studies.read(Path(study)).name if study.endswith(".toml") else study
    for row in rows:
        if row.name == name:
            return row
    raise InputError(suggest("study", name, [row.name for row in rows]))
