"""`grid`: plan, train every candidate not yet in the ledger, race, choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import UsageError, suggest
from scaling_search.ledger.storage.rows import BASE, FINISHED, GRID, StudyRow, TrialRow
from scaling_search.racing import screening
from scaling_search.report import notebook
from scaling_search.report.figures import count, size
from scaling_search.report.rows import GridReport
from scaling_search.report.study import grid_table, study_document
from scaling_search.report.table import Document
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.forecast import ledger_record, model, probe, words
from scaling_search.search.forecast.ledger_record import ForecastCheck
from scaling_search.search.forecast.step_latency import timed_space
from scaling_search.search.grid import ledger_results, rounds, screening_stage, tuning
from scaling_search.search.grid import report as grid_report
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.answer import named
from scaling_search.search.grid.candidates import record_plan
from scaling_search.search.grid.remaining import remaining
from scaling_search.search.plan.grid_plan import GridPlan, grid_plan
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import initial_weights, registry
from scaling_search.search.trial import weights as kept_weights
from scaling_search.search.trial.setup import check_arithmetic, load_data, make_trainer, until
from scaling_search.search.trial.trial import Callback, Callbacks, Extras
from scaling_search.statistics import BehindTheBest
from scaling_search.system.files import shown
from scaling_search.system.time_limit import TimeLimit

if TYPE_CHECKING:
    from pandas import DataFrame

    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.plan.search_space import SearchSpace
    from scaling_search.search.trial.trial import TrialRunner
    from scaling_search.search.trial.workers import Workers


KEPT = ("none", "best", "all")


@dataclass(frozen=True, kw_only=True)
class GridResult(notebook.Shown):
    """What `grid` did and found. `trained` counts the trials that this call ran; `forecast` is its forecast and what
    came of it.
    """

    study: StudyRow
    plan: GridPlan
    trained: int
    trials: tuple[TrialRow, ...]
    found: GridAnalysis
    report: GridReport
    forecast: ForecastCheck | None

    @property
    def winner(self) -> Coefficients | None:
        """The triple that is named: the winner's, or the leader's while nothing is `decided`; None without a result."""
        return None if self.found.winner is None else Coefficients.of(self.found.winner.triple)

    @property
    def decided(self) -> bool:
        """Whether it is shown to be at most the indifference behind the best."""
        return self.found.decided

    @property
    def behind_the_best(self) -> BehindTheBest | None:
        """How far each candidate is behind the best; candidates are named by their triples."""
        behind = self.found.behind
        if behind is None:
            return None
        return replace(behind, names=tuple(named(self.found.candidate(name).triple) for name in behind.names))

    @property
    def document(self) -> Document:
        """Answer, table and details."""
        return study_document(grid=self.report, published=False)

    def to_dataframe(self) -> DataFrame:
        """The candidates, one row each. Needs pandas."""
        table = grid_table(self.report)
        return notebook.frame([table.record(row) for row in table.all_rows])


def grid(
    study: Study,
    *,
    ledger: Ledger,
    callbacks: Sequence[Callback] = (),
    should_stop: Callable[[], bool] = lambda: False,
    retry_failed: bool = False,
    time_limit: float | None = None,
    until_decided: bool = False,
    exact: bool = False,
    workers: Workers | None = None,
    checkpoints: str | Path | None = None,
    weights: str | Path | None = None,
    keep_weights: str = "none",
) -> GridResult:
    """The search: trains every candidate not yet in the ledger, races them, and chooses. Run again, it continues.

    `should_stop` is asked every few seconds; once it says yes, the running trial is kept at a checkpoint. After
    `time_limit` seconds that happens too, and the result is what the ledger has by then. `until_decided` goes on after
    the study's seeds, one more for each candidate that is still open, until one is shown to be good enough.
    `exact` refuses to compare trials of different arithmetics. `workers` train in place of this process.
    `checkpoints`: their folder, else the ledger's own. `weights`: a file of the baseline's weights that every
    network starts from, as far as its blocks have the same shapes. `keep_weights`: none, best (each network's best seed
    by validation) or all, of what is trained from now on. Errors: TrainingStopped (all finished trials are
    kept), InputError, StorageError, DeviceError.
    """
    if keep_weights not in KEPT:
        raise UsageError(suggest("value of keep_weights", keep_weights, KEPT))
    callback, should_stop = Callbacks(callbacks), TimeLimit(time_limit, should_stop)
    where = kept_weights.Checkpoints.of(ledger, checkpoints)
    folder = where.folder
    extras = Extras(weights=None if keep_weights == "none" else folder)
    study, initial = initial_weights.given(study, weights, folder)
    source = None if initial is None else initial.source
    space = timed_space(study, source=source, say=callback.note, should_stop=should_stop)
    plan = grid_plan(space)
    if initial is not None:
        initial.keep([plan.base, *plan.networks], folder, say=callback.note)
    dataset = load_data(study)
    row = registry.register(ledger, space, dataset, say=callback.say)
    record_plan(ledger, row.name, plan)
    trainer = make_trainer(
        space,
        ledger,
        callback=callback,
        should_stop=should_stop,
        checkpoints=folder,
        retry_failed=retry_failed,
        dataset=dataset,
        workers=workers,
    )
    check_arithmetic(ledger_results.own_trials(ledger, row.name), trainer.networks, callback, exact=exact)
    trained = 0
    with until(should_stop, callback):
        seconds = _forecast(row, plan, trainer)
        planned = set(model.missing(plan, ()))
        brief = study.grid.screening_epochs is not None and screening.possible(len(plan.candidates))
        callback.expect(len(planned) + brief * len(plan.networks), seconds)
        before = _own(ledger, row.name, space)
        # A family has trials of these networks, too, with other seeds.
        callback.known(len(planned & {(one.network, one.seed) for one in before if one.state in FINISHED}))
        if extras.weights is not None:
            seeds, every = study.grid.seeds, [plan.base, *plan.networks]
            most = size(seeds * sum(kept_weights.size(build.cost) for build in every))
            callback.note(
                f"Weights are kept in {shown(folder)}: at most {most} for {count(seeds, 'seed')} of each network."
            )
            complete = {one.key for one in before if one.state == "complete"}
            if without := len(complete - kept_weights.kept(ledger, complete).keys()):
                callback.say(
                    f"{count(without, 'trial')} finished without keeping weights, and a search trains nothing again: "
                    "of these there are none"
                )
        tuned, trained = tuning.tune(row.name, trainer, space, [plan.base, *plan.networks])
        trained += rounds.train_base(trainer, plan, tuned, extras)
        first, screened = screening_stage.run(row.name, trainer, plan)
        trained += screened
        # Once more until nothing is left to do: one that stayed at chance with all seeds leaves earlier rounds, too.
        while ran := rounds.run(
            row, trainer, plan, first, tuned=tuned, until_decided=until_decided, extras=extras
        ):
            trained += ran
    if keep_weights == "best":
        own = _own(ledger, row.name, space)
        kept = kept_weights.kept(ledger, [one.key for one in own])
        best = kept_weights.best(one for one in own if one.key in kept)
        kept_weights.forget(ledger, folder, [one for key, one in kept.items() if key not in best])
    trials, found = ledger_results.read_grid(ledger, row)
    result = GridResult(
        study=row,
        plan=plan,
        trained=trained,
        trials=trials,
        found=found,
        report=grid_report.report_of(
            ledger,
            row,
            trials,
            found,
            place=ledger.place,
            checkpoints=where,
        ),
        forecast=ledger_record.check(ledger, row.name, _own(ledger, row.name, space)),
    )
    callback.finish(result)
    return result


def _own(ledger: Ledger, study: str, space: SearchSpace) -> list[TrialRow]:
    """The trials of a search: its candidates', the base's, and those that tune rates."""
    return [*ledger.trials(study=study, roles=(GRID, BASE)), *tuning.tuning_trials(ledger, study, space)]


def _forecast(row: StudyRow, plan: GridPlan, trainer: TrialRunner) -> float | None:
    """Says how long it will take, from trials of this device, a measurement in the cache, or one made now."""
    space, ledger, callback = plan.space, trainer.ledger, trainer.callback
    rows = [one for one in ledger.trials() if one.dataset == trainer.networks.dataset.fingerprint]
    left = remaining(plan, ledger, row, rows).seeds
    if not left:
        return None
    basis = probe.known_or_measured(space, (plan.base, *plan.networks), trainer.networks, rows, callback)
    if basis is None:
        return None
    found = ledger_record.record_forecast(ledger, row.name, plan, basis, {*model.missing(plan, ())} - left)
    at_once = trainer.networks.at_once
    for sentence in words.sentences(found, at_once):
        callback.note(sentence)
    return model.shared(found, at_once)
