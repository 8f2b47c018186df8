"""What of a plan `grid` would still train, from what the ledger has: by content, never by name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import FINISHED, StudyRow, TrialRow
from scaling_search.racing import screening
from scaling_search.report.figures import count
from scaling_search.search.forecast.model import NetworkSeed, missing
from scaling_search.search.grid import analysis, chance_level, decision_log, screening_stage, tuning
from scaling_search.search.grid.candidates import recorded, results_of
from scaling_search.search.grid.ledger_results import dataset_of, own_trials
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.plan.seeds import TUNING_SEED

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader

# Every short trial of a screening has this seed.
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """Trials to train: of the candidates, of the base network, short ones of the screening, and those that tune rates.

    `at_most`: a race or a screening may spare some of them.
    """

    trials: tuple[NetworkSeed, ...]
    base: tuple[NetworkSeed, ...] = ()
    short: int = 0
    tuning: tuple[NetworkSeed, ...] = ()
    at_most: bool = False

    @property
    def seeds(self) -> frozenset[NetworkSeed]:
        """All but the short ones."""
        return frozenset({*self.trials, *self.base, *self.tuning})

    @property
    def count(self) -> int:
        """All of them."""
        return len(self.seeds) + self.short


def remaining(
    plan: GridPlan, ledger: Reader | None, own: StudyRow | None, rows: Sequence[TrialRow]
) -> Remaining:
    """What is left of a plan. `own` is the study in the ledger, where it has it; `rows` are all trials of its data.

    A trial that failed is not tried again unasked.
    """
    space, over = plan.space, (*FINISHED, "failed")
    recipe = space.recipe.canonical()
    own_recipes = {} if ledger is None or own is None else tuning.chosen(ledger, own.name)
    done = {
        (row.network, row.seed)
        for row in rows
        if row.recipe == own_recipes.get(row.network, recipe) and row.state in over
    }
    tries = [] if ledger is None or own is None else tuning.tuning_trials(ledger, own.name, space)
    tried = {(row.network, row.seed) for row in tries if row.state in over}
    short = _short(plan, rows, over)
    going_on = _going_on(plan, ledger, own, short, done)
    networks = {row.fingerprint for one in plan.candidates if one.group in going_on for row in one.builds}
    every = missing(plan, done | tried)
    left = tuple(trial for trial in every if trial[0] in networks and trial[1] < TUNING_SEED)
    sparing = bool(short) or (space.study.grid.racing and len({seed for _, seed in left}) > 1)
    base = ((plan.base.fingerprint, seed) for seed in plan.base_seeds)
    return Remaining(
        trials=left,
        base=tuple(trial for trial in base if trial not in done),
        short=len(short),
        tuning=tuple(trial for trial in every if trial[1] >= TUNING_SEED),
        at_most=bool(left) and sparing,
    )


def _short(plan: GridPlan, rows: Sequence[TrialRow], over: Collection[str]) -> set[str]:
    """The networks whose short trial is missing."""
    recipe = plan.space.study.screening_recipe(plan.space.images)
    if recipe is None or not screening.possible(len(plan.candidates)):
        return set()
    text = recipe.canonical()
    done = {row.network for row in rows if (row.recipe, row.seed) == (text, _SEED) and row.state in over}
    return {row.fingerprint for row in plan.networks} - done


def _going_on(
    plan: GridPlan,
    ledger: Reader | None,
    own: StudyRow | None,
    short: Collection[str],
    done: Collection[NetworkSeed],
) -> set[str]:
    """The groups that may still be trained in full: all, but for those screened out, eliminated or broken."""
    groups = {one.group for one in plan.candidates}
    if ledger is None or own is None:
        return groups
    grid = plan.space.study.grid
    stage = None if short else screening_stage.read(ledger, own.name, grid.screening_epochs)
    out = () if stage is None else stage.screened_out
    racing = [one for one in plan.candidates if one.group not in out]
    field, trials = recorded(ledger, own.name), own_trials(ledger, own.name)
    at_chance = chance_level.at_chance(ledger, trials)
    found = analysis.analyse(
        field,
        trials,
        grid,
        dataset=dataset_of(ledger, own),
        at_chance=at_chance,
        recorded=decision_log.read(ledger, own.name, [one.group for one in field]),
        screening=stage,
    ).race
    going_on = {one.group for one in racing}
    known = {one.group for one in field}
    first = {(row.fingerprint, _SEED) for one in racing for row in one.builds}
    if found is None or not going_on <= known or not first <= set(done):
        return going_on  # before the first round is complete, all are in the race
    if found.ended != "stopped":
        return set()
    if grid.racing:
        return going_on & set(found.looks[-1].keep) if found.looks else going_on
    results = results_of(field, trials, at_chance)
    return {group for group in going_on if all(marks is not None for marks in results[group].values())}


def sentence(plan: GridPlan, left: Remaining | None) -> str:
    """What `grid` would train, in words."""
    grid, full = plan.space.study.grid, len(plan.networks) * plan.space.study.grid.seeds
    trials = f"{count(len(plan.networks), 'network')} x {count(grid.seeds, 'seed')} on {plan.space.info.name}"
    if left is None or len(left.trials) == full:
        said = f"{'at most ' if grid.racing else ''}{trials}"
    elif not left.trials:
        said = f"none of {trials}: they are in the ledger, or no longer needed"
    else:
        bound = "at most " if left.at_most else ""
        said = f"{bound}{len(left.trials)} of {trials}; the others are in the ledger, or no longer needed"
    base = len(plan.base_seeds) if left is None else len(left.base)
    more = [f"{base} of the base network"] if base else []
    more += [f"{count(left.short, 'short one')} for the screening"] if left is not None and left.short else []
    more += [f"{len(left.tuning)} that tune rates"] if left is not None and left.tuning else []
    besides = f"; besides {' and '.join(more)}" if more else ""
    return f"grid would train {said}{besides}."
