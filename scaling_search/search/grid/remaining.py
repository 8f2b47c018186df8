"""What of a plan `grid` would still train, from what the ledger has: by content, never by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import FINISHED, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import SCREENED, SCREENINGS
from scaling_search.racing import screening
from scaling_search.search.forecast.model import NetworkSeed, missing
from scaling_search.search.grid import rounds, screening_stage
from scaling_search.search.grid.candidates import recorded
from scaling_search.search.plan.grid_plan import GridPlan

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader

# Every trial has this seed in a screening.
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """Trials to train. `at_most`: a race or a screening may spare some of them. `short`: those of the screening."""

    trials: tuple[NetworkSeed, ...]
    short: int = 0
    at_most: bool = False

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.trials) + self.short


def remaining(
    plan: GridPlan, ledger: Reader | None, own: StudyRow | None, rows: Sequence[TrialRow]
) -> Remaining:
    """What is left of a plan. `own` is the study in the ledger, where it has it; `rows` are all trials of its data.

    A trial that failed is not tried again unasked.
    """
    space = plan.space
    over = (*FINISHED, "failed")
    recipe = space.recipe.canonical()
    done = {(row.network, row.seed) for row in rows if row.recipe == recipe and row.state in over}
    short = _short(plan, rows, over)
    going_on = _going_on(plan, ledger, own, short)
    networks = {row.fingerprint for one in plan.candidates if one.group in going_on for row in one.builds}
    left = tuple(trial for trial in missing(plan, done) if trial[0] in networks)
    sparing = bool(short) or (space.study.grid.racing and len({seed for _, seed in left}) > 1)
    return Remaining(trials=left, short=len(short), at_most=bool(left) and sparing)


def _short(plan: GridPlan, rows: Sequence[TrialRow], over: Collection[str]) -> set[str]:
    """The networks whose short trial is missing."""
    recipe = plan.space.study.screening_recipe()
    if recipe is None or not screening.possible(len(plan.candidates)):
        return set()
    text = recipe.canonical()
    done = {row.network for row in rows if (row.recipe, row.seed) == (text, _SEED) and row.state in over}
    return {row.fingerprint for row in plan.networks} - done


def _going_on(
    plan: GridPlan, ledger: Reader | None, own: StudyRow | None, short: Collection[str]
) -> Collection[str]:
    """The groups that may still be trained in full: all, but for those screened out and those eliminated."""
    groups = {one.group for one in plan.candidates}
    if ledger is None or own is None:
        return groups
    grid = plan.space.study.grid
    if grid.screening_epochs is not None and not short and ledger.rows(SCREENINGS, study=own.name):
        rows = ledger.rows(
            SCREENED, study=own.name, epochs=grid.screening_epochs, verdict=screening_stage.SCREENED_OUT
        )
        groups -= {row.candidate for row in rows}
    known = {one.group for one in recorded(ledger, own.name)}
    if not grid.racing or not groups <= known:
        return groups  # a candidate that is new to the race is compared with all
    running = rounds.running(ledger, own.name, grid.seeds)
    return groups if running is None else groups & set(running)


def sentence(plan: GridPlan, left: Remaining | None) -> str:
    """What `grid` would train, in words."""
    grid, full = plan.space.study.grid, len(plan.networks) * plan.space.study.grid.seeds
    trials = f"{len(plan.networks)} networks x {grid.seeds} seeds on {plan.space.info.name}"
    if left is None or len(left.trials) == full:
        said = f"{'at most ' if grid.racing else ''}{trials}"
    elif not left.trials:
        said = f"none of {trials}: they are in the ledger, or no longer needed"
    else:
        bound = "at most " if left.at_most else ""
        said = f"{bound}{len(left.trials)} of {trials}; the others are in the ledger, or no longer needed"
    brief = f"; for the screening, {left.short} short trials" if left is not None and left.short else ""
    return f"grid would train {said}{brief}."
