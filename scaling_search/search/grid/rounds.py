"""Rounds of a race on a ledger: one more seed for every candidate still running, then a look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaling_search.search.grid import analysis, chance_level, decision_log
from scaling_search.search.grid.candidates import recorded, scores_of
from scaling_search.search.grid.ledger_results import own_trials, read_log
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.trial import trial_of
from scaling_search.system.clock import utc_now

if TYPE_CHECKING:
    # `report` reads rounds' results and must not load what trains them.
    from scaling_search.ledger.reader import Reader
    from scaling_search.search.trial.trainer import Trainer


def run(study: str, trainer: Trainer, plan: GridPlan, first: Sequence[str]) -> int:
    """Trains round by round, beginning with the groups `first`. Returns the trials run here.

    Work that other processes hold is waited for at the end of a round, because the next round depends on it; a dead
    worker's trial is taken up.
    """
    grid = plan.space.study.grid
    by_group: dict[str, Candidate] = {candidate.group: candidate for candidate in plan.candidates}
    block = trainer.networks.block
    trained, racing = 0, list(first)
    for start in range(0, grid.seeds, block):
        seeds = range(start, min(start + block, grid.seeds))
        trained += run_trials(
            trainer,
            [trial_of(build, seed) for group in racing for build in by_group[group].builds for seed in seeds],
        )
        if grid.racing:
            racing = [group for group in look(study, trainer, grid.seeds) if group in by_group]
        if not racing:
            break
    return trained


def look(study: str, trainer: Trainer, seeds: int) -> Sequence[str]:
    """The groups that get another seed. Replayed from the ledger, so a killed race decides as it did before."""
    ledger = trainer.ledger
    trials = own_trials(ledger, study)
    scores = scores_of(recorded(ledger, study), trials, chance_level.at_chance(ledger, trials))
    if scores is None:
        return ()
    log = read_log(ledger, study)
    decided = analysis.raced(scores, trials, log, seeds=seeds)
    bases = decision_log.bases(
        scores, seeds=seeds, level=analysis.LEVEL, trained_by=analysis.trained_by(trials)
    )
    known, now = {look.round: look.basis for look in log.looks}, utc_now()
    new = [
        row
        for decision, basis in zip(decided, bases, strict=False)
        if known.get(decision.round) != basis
        for row in decision_log.rows(decision, study=study, basis=basis, now=now)
    ]
    if new:
        ledger.record(new)
    return () if decided[-1].finished(seeds) else decided[-1].keep


def running(ledger: Reader, study: str, seeds: int) -> Sequence[str] | None:
    """The same from a ledger that is only read; None before the first round is complete."""
    trials = own_trials(ledger, study)
    at_chance = chance_level.at_chance(ledger, trials)
    field = recorded(ledger, study)
    scores = scores_of(field, trials, at_chance)
    ranked = () if scores is None else scores.names
    broken = {row.network for row in trials if row.state in ("diverged", "failed") or row.key in at_chance}
    if any(one.group not in ranked and not broken & {row.network for row in one.rows} for one in field):
        return None
    if scores is None:
        return ()
    decided = analysis.raced(scores, trials, read_log(ledger, study), seeds=seeds)
    return () if not decided or decided[-1].finished(seeds) else decided[-1].keep
