"""What a study will take: seconds and memory, and seeds for a wanted difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.forecast import ledger_record, probe
from scaling_search.search.forecast import model as forecasts
from scaling_search.search.forecast.model import Basis, Forecast
from scaling_search.search.grid import chance_level
from scaling_search.search.grid.contenders import rivals_of, scores_of
from scaling_search.search.grid.ledger_results import own_trials
from scaling_search.search.plan.grid_plan import Planned
from scaling_search.statistics.power import Power, measured, seeds_needed

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """A forecast, where something was measured; memory in any case; the answer to --power, where it was asked."""

    forecast: Forecast | None
    memory_bytes: tuple[int, ...]
    power: Power | None
    difference: float | None


def requirements(
    planned: Planned,
    ledger: Reader | None,
    *,
    difference: float | None = None,
    measure: Callable[[str], None] | None = None,
) -> Requirements:
    """All at once, from the ledger where there is one. Errors: as `power`.

    `measure` asks for a measurement now; it is told what goes on. Without, an earlier one in the cache serves where
    the ledger has no trial.
    """
    rows = [] if ledger is None else _alike(planned, ledger)
    found = _basis(planned, rows, measure)
    done = ledger_record.done(rows)
    return Requirements(
        forecast=None if found is None else forecasts.forecast(planned, found, done),
        memory_bytes=forecasts.memory(planned, "cpu"),
        power=None if difference is None or ledger is None else power(planned, ledger, difference),
        difference=difference,
    )


def _basis(planned: Planned, rows: list[TrialRow], measure: Callable[[str], None] | None) -> Basis | None:
    study = planned.study
    recipe = study.resolved_recipe()
    if measure is not None:
        return probe.basis(planned, probe.measure(planned, probe.open_compiled_networks(study), measure))
    known = probe.remembered(planned)
    trials = forecasts.from_ledger(recipe, rows, device=None if known is None else known.device)
    if trials is not None or known is None:
        return trials
    return probe.basis(planned, known)


def _alike(planned: Planned, ledger: Reader) -> list[TrialRow]:
    """Trials of the study's recipe and data set; of the very split, where the ledger knows the study."""
    study = planned.study
    recipe = study.resolved_recipe().canonical()
    own = next((row for row in ledger.studies() if row.name == study.name and row.recipe == recipe), None)
    dataset = None if own is None or own.dataset_name != study.dataset.name else own.dataset
    return [
        row
        for row in ledger.trials()
        if row.recipe == recipe and row.dataset_name == study.dataset.name and dataset in (None, row.dataset)
    ]


def power(planned: Planned, ledger: Reader, difference: float) -> Power:
    """Seeds needed to tell two candidates `difference` (a share, 0.01 = one point) apart, with 80 % probability.

    Errors: UsageError for a difference outside (0, 1); InputError without two seeds of one candidate in the ledger.
    """
    if not 0 < difference < 1:
        raise UsageError(f"--power {difference:g}: write the difference in accuracy as a share, such as 0.01")
    name = planned.study.name
    trials = own_trials(ledger, name)
    rivals = rivals_of(ledger.candidates(name, "grid"))
    scores = scores_of(rivals, trials, chance_level.at_chance(ledger, trials))
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
        said = forecasts.sentences(ahead.forecast)
    else:
        said = [
            "Time: nothing is measured here yet; --measure compiles and times a network or two.",
            forecasts.memory_sentence(ahead.memory_bytes, None),
        ]
    if ahead.power is not None and ahead.difference is not None:
        said.append(sentence(ahead.power, ahead.difference))
    return said


def sentence(found: Power, difference: float) -> str:
    """The answer to --power in words."""
    if found.seeds is not None:
        return f"To tell {difference * 100:g} points apart (80 % of the time): {found.seeds} seeds for each candidate."
    images = "" if found.images is None else f"; {found.images} validation images would"
    return (
        f"No number of seeds shows {difference * 100:g} points with the validation images there are{images}."
    )
