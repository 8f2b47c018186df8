"""`grid`: plan, train every candidate not yet in the ledger, race, choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import InputError, ScalingSearchError
from scaling_search.ledger.rows import DecisionRow, TrialRow
from scaling_search.search import (
    announced,
    datasets,
    forecast,
    judge,
    learned,
    minutes,
    origin,
    pilot,
    records,
    results,
    rounds,
    speed,
    stage,
)
from scaling_search.search.announced import Compared
from scaling_search.search.judge import Findings
from scaling_search.search.plan import Planned, plan
from scaling_search.search.race import Decision
from scaling_search.search.rivals import rivals_of, scores_of
from scaling_search.search.scores import Scores
from scaling_search.search.study import Study

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.jobs import Watcher
    from scaling_search.search.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class GridOutcome:
    """What `grid` did and found. `trained` counts the trials that this call ran; `compared` is its forecast and
    what came of it.
    """

    planned: Planned
    trained: int
    trials: tuple[TrialRow, ...]
    found: Findings
    compared: Compared | None


def grid(
    study: Study,
    ledger: Ledger,
    *,
    watcher: Watcher,
    should_stop: Callable[[], bool],
    checkpoints: Path | None,
    retry_failed: bool = False,
) -> GridOutcome:
    """The search. Errors: TrainingStopped (all finished trials are kept), InputError, StorageError."""
    planned = plan(study, say=watcher.note, should_stop=should_stop)
    trainer = make_trainer(
        study,
        ledger,
        watcher=watcher,
        should_stop=should_stop,
        checkpoints=checkpoints,
        retry_failed=retry_failed,
    )
    recipe, dataset = trainer.recipe.canonical(), trainer.dataset.fingerprint
    records.record_plan(ledger, study, planned.plans, recipe=recipe, dataset=dataset)
    field = rounds.contenders(planned.plans)
    if not field:
        raise InputError(
            "no triple is kept at every phi of the grid: drop a phi or raise grid.macs_tolerance"
        )
    _announce(planned, trainer)
    networks = sum(len(contender.members) for contender in field)
    staged = study.grid.pilot_epochs is not None and pilot.possible(len(field))
    watcher.expect(networks * (study.grid.seeds + staged))
    first, trained = stage.run(study, trainer, field)
    race = Race(study, ledger)
    # Once more until nothing is left to do: a candidate that diverged late may have ruled out one that is back now.
    while ran := rounds.run(trainer, field, range(study.grid.seeds), race.after_round, first=first):
        trained += ran
    trials, found = results.read_grid(ledger, study)
    compared = announced.compare(ledger, study.name, trials)
    return GridOutcome(planned=planned, trained=trained, trials=trials, found=found, compared=compared)


def _announce(planned: Planned, trainer: Trainer) -> None:
    """Says how long it will take, from trials of this device, a measurement in the cache, or one made now."""
    from scaling_search.training.outcome import OutOfMemory, TrainingStopped

    ledger, recipe, dataset = trainer.ledger, trainer.recipe, trainer.dataset.fingerprint
    rows = [row for row in ledger.trials() if (row.recipe, row.dataset) == (recipe.canonical(), dataset)]
    if announced.stands(ledger, planned, rows):
        return
    basis = forecast.from_ledger(recipe, rows, device=origin.device())
    if basis is None:
        known = speed.remembered(planned)
        if known is None or known.device != origin.device():
            try:
                known = speed.measure(planned, trainer, trainer.watcher.note)
            except OutOfMemory:
                return  # its trial will fail, and be recorded with the reason
            except (TrainingStopped, ScalingSearchError):
                raise
            except Exception as error:
                trainer.watcher.say(f"no forecast: {type(error).__name__}: {error}")
                return
        basis = speed.basis(planned, known)
    for sentence in forecast.sentences(announced.announce(ledger, planned, basis, rows)):
        trainer.watcher.note(sentence)


class Race:
    """Decides after each round who goes on, and writes the decision into the ledger."""

    def __init__(self, study: Study, ledger: Ledger) -> None:
        self.study = study
        self.ledger = ledger

    def after_round(self, racing: Sequence[str]) -> Sequence[str]:
        """The keys that get another seed. Replayed from the ledger, so a killed race decides as it did before."""
        if not self.study.grid.racing:
            return racing
        seeds = self.study.grid.seeds
        field = rivals_of(self.ledger.candidates(self.study.name, "grid"))
        trials = results.own_trials(self.ledger, self.study.name)
        scores = scores_of(field, trials, learned.unlearned(self.ledger, trials))
        if scores is None:
            return ()
        recorded = self.ledger.decisions(self.study.name)
        decided = judge.raced(scores, trials, recorded, seeds=seeds)
        self._record(decided, scores, judge.trained_by(trials), recorded)
        return () if decided[-1].finished(seeds) else decided[-1].keep

    def _record(
        self, decided: Sequence[Decision], scores: Scores, trained_by: str, recorded: Sequence[DecisionRow]
    ) -> None:
        """Writes the rounds that the ledger does not have as they were decided."""
        bases = minutes.bases(scores, seeds=self.study.grid.seeds, level=judge.LEVEL, trained_by=trained_by)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        have = {replace(row, created_at=now) for row in recorded}
        new = [
            row
            for decision, basis in zip(decided, bases, strict=False)
            for row in minutes.rows(decision, study=self.study.name, basis=basis, now=now)
        ]
        self.ledger.record_decisions([row for row in new if row not in have])


def make_trainer(
    study: Study,
    ledger: Ledger,
    *,
    watcher: Watcher,
    should_stop: Callable[[], bool],
    checkpoints: Path | None,
    retry_failed: bool,
) -> Trainer:
    """The trainer of a study: its data decoded, its recipe resolved. Never opens the test split."""
    from scaling_search.search.trainer import Trainer
    from scaling_search.training.cache import enable_cache

    recipe = study.resolved_recipe()
    dataset = datasets.of(study)
    enable_cache()
    return Trainer(
        ledger=ledger,
        dataset=dataset,
        recipe=recipe,
        watcher=watcher,
        should_stop=should_stop,
        checkpoints=checkpoints,
        retry_failed=retry_failed,
    )
