"""What a ledger says of a study's grid, without anything that could add to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.errors import InputError
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid import analysis, chance_level, screening_stage
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.grid_plan import FRESH_SEEDS
from scaling_search.search.plan.study import Study

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def read_grid(ledger: Reader, study: Study) -> tuple[tuple[TrialRow, ...], GridAnalysis]:
    """Trials and findings of a study's grid, from the ledger alone."""
    candidates = ledger.candidates(study.name, "grid")
    trials = own_trials(ledger, study.name)
    racing = study.grid.seeds if study.grid.racing else None
    at_chance = chance_level.at_chance(ledger, trials)
    exponents = QUANTITIES[study.grid.budget].exponents
    found = analysis.analyse(
        candidates,
        trials,
        racing_seeds=racing,
        at_chance=at_chance,
        recorded=ledger.decisions(study.name),
        exponents=exponents,
    )
    return trials, replace(found, screening=screening_stage.read(ledger, study))


def own_trials(ledger: Reader, study: str) -> tuple[TrialRow, ...]:
    """The trials of the study's grid candidates, by the study's recipe, on its data, with the grid's seeds."""
    networks = {row.network for row in ledger.candidates(study, "grid") if row.status != "dropped"}
    rows = ledger.trials(study=study, with_correct=True)
    return tuple(row for row in rows if row.network in networks and row.seed < FRESH_SEEDS)


if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def winner(study: Study, ledger: Reader) -> Coefficients:
    """The triple that the study's grid chose. Errors: InputError when the ledger has no finished trial of it."""
    _, found = read_grid(ledger, study)
    if found.choice is None:
        raise InputError(
            f"no finished grid of study {study.name!r} in this ledger: run `scaling-search grid` first, or give "
            "--coefficients ALPHA,BETA,GAMMA"
        )
    alpha, beta, gamma = found.rival(found.choice.winner).triple
    return Coefficients(alpha=alpha, beta=beta, gamma=gamma)
