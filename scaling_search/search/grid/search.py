"""`grid`: plan, train every candidate not yet in the ledger, race, choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import InputError, ScalingSearchError
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.racing import screening
from scaling_search.search.forecast import ledger_record, model, probe
from scaling_search.search.forecast.ledger_record import Compared
from scaling_search.search.forecast.step_latency import step_timer
from scaling_search.search.grid import (
    ledger_results,
    rounds,
    screening_stage,
)
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.race_driver import Race
from scaling_search.search.plan.contenders import contenders
from scaling_search.search.plan.grid_plan import Planned, plan
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import ledger_rows, provenance
from scaling_search.search.trial.setup import make_trainer

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.trial.trainer import Trainer
    from scaling_search.search.trial.trial import Callback


@dataclass(frozen=True, kw_only=True)
class GridOutcome:
    """What `grid` did and found. `trained` counts the trials that this call ran; `compared` is its forecast and
    what came of it.
    """

    planned: Planned
    trained: int
    trials: tuple[TrialRow, ...]
    found: GridAnalysis
    compared: Compared | None


def grid(
    study: Study,
    ledger: Ledger,
    *,
    callback: Callback,
    should_stop: Callable[[], bool],
    checkpoints: Path | None,
    retry_failed: bool = False,
) -> GridOutcome:
    """The search. Errors: TrainingStopped (all finished trials are kept), InputError, StorageError."""
    planned = plan(study, step_seconds=step_timer(study, say=callback.note, should_stop=should_stop))
    trainer = make_trainer(
        study,
        ledger,
        callback=callback,
        should_stop=should_stop,
        checkpoints=checkpoints,
        retry_failed=retry_failed,
    )
    recipe, dataset = trainer.recipe.canonical(), trainer.dataset.fingerprint
    ledger_rows.record_plan(ledger, study, planned.plans, recipe=recipe, dataset=dataset)
    field = contenders(planned.plans)
    if not field:
        raise InputError(
            "no triple is kept at every phi of the grid: drop a phi or raise grid.macs_tolerance"
        )
    _forecast(planned, trainer)
    networks = sum(len(contender.members) for contender in field)
    staged = study.grid.screening_epochs is not None and screening.possible(len(field))
    callback.expect(networks * (study.grid.seeds + staged))
    first, trained = screening_stage.run(study, trainer, field)
    race = Race(study, ledger)
    # Once more until nothing is left to do: a candidate that diverged late may have eliminated one that is back now.
    while ran := rounds.run(trainer, field, range(study.grid.seeds), race.after_round, first=first):
        trained += ran
    trials, found = ledger_results.read_grid(ledger, study)
    compared = ledger_record.compare(ledger, study.name, trials)
    return GridOutcome(planned=planned, trained=trained, trials=trials, found=found, compared=compared)


def _forecast(planned: Planned, trainer: Trainer) -> None:
    """Says how long it will take, from trials of this device, a measurement in the cache, or one made now."""
    from scaling_search.training.outcome import OutOfMemory, TrainingStopped

    ledger, recipe, dataset = trainer.ledger, trainer.recipe, trainer.dataset.fingerprint
    rows = [row for row in ledger.trials() if (row.recipe, row.dataset) == (recipe.canonical(), dataset)]
    if ledger_record.stands(ledger, planned, rows):
        return
    basis = model.from_ledger(recipe, rows, device=provenance.device())
    if basis is None:
        known = probe.remembered(planned)
        if known is None or known.device != provenance.device():
            try:
                known = probe.measure(planned, trainer, trainer.callback.note)
            except OutOfMemory:
                return  # its trial will fail, and be recorded with the reason
            except (TrainingStopped, ScalingSearchError):
                raise
            except Exception as error:
                trainer.callback.say(f"no forecast: {type(error).__name__}: {error}")
                return
        basis = probe.basis(planned, known)
    for sentence in model.sentences(ledger_record.record_forecast(ledger, planned, basis, rows)):
        trainer.callback.note(sentence)
