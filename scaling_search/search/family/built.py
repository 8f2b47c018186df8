"""What the candidate of a triple built in a study's grid: as factors, and of the budget's cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from scaling_search.architecture.network import from_definition
from scaling_search.ledger.storage.rows import GRID, CandidateRow, StudyRow
from scaling_search.ledger.storage.schema import CANDIDATES
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid.candidates import realised_triple
from scaling_search.search.plan.search_space import SearchSpace

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def triple(ledger: Reader | None, study: StudyRow | None, named: Coefficients) -> Coefficients | None:
    """The factors that it built, as a triple; None where it was no candidate."""
    row = _candidate(ledger, study, named)
    return None if row is None else Coefficients.of(realised_triple(row))


def growth(ledger: Reader | None, study: StudyRow | None, space: SearchSpace, named: Coefficients) -> float:
    """By how much it multiplied the budget's cost with each step of φ; 2 where it was no candidate."""
    row = _candidate(ledger, study, named)
    known = None if row is None or ledger is None else ledger.network(row.network)
    if row is None or known is None:
        return 2.0
    amount = space.meter.read(space.budget.name, from_definition(known.definition, name=known.name))
    return float((amount / space.base_amount) ** (1 / (row.phi or 1.0)))


def _candidate(ledger: Reader | None, study: StudyRow | None, named: Coefficients) -> CandidateRow | None:
    if ledger is None or study is None:
        return None
    rows = ledger.rows(CANDIDATES, study=study.name, role=GRID, **asdict(named))
    return rows[0] if rows else None
