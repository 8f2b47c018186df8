"""`recipe`: a few networks of a plan at other rates and lengths, and whether the ranking depends on these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.ledger.storage.schema import RECIPE_CHECKS
from scaling_search.report import notebook
from scaling_search.report.figures import are, count, duration
from scaling_search.report.table import Document
from scaling_search.search.forecast import model, probe
from scaling_search.search.forecast.model import Basis
from scaling_search.search.forecast.step_latency import timed_space
from scaling_search.search.grid.answer import Command
from scaling_search.search.plan.grid_plan import grid_plan
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.plan.study import Study
from scaling_search.search.recipe_check import document as documents
from scaling_search.search.recipe_check.analysis import read_check
from scaling_search.search.recipe_check.cells import (
    LENGTHS,
    RATES,
    Cell,
    cells,
    in_words,
    networks,
    with_length,
    with_rate,
)
from scaling_search.search.recipe_check.findings import Check
from scaling_search.search.trial import registry
from scaling_search.search.trial.ledger_rows import network_rows
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.setup import load_data, make_trainer, until
from scaling_search.search.trial.trial import Callback, Callbacks, Trial
from scaling_search.search.trial.weights import Checkpoints, checkpoint_folder
from scaling_search.statistics.multiple_comparisons import LEAST_SEEDS
from scaling_search.system.time_limit import TimeLimit

if TYPE_CHECKING:
    from pandas import DataFrame

    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.trial.trial import TrialRunner
    from scaling_search.search.trial.workers import Workers


@dataclass(frozen=True, kw_only=True)
class RecipeResult(notebook.Shown):
    """What `recipe` did and found. `trained` counts the trials that this call ran; `beyond`: why a length was not
    tried.
    """

    study: StudyRow
    check: Check
    trained: int
    command: Command
    beyond: str | None = None

    @property
    def verdict(self) -> str:
        """Whether the ranking is shown not to depend on the study's recipe: fair, unfair or undecided."""
        return self.check.verdict

    @property
    def rate(self) -> float | None:
        """The learning rate to use, None without a result."""
        return self.check.rate

    @property
    def epochs(self) -> int | None:
        """The epochs to use, None where no length tried is enough."""
        return self.check.epochs

    @property
    def document(self) -> Document:
        """Answer, and the interactions."""
        return documents.document(self.study, self.check, self.command, beyond=self.beyond)

    def record(self) -> dict[str, Any]:
        """For programs."""
        return documents.record(self.study, self.check, self.document, trained=self.trained)

    def to_dataframe(self) -> DataFrame:
        """The interactions, one row each. Needs pandas."""
        return notebook.frame(self.record()["interactions"])


def recipe(
    study: Study,
    *,
    ledger: Ledger,
    callbacks: Sequence[Callback] = (),
    should_stop: Callable[[], bool] = lambda: False,
    retry_failed: bool = False,
    time_limit: float | None = None,
    workers: Workers | None = None,
    checkpoints: str | Path | None = None,
) -> RecipeResult:
    """Whether the ranking of a study depends on its recipe. Run again, it continues.

    The base and the candidates that go farthest in each dimension are trained with the study's rate, half and twice of
    it, and twice as long; where that changes their order beyond the indifference, twice as long again, up to 16 times.
    After `time_limit` seconds, or before a length that would take longer, the result is what the ledger has by then.
    `workers` and `checkpoints` as in `grid`. Errors: UsageError for a study whose rates are tuned, TrainingStopped, and
    as `grid`.
    """
    if study.tuned:
        raise UsageError(
            'recipe.rate = "tuned" finds a rate for each candidate: give the study one rate to check it'
        )
    callback, limit = Callbacks(callbacks), TimeLimit(time_limit, should_stop)
    space = timed_space(study, say=callback.note, should_stop=limit)
    builds = networks(grid_plan(space))
    if len(builds) < 2:
        raise InputError("the grid has no network but the base: there is no ranking to check")
    dataset = load_data(study)
    row = registry.register(ledger, space, dataset, say=callback.say)
    trainer = make_trainer(
        space,
        ledger,
        callback=callback,
        should_stop=limit,
        checkpoints=checkpoint_folder(ledger, checkpoints),
        retry_failed=retry_failed,
        dataset=dataset,
        workers=workers,
    )
    images = len(dataset.train)
    seeds = range(max(LEAST_SEEDS, study.grid.seeds))
    rates = cells(builds, [space.recipe, *(with_rate(study, images, factor) for factor in RATES)])
    ladder = [cells(builds, [with_length(study, images, 2 * factor)]) for factor in LENGTHS]
    known = [one for one in ledger.trials() if one.dataset == dataset.fingerprint]
    basis = probe.known_or_measured(space, builds, trainer.networks, known, callback)
    _say_cost(trainer, basis, rates, ladder, seeds)
    trained, beyond = 0, None
    with until(limit, callback):
        trained += _train(trainer, space, row.name, rates, seeds, likely=ladder[0])
        for stage in ladder:
            beyond = _beyond(trainer, basis, stage, seeds, limit)
            if beyond is not None:
                callback.say(beyond)
                break
            trained += _train(trainer, space, row.name, stage, seeds)
            half = stage[0].recipe.epochs // 2
            if not any(one.verdict == "unfair" for one in _read(ledger, row).doubled(half)):
                break
    check = _read(ledger, row)
    ledger.record(check.rows(row.name), instead_of=[(RECIPE_CHECKS, {"study": row.name})])
    command = Command.at(row.name, ledger.place, Checkpoints.of(ledger, checkpoints))
    result = RecipeResult(study=row, check=check, trained=trained, command=command, beyond=beyond)
    callback.finish(result)
    return result


