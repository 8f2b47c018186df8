"""What a ledger says of a study's grid, without anything that could add to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.ledger.rows import TrialRow
from scaling_search.search import judge, learned, stage
from scaling_search.search.budget import QUANTITIES
from scaling_search.search.judge import Findings
from scaling_search.search.study import Study

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader

# Seeds from here on belong to `scale`: its figures must not be those that chose the winner.
FRESH_SEEDS = 1_000_000


def read_grid(ledger: Reader, study: Study) -> tuple[tuple[TrialRow, ...], Findings]:
    """Trials and findings of a study's grid, from the ledger alone."""
    candidates = ledger.candidates(study.name, "grid")
    trials = own_trials(ledger, study.name)
    racing = study.grid.seeds if study.grid.racing else None
    stuck = learned.unlearned(ledger, trials)
    exponents = QUANTITIES[study.grid.budget].exponents
    found = judge.findings(
        candidates,
        trials,
        racing_seeds=racing,
        unlearned=stuck,
        recorded=ledger.decisions(study.name),
        exponents=exponents,
    )
    return trials, replace(found, first_stage=stage.read(ledger, study))


def own_trials(ledger: Reader, study: str) -> tuple[TrialRow, ...]:
    """The trials of the study's grid candidates, by the study's recipe, on its data, with the grid's seeds."""
    networks = {row.network for row in ledger.candidates(study, "grid") if row.status != "dropped"}
    rows = ledger.trials(study=study, with_correct=True)
    return tuple(row for row in rows if row.network in networks and row.seed < FRESH_SEEDS)
