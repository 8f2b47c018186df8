"""`report`: one document from a ledger, without training and without loading an accelerator library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError, suggest
from scaling_search.ledger.storage.rows import GRID, OF_RECIPES, EvaluationRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, STUDIES
from scaling_search.report.page.data import MappedImage, ReportData
from scaling_search.report.rows import FamilyReport, GridReport, MemberRow
from scaling_search.report.study import study_document
from scaling_search.report.table import Document, Scalar
from scaling_search.search.family import results
from scaling_search.search.forecast import ledger_record
from scaling_search.search.forecast.ledger_record import ForecastCheck
from scaling_search.search.grid import report as grid_report
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.answer import Command
from scaling_search.search.grid.base import facts_of
from scaling_search.search.grid.chance_level import Chance
from scaling_search.search.grid.families import families
from scaling_search.search.grid.families import shown as shown_families
from scaling_search.search.grid.ledger_results import dataset_of, read_grid, settings_of
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.seeds import TUNING_SEED
from scaling_search.search.recipe_check.analysis import read_check
from scaling_search.search.recipe_check.document import document as check_document
from scaling_search.search.tables.page_data import page_data
from scaling_search.search.trial import registry

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.trial.weights import Checkpoints


@dataclass(frozen=True, kw_only=True)
class StudyReport:
    """Everything that a ledger says of a study, read once."""

    study: StudyRow
    grid: GridReport | None
    found: GridAnalysis | None
    families: tuple[FamilyReport, ...]
    trials: tuple[TrialRow, ...]
    evaluations: tuple[EvaluationRow, ...]
    chance: Chance | None
    budget: str
    forecast: ForecastCheck | None
    opening: Mapping[str, Scalar]
    conditions: dict[str, Scalar]
    recipe: Document | None

    def document(self) -> Document:
        """Answer, tables and details; those of the recipe check where there is nothing else."""
        if self.grid is None and not self.families and self.recipe is not None:
            return self.recipe
        more = () if self.recipe is None else self.recipe.tables
        return study_document(
            grid=self.grid,
            families=self.families,
            more=more,
            facts=self.opening,
            conditions=self.conditions,
        )

    def page(self, images: Sequence[MappedImage] = ()) -> ReportData:
        """What the page and the figures for papers draw; `images` with what members look at in them."""
        return page_data(self, images)


def read(
    ledger: Reader,
    study: str | None,
    *,
    every_family: bool = False,
    place: str | None = None,
    checkpoints: Checkpoints | None = None,
) -> StudyReport:
    """A study, given by name or file; the newest unless given.

    Of several families the winner's is shown, or all with `every_family`; `place` is the ledger as a command names it,
    `checkpoints` where its weights lie.
    Errors: InputError when the ledger has no such study.
    """
    row = choose(ledger, study)
    grid = found = check = None
    roles = {one.role for one in ledger.rows(CANDIDATES, study=row.name)} - set(OF_RECIPES)
    trained = ledger.trials(study=row.name, roles=roles, with_correct=True)
    own = tuple(trial for trial in trained if trial.seed != TUNING_SEED)
    if ledger.rows(CANDIDATES, study=row.name, role=GRID):
        trials, found = read_grid(ledger, row)
        grid = grid_report.report_of(ledger, row, trials, found, place=place, checkpoints=checkpoints)
        check = ledger_record.check(ledger, row.name)
    named = None if found is None or found.winner is None else found.winner.triple
    every = families(ledger, row.name, named)
    shown = every if every_family else shown_families(every)
    # What was measured comes first, and into the chart.
    reports = tuple(
        sorted(
            (results.report_of(ledger, row, family)[0] for family in shown),
            key=lambda report: all(member.accuracy is None for member in report.rows),
        )
    )
    command = Command.at(row.name, place, checkpoints)
    checked = read_check(ledger, row)
    if grid is None and not reports and checked is None:
        raise InputError(
            f"study {row.name!r} has no candidates in this ledger yet: run `scaling-search grid`"
        )
    data = dataset_of(ledger, row)
    return StudyReport(
        study=row,
        grid=grid,
        found=found,
        families=reports,
        trials=own,
        evaluations=tuple(ledger.evaluations([trial.key for trial in own])),
        chance=None if data is None else Chance.of(data),
        budget=settings_of(row).grid.budget,
        forecast=check,
        opening=facts_of(ledger, row, _base_in(reports, row)) if grid is None else grid.opening,
        conditions=conditions(ledger, row),
        recipe=None if checked is None else check_document(row, checked, command),
    )


def _base_in(reports: Iterable[FamilyReport], row: StudyRow) -> MemberRow | None:
    """The base as a trained member of a family, its φ = 0."""
    members = (member for report in reports for member in report.rows if member.accuracy is not None)
    return next((member for member in members if member.candidate.fingerprint == row.base), None)


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


def conditions(ledger: Reader, row: StudyRow) -> dict[str, Scalar]:
    """What a study's figures rest on: network, recipe, images, device, versions."""
    settings = settings_of(row)
    data = dataset_of(ledger, row)
    base = ledger.network(row.base)
    recipe = json.loads(row.recipe)
    trials = ledger.trials(study=row.name)
    found: dict[str, Scalar] = {"baseline": row.baseline}
    if base is not None:
        proxy = "" if settings.proxy is None else f", a proxy at {base.resolution} px"
        found["base network"] = (
            f"{base.name}{proxy}: {base.macs or 0:,} MACs, {base.parameters or 0:,} parameters"
        )
    if data is not None:
        chance = Chance.of(data)
        found["images"] = (
            f"{data.train_images:,} to train, {data.validation_images:,} to validate, "
            f"{data.test_images or 0:,} to test; {len(chance.classes)} classes"
        )
        found["chance"] = f"{chance.accuracy:.1%}, always naming the commonest class"
    found["metric"] = settings.grid.metric
    found["recipe"] = ", ".join(
        f"{key} {value}" for key, value in recipe.items() if value is not None and key != "format"
    )
    for what in ("device", "arithmetic", "versions"):
        met = sorted({str(getattr(one, what)) for one in trials if getattr(one, what)})
        if what == "versions":
            met = [", ".join(f"{name} {one}" for name, one in json.loads(text).items()) for text in met]
        found[what] = "; ".join(met) or None
    return {key: value for key, value in found.items() if value is not None}