def _train(
    trainer: TrialRunner,
    space: SearchSpace,
    study: str,
    stage: Sequence[Cell],
    seeds: Sequence[int],
    *,
    likely: Sequence[Cell] = (),
) -> int:
    trainer.ledger.record(
        [*network_rows(cell.build.network for cell in stage), *(cell.row(space, study) for cell in stage)]
    )

    def trials(own: Sequence[Cell]) -> list[Trial]:
        return [cell.trial(seed) for cell in own for seed in seeds]

    return run_trials(trainer, trials(stage), likely=trials(likely))


def _read(ledger: Ledger, row: StudyRow) -> Check:
    found = read_check(ledger, row)
    assert found is not None  # noqa: S101 - its cells were recorded
    return found


def _seconds(trainer: TrialRunner, basis: Basis, stage: Sequence[Cell], seeds: Sequence[int]) -> float:
    """What is left of a stage, shared by all workers: trials that the ledger does not have, a program for each cell."""
    total = 0.0
    for cell in stage:
        left = _left(trainer, [cell], seeds)
        if left:
            longer = cell.recipe.epochs / trainer.networks.recipe.epochs
            one = basis.seconds(cell.build.fingerprint, cell.build.cost.macs) / basis.gain
            total += left * longer * one + basis.compile_seconds
    return total / trainer.networks.at_once


def _left(trainer: TrialRunner, stage: Sequence[Cell], seeds: Sequence[int]) -> int:
    keys = [trainer.row(cell.trial(seed)).key for cell in stage for seed in seeds]
    return len(set(keys)) - sum(row.state in ("complete", "diverged") for row in trainer.ledger.trials(keys))


def _say_cost(
    trainer: TrialRunner,
    basis: Basis | None,
    rates: Sequence[Cell],
    ladder: Sequence[Sequence[Cell]],
    seeds: Sequence[int],
) -> None:
    """How much there is to train, before any of it is."""
    first = [*rates, *ladder[0]]
    left = _left(trainer, first, seeds)
    builds = {cell.build.fingerprint for cell in first}
    said = (
        f"{count(len(builds), 'network')} x {count(len(first) // len(builds), 'recipe')} x "
        f"{count(len(seeds), 'seed')}: {are(left, 'trial')} to train"
    )
    seconds = None
    if basis is not None:
        seconds = _seconds(trainer, basis, first, seeds)
        further = sum(_seconds(trainer, basis, stage, seeds) for stage in ladder[1:])
        said += f", about {duration(seconds)} by {basis.source}"
        said += f"; up to {duration(further)} more where longer trainings change the order"
    trainer.callback.say(f"{said}.")
    trainer.callback.expect(len(first) * len(seeds), seconds)


def _beyond(
    trainer: TrialRunner, basis: Basis | None, stage: Sequence[Cell], seeds: Sequence[int], limit: TimeLimit
) -> str | None:
    """Why a length is not begun: it would take longer than the time limit leaves."""
    if basis is None or limit.left is None:
        return None
    needed = model.LEAST * _seconds(trainer, basis, stage, seeds)
    if needed <= limit.left:
        return None
    return (
        f"{in_words(stage[0].recipe).split(', ')[1]} would take about {duration(needed / model.LEAST)}, and the time "
        f"limit leaves {duration(limit.left)}: this length is not tried"
    )
