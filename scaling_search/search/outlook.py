"""What a study will take, from trials that the ledger has: seconds, and seeds for a wanted difference."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.rows import TrialRow
from scaling_search.search import judge
from scaling_search.search.grid import own_trials
from scaling_search.search.plan import Candidate, Planned
from scaling_search.search.power import Power, measured, seeds_needed


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Seconds for one trial of each candidate and for what is still to train; `device` is where it was measured."""

    compile_seconds: float
    trial_seconds: tuple[float, ...]
    total_seconds: float
    missing: int
    device: str


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A forecast, where trials allow one, and the answer to --power, where it was asked."""

    forecast: Forecast | None
    power: Power | None
    difference: float | None


def look(planned: Planned, ledger: Ledger, difference: float | None) -> Outlook:
    """Both at once. Errors: as `power`."""
    return Outlook(
        forecast=forecast(planned, ledger),
        power=None if difference is None else power(planned, ledger, difference),
        difference=difference,
    )


def forecast(planned: Planned, ledger: Ledger) -> Forecast | None:
    """From complete trials of the study's recipe and data set, on the device of the newest; None without any."""
    recipe = planned.study.resolved_recipe().canonical()
    rows = [
        row
        for row in ledger.trials()
        if row.state == "complete" and row.recipe == recipe and row.dataset_name == planned.study.dataset.name
    ]
    known = [row for row in rows if row.train_seconds and row.macs]
    if not known:
        return None
    device = max(known, key=lambda row: row.finished_at or "").device
    known = [row for row in known if row.device == device]
    compiling = statistics.median(row.compile_seconds or 0.0 for row in known)
    candidates = [row for plan in planned.plans for row in plan.candidates]
    seconds = tuple(_seconds(row, known) for row in candidates)
    done = {(row.network, row.seed) for row in rows}
    total, missing = 0.0, 0
    for row, each in zip(candidates, seconds, strict=True):
        left = sum((row.fingerprint, seed) not in done for seed in range(planned.study.grid.seeds))
        missing += left
        total += left * each + (compiling if left else 0.0)
    return Forecast(
        compile_seconds=compiling,
        trial_seconds=seconds,
        total_seconds=total,
        missing=missing,
        device=device or "unknown device",
    )


def _seconds(row: Candidate, known: Sequence[TrialRow]) -> float:
    """Training and evaluation, in proportion to MACs, from the trial with the nearest MACs."""
    near = min(known, key=lambda trial: abs((trial.macs or 0) - row.cost.macs))
    return ((near.train_seconds or 0.0) + (near.evaluate_seconds or 0.0)) * row.cost.macs / (near.macs or 1)


def power(planned: Planned, ledger: Ledger, difference: float) -> Power:
    """Seeds needed to tell two candidates `difference` (a share, 0.01 = one point) apart, with 80 % probability.

    Errors: UsageError for a difference outside (0, 1); InputError without two seeds of one candidate in the ledger.
    """
    if not 0 < difference < 1:
        raise UsageError(f"--power {difference:g}: write the difference in accuracy as a share, such as 0.01")
    name = planned.study.name
    scores = judge.scores(judge.rivals(ledger.candidates(name, "grid")), own_trials(ledger, name))
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


def sentence(found: Power, difference: float) -> str:
    """The answer in words."""
    if found.seeds is not None:
        return f"To tell {difference * 100:g} points apart (80 % of the time): {found.seeds} seeds for each candidate."
    images = "" if found.images is None else f"; {found.images} validation images would"
    return (
        f"No number of seeds shows {difference * 100:g} points with the validation images there are{images}."
    )
