"""What a ledger says of a study's grid, without anything that could add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_search.errors import InputError
from scaling_search.ledger.storage.rows import BASE, GRID, DatasetRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import DATASETS
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid import analysis, chance_level, decision_log, screening_stage
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.candidates import recorded
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.seeds import FRESH_SEEDS
from scaling_search.search.plan.study import Study
from scaling_search.statistics import Estimate

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def settings_of(row: StudyRow) -> Study:
    """The study as it was last run."""
    return studies.parse(row.toml, what=f"study {row.name} in the ledger")


def read_grid(ledger: Reader, row: StudyRow) -> tuple[tuple[TrialRow, ...], GridAnalysis]:
    """Trials and analysis of a study's grid, from the ledger alone."""
    study = settings_of(row)
    trials, base = own_trials(ledger, row.name), own_trials(ledger, row.name, BASE)
    candidates = recorded(ledger, row.name)
    found = analysis.analyse(
        candidates,
        trials,
        study.grid,
        dataset=dataset_of(ledger, row),
        at_chance=chance_level.at_chance(ledger, [*trials, *base]),
        recorded=decision_log.read(ledger, row.name, [candidate.group for candidate in candidates]),
        base=base,
        screening=screening_stage.read(ledger, row.name, study.grid.screening_epochs),
        exponents=QUANTITIES[study.grid.budget].exponents,
    )
    return trials, found


def base_accuracy(ledger: Reader, row: StudyRow) -> Estimate | None:
    """What a study's base reached, without the analysis of its candidates; None where it was not trained."""
    trials = own_trials(ledger, row.name, BASE)
    sample = analysis.sample_of(dataset_of(ledger, row), settings_of(row).grid.metric)
    return analysis.accuracy_of_base(trials, chance_level.at_chance(ledger, trials), sample)


def dataset_of(ledger: Reader, row: StudyRow) -> DatasetRow | None:
    """The study's data set, as far as figures rest on it."""
    return next(iter(ledger.rows(DATASETS, fingerprint=row.dataset)), None)


def own_trials(ledger: Reader, study: str, role: str = GRID) -> tuple[TrialRow, ...]:
    """The trials of a study's candidates of one role, by their recipes, on its data, with the grid's seeds."""
    rows = ledger.trials(study=study, roles=(role,), with_correct=True)
    return tuple(row for row in rows if row.seed < FRESH_SEEDS)


def winner(ledger: Reader, row: StudyRow) -> tuple[Coefficients, bool]:
    """The triple that the study's grid names, and whether that is decided.

    Errors: InputError when the ledger has no result of it, or nothing that learned.
    """
    _, found = read_grid(ledger, row)
    if found.winner is None:
        raise InputError(
            f"no candidate of study {row.name!r} has a result in this ledger that could be scaled: run "
            "`scaling-search grid` first, or give --coefficients ALPHA,BETA,GAMMA"
        )
    return Coefficients.of(found.winner.triple), found.decided
