"""What the trials of one network came to: mean, spread, and how many are in which state."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Literal

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.report.rows import States
from scaling_search.report.table import Estimate


def estimate(accuracies: Iterable[float | None]) -> Estimate | None:
    """Mean and sample standard deviation of what was measured; None where nothing was.

    >>> estimate([0.5, None])
    Estimate(mean=0.5, sd=None, seeds=1)
    """
    have = [number for number in accuracies if number is not None and math.isfinite(number)]
    if not have:
        return None
    return Estimate(mean=statistics.fmean(have), sd=_deviation(have), seeds=len(have))


def _deviation(numbers: Sequence[float]) -> float | None:
    """`statistics.stdev` without its fractions, which are slow; equal numbers give exactly 0."""
    if len(numbers) < 2:
        return None
    offsets = [number - numbers[0] for number in numbers]
    middle = statistics.fmean(offsets)
    return math.sqrt(math.fsum((offset - middle) ** 2 for offset in offsets) / (len(numbers) - 1))


def listed(numbers: Iterable[int]) -> str:
    """Depths or widths of the stages in one cell.

    >>> listed((1, 2, 2))
    '1-2-2'
    """
    return "-".join(map(str, numbers))


def count(trials: Iterable[TrialRow]) -> States:
    """How many trials are in each state."""
    states: dict[str, int] = {}
    for trial in trials:
        states[trial.state] = states.get(trial.state, 0) + 1
    return States(**states)


def by_network(trials: Iterable[TrialRow]) -> dict[str, list[TrialRow]]:
    """Trials by their network's fingerprint."""
    found: dict[str, list[TrialRow]] = {}
    for trial in trials:
        found.setdefault(trial.network, []).append(trial)
    return found


def shown_state(states: States) -> Literal["trained", "diverged", "failed", "running", "waiting"]:
    """The state that decides how a network is shown: one diverged seed marks it, an unfinished one comes next."""
    if states.diverged:
        return "diverged"
    if states.running:
        return "running"
    if states.waiting or not states.total:
        return "waiting"
    return "failed" if states.failed else "trained"


def remark(given: str | None, states: States, trials: Sequence[TrialRow]) -> str | None:
    """A candidate's remark: what was said of it, and why seeds diverged or failed."""
    said = [] if given is None else [given]
    for state, number in (("diverged", states.diverged), ("failed", states.failed)):
        if number:
            why = next((trial.failure for trial in trials if trial.state == state and trial.failure), None)
            said.append(f"{number} of {states.total} seeds {state}" + (f": {why}" if why else ""))
    return "; ".join(said) or None
