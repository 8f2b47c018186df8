"""What a ledger says of a study's grid, without anything that could add to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.errors import InputError
from scaling_search.ledger.storage.rows import GRID, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, DECISIONS, LOOKS
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid import analysis, chance_level, screening_stage
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.candidates import recorded
from scaling_search.search.grid.decision_log import Log
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.grid_plan import FRESH_SEEDS
from scaling_search.search.plan.study import Study

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def settings_of(row: StudyRow) -> Study:
    """The study as it was last run."""
    return studies.parse(row.toml, what=f"study {row.name} in the ledger")


def read_grid(ledger: Reader, row: StudyRow) -> tuple[tuple[TrialRow, ...], GridAnalysis]:
    """Trials and analysis of a study's grid, from the ledger alone."""
    study = settings_of(row)
    trials = own_trials(ledger, row.name)
    found = analysis.analyse(
        recorded(ledger, row.name),
        trials,
        racing_seeds=study.grid.seeds if study.grid.racing else None,
        at_chance=chance_level.at_chance(ledger, trials),
        log=read_log(ledger, row.name),
        exponents=QUANTITIES[study.grid.budget].exponents,
    )
    screening = screening_stage.read(ledger, row.name, study.grid.screening_epochs)
    return trials, replace(found, screening=screening)


def read_log(ledger: Reader, study: str) -> Log:
    """The study's decision log."""
    return Log(
        looks=tuple(ledger.rows(LOOKS, study=study)), decisions=tuple(ledger.rows(DECISIONS, study=study))
    )


def own_trials(ledger: Reader, study: str) -> tuple[TrialRow, ...]:
    """The trials of the study's grid candidates, by the study's recipe, on its data, with the grid's seeds."""
    networks = {row.network for row in ledger.rows(CANDIDATES, study=study, role=GRID)}
    rows = ledger.trials(study=study, with_correct=True)
    return tuple(row for row in rows if row.network in networks and row.seed < FRESH_SEEDS)


def winner(ledger: Reader, row: StudyRow) -> Coefficients:
    """The triple that the study's grid chose. Errors: InputError when the ledger has no finished trial of it."""
    _, found = read_grid(ledger, row)
    if found.choice is None:
        raise InputError(
            f"no finished grid of study {row.name!r} in this ledger: run `scaling-search grid` first, or give "
            "--coefficients ALPHA,BETA,GAMMA"
        )
    alpha, beta, gamma = found.candidate(found.choice.winner).triple
    return Coefficients(alpha=alpha, beta=beta, gamma=gamma)
