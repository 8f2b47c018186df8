"""`plan`: what `grid` would do, before any compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_search.report import notebook
from scaling_search.search.forecast.step_latency import timed_space
from scaling_search.search.grid import requirements
from scaling_search.search.grid.requirements import Requirements
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import GridPlan, grid_plan
from scaling_search.search.plan.study import Study
from scaling_search.search.tables import plan_table
from scaling_search.search.trial.trial import Callback, Callbacks

if TYPE_CHECKING:
    from pandas import DataFrame

    from scaling_search.ledger.reader import Reader


@dataclass(frozen=True, kw_only=True)
class PlanResult:
    """A plan and what it takes."""

    plan: GridPlan
    requirements: Requirements

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What `grid` would train."""
        return self.plan.candidates

    def to_dataframe(self) -> DataFrame:
        """One row per triple. Needs pandas."""
        return notebook.frame(plan_table.record(self.plan, self.requirements)["candidates"])

    def _repr_html_(self) -> str:
        return notebook.fragment(plan_table.document(self.plan, self.requirements))


def plan(
    study: Study,
    *,
    ledger: Reader | None = None,
    measure: bool = False,
    workers: int = 1,
    callbacks: Sequence[Callback] = (),
) -> PlanResult:
    """What `grid` would do, before any compute; `measure` compiles and times a network or two.

    `workers`: how many would train at the same time. Errors: InputError, UsageError.
    """
    callback = Callbacks(callbacks)
    found = grid_plan(timed_space(study, say=callback.note))
    say = callback.note if measure else None
    ahead = requirements.requirements(found, ledger, measure=say, workers=workers)
    return PlanResult(plan=found, requirements=ahead)
