"""Ledger rows → report rows, for all that needs no statistics beyond a mean and a standard deviation over seeds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from scaling_search.errors import DamagedError
from scaling_search.ledger.storage.rows import (
    CandidateRow,
    EvaluationRow,
    FamilyRow,
    StudyRow,
    TrialRow,
    TripleRow,
)
from scaling_search.report.measured import by_network, count, estimate, remark, shown_state
from scaling_search.report.page.data import Dimensions, Triple
from scaling_search.report.rows import (
    Assessment,
    Candidate,
    FamilyReport,
    FamilyStatus,
    GridReport,
    GridRow,
    MemberRow,
    Status,
    Verdict,
)
from scaling_search.report.table import Interval

_RANKS: dict[Verdict, int] = {
    "winner": 0,
    "leading": 0,
    "the only one": 0,
    "equal": 1,
    "in the set": 1,
    "trained": 1,
    "eliminated": 2,
}
_UNRANKED = 3
_STATUSES: dict[str, Status] = {"kept": "kept", "adjusted": "adjusted", "dropped": "dropped"}


def grid(
    study: StudyRow,
    candidates: Sequence[CandidateRow],
    triples: Sequence[TripleRow],
    trials: Iterable[TrialRow],
    *,
    base: GridRow | None = None,
) -> GridReport:
    """The search of one study, best mean first. No verdict beyond "trained": ``with_verdicts`` adds those."""
    mine = by_network(trials)
    alike = _alike(candidates, triples)
    rows = [_grid_row(row, alike[row.group], mine.get(row.network, [])) for row in candidates]
    return GridReport(
        study=study.name,
        baseline=study.baseline,
        dataset=study.dataset_name,
        rows=_ranked(rows),
        dropped=tuple(_dropped(row) for row in triples if row.status == "dropped"),
        base=base,
    )


def family(
    study: StudyRow,
    family: FamilyRow,
    members: Sequence[CandidateRow],
    trials: Iterable[TrialRow],
    evaluations: Iterable[EvaluationRow] = (),
    *,
    predictions: Mapping[str, Interval] | None = None,
) -> FamilyReport:
    """A family of one study, members by rising φ, with test accuracies where they were evaluated.

    ``predictions`` are accuracies by network fingerprint, said before the training.
    """
    mine = by_network(trials)
    found = list(evaluations)
    tested = {row.trial_key: row.accuracy for row in found if row.split == "test"}
    trained = {row.trial_key: row.accuracy for row in found if row.split == "train"}
    said: dict[str, Interval] = dict(predictions or {})
    rows = []
    for row in members:
        have = mine.get(row.network, [])
        states = count(have)
        status: FamilyStatus = (
            "not trained" if row.status == "not trained" and not have else shown_state(states)
        )
        rows.append(
            MemberRow(
                candidate=candidate(row),
                status=status,
                reason=remark(row.reason, states, have),
                accuracy=estimate(trial.accuracy for trial in have if trial.state == "complete"),
                training=estimate(trained[trial.key] for trial in have if trial.key in trained),
                test=estimate(tested[trial.key] for trial in have if trial.key in tested),
                predicted=said.get(row.network),
                states=states,
            )
        )
    return FamilyReport(
        study=study.name,
        baseline=study.baseline,
        dataset=study.dataset_name,
        triple=(family.alpha, family.beta, family.gamma),
        kind="full" if family.network == "full" else "proxy",
        base=family.base,
        factors=family.factors,
        rows=tuple(rows),
    )


def with_verdicts(
    report: GridReport,
    assessments: Mapping[str, Assessment],
    *,
    level: float | None = None,
    notes: Sequence[str] = (),
) -> GridReport:
    """The report with verdicts by group, sorted by them: winner, those that may be the best, the rest.

    A candidate that diverged keeps that verdict, whatever an assessment says: it is never ranked.
    """
    rows = []
    for row in report.rows:
        assessment = assessments.get(row.candidate.group or "")
        if assessment is None:
            rows.append(row)
            continue
        rows.append(
            dataclasses.replace(
                row,
                verdict="diverged" if row.verdict == "diverged" else assessment.verdict,
                interval=assessment.interval,
                behind=assessment.behind,
                reason="; ".join(filter(None, (row.reason, assessment.reason))) or None,
            )
        )
    return dataclasses.replace(report, rows=_ranked(rows), level=level, notes=(*report.notes, *notes))


def candidate(row: CandidateRow) -> Candidate:
    """A candidate's or a member's figures."""
    built = {"depth": row.depth_factor, "width": row.width_factor, "resolution": row.resolution_factor}
    return Candidate(
        name=row.network_name,
        fingerprint=row.network,
        realised=None if None in built.values() else Dimensions(**built),  # type: ignore[arg-type]
        **_shared(row),
    )


def _shared(row: CandidateRow | TripleRow) -> dict[str, Any]:
    """What a candidate has under the same names as a row of the ledger."""
    names = (field.name for field in dataclasses.fields(Candidate))
    return {name: getattr(row, name) for name in names if hasattr(row, name)}


def base_row(row: Candidate, trials: Sequence[TrialRow]) -> GridRow:
    """The network at φ = 0, the row that others are measured against."""
    states = count(trials)
    return GridRow(
        candidate=row,
        reason=remark(None, states, trials),
        accuracy=estimate(trial.accuracy for trial in trials if trial.state == "complete"),
        verdict="base",
        states=states,
    )


def _alike(candidates: Iterable[CandidateRow], triples: Iterable[TripleRow]) -> dict[str, set[Triple]]:
    """The triples that build all networks of a group, by group."""
    built: dict[tuple[str, float | None], set[Triple]] = {}
    for triple in triples:
        if triple.network is not None and triple.status != "dropped":
            labels = (triple.alpha, triple.beta, triple.gamma)
            built.setdefault((triple.network, triple.phi), set()).add(labels)
    found: dict[str, set[Triple]] = {}
    for row in candidates:
        mine = built.get((row.network, row.phi), set())
        found[row.group] = found.get(row.group, mine) & mine
    return found


def _grid_row(row: CandidateRow, triples: Iterable[Triple], trials: Sequence[TrialRow]) -> GridRow:
    states = count(trials)
    status = _STATUSES.get(row.status)
    if status is None:
        legal = ", ".join(_STATUSES)
        raise DamagedError(f"study {row.study!r}: a candidate has status {row.status!r}. Legal: {legal}")
    shown = (row.alpha or 1.0, row.beta or 1.0, row.gamma or 1.0)
    return GridRow(
        candidate=candidate(row),
        triples=(shown, *sorted(set(triples) - {shown})),
        status=status,
        reason=remark(row.reason, states, trials),
        accuracy=estimate(trial.accuracy for trial in trials if trial.state == "complete"),
        verdict=shown_state(states),
        states=states,
    )


def _dropped(row: TripleRow) -> GridRow:
    return GridRow(
        candidate=Candidate(**_shared(row)),
        triples=((row.alpha, row.beta, row.gamma),),
        status="dropped",
        reason=row.reason,
        verdict="dropped",
    )


def _ranked(rows: Iterable[GridRow]) -> tuple[GridRow, ...]:
    """Best first; what is not ranked last, by φ and triple, so that the order never depends on the ledger's."""

    def key(row: GridRow) -> tuple[object, ...]:
        rank = _RANKS[row.verdict] if row.verdict in _RANKS and row.accuracy is not None else _UNRANKED
        mean = 0.0 if rank == _UNRANKED or row.accuracy is None else row.accuracy.mean
        labels = (row.candidate.phi, row.candidate.alpha, row.candidate.beta, row.candidate.gamma)
        return rank, -mean, *(math.inf if number is None else number for number in labels)

    return tuple(sorted(rows, key=key))
