"""The race on a ledger: rounds are trained here or by other processes, looks are kept in the decision log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.racing.looks import Look, Results
from scaling_search.report.figures import count
from scaling_search.search.grid import analysis, chance_level, decision_log
from scaling_search.search.grid.answer import named
from scaling_search.search.grid.candidates import RecordedCandidate, recorded, results_of
from scaling_search.search.grid.ledger_results import dataset_of, own_trials
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.trial import NOTHING_MORE, Extras, Trial, trial_of
from scaling_search.statistics.power import MOST_SEEDS
from scaling_search.system.clock import utc_now
from scaling_search.training.recipe import Recipe

if TYPE_CHECKING:
    # `report` reads rounds' results and must not load what trains them.
    from scaling_search.search.trial.trial import TrialRunner

_NOTHING: Mapping[str, Recipe] = {}
_ROUNDS_AHEAD = 2  # for workers that a round leaves idle


def train_base(
    trainer: TrialRunner,
    plan: GridPlan,
    tuned: Mapping[str, Recipe] = _NOTHING,
    extras: Extras = NOTHING_MORE,
) -> int:
    """Trains the network at φ = 0; returns the trials run here."""
    first = [
        trial_of(build, 0, tuned.get(build.fingerprint))
        for candidate in plan.candidates
        for build in candidate.builds
    ]
    screened = plan.space.study.grid.screening_epochs is not None
    recipe = tuned.get(plan.base.fingerprint)
    return run_trials(
        trainer,
        [trial_of(plan.base, seed, recipe) for seed in plan.base_seeds],
        extras=extras,
        likely=() if screened else first,
    )


def run(
    study: StudyRow,
    trainer: TrialRunner,
    plan: GridPlan,
    first: Sequence[str],
    *,
    tuned: Mapping[str, Recipe] = _NOTHING,
    until_decided: bool = False,
    extras: Extras = NOTHING_MORE,
) -> int:
    """Races the groups `first` of the plan's candidates. Returns the trials run here.

    `tuned`: the recipes of networks that have their own.

    Work that other processes hold is waited for at the end of a round, because the next round depends on it; a dead
    worker's trial is taken up. `until_decided` goes on after the study's seeds while the search is open.
    """
    ledger, grid = trainer.ledger, plan.space.study.grid
    planned: dict[str, Candidate] = {candidate.group: candidate for candidate in plan.candidates}
    every = recorded(ledger, study.name)
    racing = [candidate for candidate in every if candidate.group in first]
    # A race of some of the study's candidates is not the one that its report shows.
    whole = all(candidate.group in planned for candidate in every)
    earlier = decision_log.read(ledger, study.name, [candidate.group for candidate in every])
    known = {look.basis for look in earlier}
    by_group = {candidate.group: candidate for candidate in racing}
    standing: dict[str, float] = {}  # mean accuracy so far
    trained = 0

    def trials_of(names: Sequence[str], seeds: Sequence[int]) -> list[Trial]:
        return [
            trial_of(build, seed, tuned.get(build.fingerprint))
            for name in names
            for build in planned[name].builds
            for seed in seeds
        ]

    def train_round(names: Sequence[str], seeds: Sequence[int]) -> Results:
        nonlocal trained
        most = MOST_SEEDS if until_decided else grid.seeds
        after = range(max(seeds) + 1, min(max(seeds) + 1 + _ROUNDS_AHEAD * len(seeds), most))
        # Those that do best so far are the least likely to be eliminated first.
        best_first = sorted(names, key=lambda name: -standing.get(name, 0.0))
        likely = [trial for seed in after for trial in trials_of(best_first, [seed])]
        trained += run_trials(trainer, trials_of(names, seeds), extras=extras, likely=likely)
        trials = own_trials(ledger, study.name)
        low = chance_level.at_chance(ledger, trials)
        found = results_of([by_group[name] for name in names], trials, low)
        for name, by_seed in found.items():
            right = [float(marks.mean()) for marks in by_seed.values() if marks is not None]
            standing[name] = fmean(right) if right else 0.0
        return {name: {seed: by_seed[seed] for seed in seeds} for name, by_seed in found.items()}

    def keep(look: Look) -> None:
        if look.basis in known:
            return
        if whole:
            ledger.record(decision_log.rows(look, study=study.name, now=utc_now()))
        trainer.callback.look(_so_far(look, by_group))

    found = analysis.run_race(
        racing,
        train_round,
        grid,
        analysis.sample_of(dataset_of(ledger, study), grid.metric),
        seeds=range(MOST_SEEDS if until_decided else grid.seeds),
        recorded=earlier,
        together=trainer.networks.block,
        on_look=keep,
    )
    if whole and found.looks and found.decision is not None:
        last = decision_log.rows(found.looks[-1], study=study.name, now=utc_now(), decision=found.decision)
        if not decision_log.has(ledger, last):
            ledger.record(last)
    return trained


def _so_far(look: Look, candidates: dict[str, RecordedCandidate]) -> str:
    """The current best and how sure that is."""
    left = f"{count(len(look.keep), 'candidate')} left"
    behind = look.behind
    if behind is None or not behind.set:
        return f"after {count(look.seeds, 'seed')}: {left}"
    leader = min(behind.set, key=lambda name: behind.estimate[behind.row[name]])
    triple = named(candidates[leader].triple)
    most = 100 * float(behind.high[behind.row[leader]])
    return f"after {look.seeds} seeds: {triple} leads, at most {most:.2f} points behind the best; {left}"
