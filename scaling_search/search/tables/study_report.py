"""`report`: one document from a ledger, without training and without loading an accelerator library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError, suggest
from scaling_search.ledger.storage.rows import GRID, FamilyRow, StudyRow
from scaling_search.ledger.storage.schema import CANDIDATES, STUDIES
from scaling_search.report.study import study_document
from scaling_search.report.table import Document
from scaling_search.search.family import results
from scaling_search.search.grid import report as grid_report
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.ledger_results import read_grid
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.trial import registry

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def document(ledger: Reader, study: str | None, *, every_family: bool = False) -> Document:
    """Grid, family and published tables of a study, given by name or file; the newest unless given.

    Of several families the winner's is shown, or all with `every_family`. Errors: InputError when the ledger has no
    such study.
    """
    row = choose(ledger, study)
    grid = found = None
    if ledger.rows(CANDIDATES, study=row.name, role=GRID):
        trials, found = read_grid(ledger, row)
        grid = grid_report.report_of(ledger, row, trials, found)
    families = results.families(ledger, row.name)
    shown = families if every_family else main_families(families, found)
    reports = [results.report_of(ledger, row, family)[0] for family in shown]
    # What was measured comes first, and into the chart.
    reports.sort(key=lambda report: all(member.accuracy is None for member in report.rows))
    if grid is None and not reports:
        raise InputError(
            f"study {row.name!r} has no candidates in this ledger yet: run `scaling-search grid`"
        )
    return study_document(grid=grid, families=reports)


def main_families(families: list[FamilyRow], found: GridAnalysis | None) -> list[FamilyRow]:
    """The newest families of the winner's triple, one of each kind; without them the newest."""
    winner = None
    if found is not None and found.choice is not None:
        winner = found.candidate(found.choice.winner).triple
    own = [row for row in families if (row.alpha, row.beta, row.gamma) == winner] or families[:1]
    return list({row.network: row for row in reversed(own)}.values())


def choose(ledger: Reader, study: str | None) -> StudyRow:
    """The row of a study given by name or by file, or the newest. Errors: InputError naming the ones there are."""
    if study is None:
        row = registry.newest(ledger)
        if row is None:
            raise InputError("this ledger has no study yet: run `scaling-search grid` first")
        return row
    found = _of_file(ledger, Path(study)) if study.endswith(".toml") else ledger.study(study)
    if found is None:
        raise InputError(suggest("study", study, [row.name for row in ledger.rows(STUDIES)]))
    return found


def _of_file(ledger: Reader, path: Path) -> StudyRow | None:
    """The study of a file: by its name, or by its network, recipe and data set, the newest of several."""
    settings = studies.read(path)
    if settings.name is not None and (named := ledger.study(settings.name)) is not None:
        return named
    space = search_space(settings)
    content = (fingerprint(space.base), space.recipe.canonical(), settings.dataset.name)
    return max(
        (row for row in ledger.rows(STUDIES) if (row.base, row.recipe, row.dataset_name) == content),
        key=lambda row: row.run_at,
        default=None,
    )
