"""What a study will take: seconds and memory, and seeds for a wanted difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.storage.rows import StudyRow, TrialRow
from scaling_search.report.figures import count, points
from scaling_search.report.rows import GridRow
from scaling_search.search.forecast import model as forecasts
from scaling_search.search.forecast import probe, words
from scaling_search.search.forecast.model import Basis, Forecast
from scaling_search.search.grid.base import base_row
from scaling_search.search.grid.chance_level import Chance
from scaling_search.search.grid.ledger_results import base_accuracy, read_grid
from scaling_search.search.grid.remaining import Remaining, remaining
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.trial import registry
from scaling_search.search.trial.setup import make_networks, prepared_data
from scaling_search.statistics.power import Power, measured, seeds_needed

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """A forecast, where something was measured; memory in any case; the answer to --power, where it was asked.

    `remaining`: what `grid` would train, None where the data are not prepared. `workers`: how many would train at once.
    `base`: what the base reached, where the ledger has the study; `chance`: where the data are prepared.
    """

    forecast: Forecast | None
    memory_bytes: tuple[int, ...]
    remaining: Remaining | None
    power: Power | None
    difference: float | None
    images: int | None = None
    workers: int = 1
    base: GridRow | None = None
    chance: Chance | None = None


def requirements(
    plan: GridPlan,
    ledger: Reader | None,
    *,
    difference: float | None = None,
    measure: Callable[[str], None] | None = None,
    workers: int = 1,
) -> Requirements:
    """All at once, from the ledger where there is one.

    Errors: as `power`; UsageError for less than one worker; InputError where `grid` would refuse the study's name.

    `measure` asks for a measurement now; it is told what goes on. Without, an earlier one in the cache serves where the
    ledger has no trial. What the ledger has counts only where recipe, data and split are the very same.
    """
    if workers < 1:
        raise UsageError(f"--workers {workers}: at least 1")
    data = prepared_data(plan.space.study)
    dataset = None if data is None else data.fingerprint
    own, trials = None, list[TrialRow]()
    if ledger is not None and dataset is not None:
        own = registry.find(ledger, plan.space, dataset)
        if own is None:
            registry.check_given_name(ledger, plan.space, dataset)
        trials = [row for row in ledger.trials() if row.dataset == dataset]
    left = remaining(plan, ledger, own, trials)
    found = _basis(plan, trials, measure)
    done = {*forecasts.missing(plan, ())} - left.seeds
    return Requirements(
        forecast=None if found is None else forecasts.forecast(plan, found, done),
        memory_bytes=forecasts.memory(plan, "cpu"),
        remaining=None if dataset is None else left,
        power=None if difference is None else power(ledger, own, difference),
        difference=difference,
        images=None if data is None else len(data.train),
        workers=workers,
        base=None if ledger is None or own is None else base_row(ledger, own, base_accuracy(ledger, own)),
        chance=None if data is None else Chance(classes=data.classes, labels=data.validation.labels),
    )


def _basis(plan: GridPlan, rows: list[TrialRow], measure: Callable[[str], None] | None) -> Basis | None:
    space = plan.space
    if measure is not None:
        networks = make_networks(space, should_stop=lambda: False)
        found = probe.measure(
            space, (plan.base, *plan.networks), networks, measure, seeds=space.study.grid.seeds
        )
        return probe.basis(space, found)
    known = probe.remembered(space)
    trials = forecasts.from_ledger(space.recipe, rows, device=None if known is None else known.device)
    if trials is not None or known is None:
        return trials
    return probe.basis(space, known)


def power(ledger: Reader | None, study: StudyRow | None, difference: float) -> Power:
    """Seeds needed to tell two candidates `difference` (a share, 0.01 = one point) apart, with 80 % probability.

    Errors: UsageError for a difference outside (0, 1); InputError without two seeds of one candidate in the ledger.
    """
    if not 0 < difference < 1:
        raise UsageError(f"--power {difference:g}: write the difference in accuracy as a share, such as 0.01")
    scores = noise = None
    if ledger is not None and study is not None:
        scores = read_grid(ledger, study)[1].scores
        noise = None if scores is None else measured(scores)
    if scores is None or noise is None:
        raise InputError(
            "--power needs to know how much seeds scatter: run `scaling-search grid --seeds 2` of this study first"
        )
    return seeds_needed(
        difference,
        noise_sd=noise.noise_sd,
        disagreement=noise.disagreement,
        candidates=len(scores.names),
        images=scores.images,
    )


def sentences(ahead: Requirements) -> list[str]:
    """All of it in words."""
    if ahead.forecast is not None:
        said = words.sentences(ahead.forecast, ahead.workers)
    else:
        said = [
            "Time: nothing is measured here yet; --measure compiles and times a network or two.",
            words.memory_sentence(ahead.memory_bytes, None),
        ]
    if ahead.power is not None and ahead.difference is not None:
        said.append(sentence(ahead.power, ahead.difference))
    return said


def sentence(found: Power, difference: float) -> str:
    """The answer to --power in words."""
    if found.seeds is not None:
        seeds = count(found.seeds, "seed")
        return f"To tell {points(difference * 100)} apart (80 % of the time): {seeds} for each candidate."
    images = "" if found.images is None else f"; {found.images} validation images would"
    return (
        f"No number of seeds shows {points(difference * 100)} with the validation images there are{images}."
    )
