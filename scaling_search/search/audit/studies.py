"""What a ledger holds: its studies, and where a running search stands."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import CandidateRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import (
    CANDIDATES,
    DATASETS,
    FAMILIES,
    FORECAST_TRIALS,
    LEASES,
    STUDIES,
)
from scaling_search.search.grid.ledger_results import own_trials, read_grid

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


@dataclass(frozen=True, kw_only=True)
class StudySummary:
    """A study in one line."""

    row: StudyRow
    candidates: int
    families: int
    trials: int  # complete ones
    winner: tuple[float, float, float] | None
    decided: bool


@dataclass(frozen=True, kw_only=True)
class Running:
    """A trial in somebody's hands."""

    trial: TrialRow
    candidate: CandidateRow | None
    worker: str | None


@dataclass(frozen=True, kw_only=True)
class StudyStatus:
    """Where a study stands: its trials by state, those that run, and the seconds forecast for those that wait."""

    row: StudyRow
    states: dict[str, int]
    running: tuple[Running, ...]
    left_seconds: float | None
    best: CandidateRow | None
    best_accuracy: float | None


def studies(ledger: Reader) -> list[StudySummary]:
    """Every study, the newest first."""
    rows = sorted(ledger.rows(STUDIES), key=lambda row: (row.run_at, row.created_at, row.name), reverse=True)
    return [_summary(ledger, row) for row in rows]


def _summary(ledger: Reader, row: StudyRow) -> StudySummary:
    _, found = read_grid(ledger, row)
    return StudySummary(
        row=row,
        candidates=len(found.candidates),
        families=len(ledger.rows(FAMILIES, study=row.name)),
        trials=sum(one.state == "complete" for one in ledger.trials(study=row.name)),
        winner=None if found.winner is None else found.winner.triple,
        decided=found.decided,
    )


def facts(ledger: Reader, row: StudyRow) -> dict[str, object]:
    """All that a study was run with."""
    data = ledger.rows(DATASETS, fingerprint=row.dataset)
    base, full = ledger.network(row.base), ledger.network(row.full)
    found: dict[str, object] = {
        "study": row.name,
        "fingerprint": row.fingerprint,
        "baseline": row.baseline,
        "network": None if full is None else f"{full.name}, {row.full[:12]}",
        "base": None if base is None else f"{base.name}, {row.base[:12]}",
        "dataset": f"{row.dataset_name}, {row.dataset[:12]}",
        "created": row.created_at,
        "last run": row.run_at,
    }
    if data:
        (one,) = data
        found["images"] = f"{one.train_images} to train, {one.validation_images} to validate"
        found["classes"] = len(json.loads(one.classes))
    return found


def status(ledger: Reader, row: StudyRow) -> StudyStatus:
    """Where a study stands now; to be asked from another terminal while it runs."""
    trials = ledger.trials(study=row.name)
    candidates = {one.network: one for one in ledger.rows(CANDIDATES, study=row.name)}
    leases = {lease.trial_key: lease.worker for lease in ledger.rows(LEASES) if lease.held}
    forecast = {(one.network, one.seed): one.seconds for one in ledger.rows(FORECAST_TRIALS, study=row.name)}
    waiting = [one for one in trials if one.state in ("waiting", "running")]
    seconds = [forecast[one.network, one.seed] for one in waiting if (one.network, one.seed) in forecast]
    reached: dict[str, list[float]] = {}
    for one in own_trials(ledger, row.name):
        if one.state == "complete" and one.accuracy is not None:
            reached.setdefault(one.network, []).append(one.accuracy)
    means = {network: sum(accuracies) / len(accuracies) for network, accuracies in reached.items()}
    best = max(means, key=lambda network: means[network], default=None)
    return StudyStatus(
        row=row,
        states=dict(Counter(one.state for one in trials)),
        running=tuple(
            Running(trial=one, candidate=candidates.get(one.network), worker=leases.get(one.key))
            for one in trials
            if one.state == "running"
        ),
        left_seconds=sum(seconds) if len(seconds) == len(waiting) else None,
        best=None if best is None else candidates.get(best),
        best_accuracy=None if best is None else means[best],
    )
