"""Ledger rows → report rows, for all that needs no statistics beyond a mean and a standard deviation over seeds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

from scaling_search.architecture import toml
from scaling_search.errors import DamagedError, InputError
from scaling_search.ledger.storage.rows import CandidateRow, EvaluationRow, NetworkRow, StudyRow, TrialRow
from scaling_search.report.measured import by_network, count, estimate, listed, remark, shown_state
from scaling_search.report.rows import (
    Assessment,
    Candidate,
    FamilyReport,
    FamilyRow,
    FamilyStatus,
    GridReport,
    GridRow,
    Status,
    Verdict,
)
from scaling_search.report.table import Interval

_RANKS: dict[Verdict, int] = {"winner": 0, "tied": 1, "in the set": 1, "trained": 1, "eliminated": 2}
_UNRANKED = 3
_STATUSES: dict[str, Status] = {"kept": "kept", "adjusted": "adjusted", "dropped": "dropped"}


def grid(
    study: StudyRow,
    candidates: Sequence[CandidateRow],
    trials: Iterable[TrialRow],
    *,
    base: NetworkRow | None = None,
) -> GridReport:
    """The search of one study, best mean first. No verdict beyond "trained": ``with_verdicts`` adds those.

    Triples that build one network at one φ are one candidate. ``base`` is the network that ratios refer to.
    Errors: InputError where ``trials`` mix recipes or data sets and the study does not say which are its own.
    """
    mine = by_network(own(study, trials))
    groups: dict[tuple[float, str | None, int], list[CandidateRow]] = {}
    for number, row in enumerate(candidates):
        if row.purpose == "grid":
            # A dropped triple may have no network: it stays alone.
            groups.setdefault((row.phi, row.network, number if row.network is None else -1), []).append(row)
    rows = [_grid_row(group, mine.get(group[0].network or "", [])) for group in groups.values()]
    return GridReport(
        study=study.name,
        baseline=study.baseline,
        dataset=study.dataset_name,
        rows=_ranked(row for row in rows if row.status != "dropped"),
        dropped=tuple(row for row in rows if row.status == "dropped"),
        base=None if base is None else _base(base, mine.get(base.fingerprint, [])),
    )


def family(
    study: StudyRow,
    candidates: Sequence[CandidateRow],
    trials: Iterable[TrialRow],
    evaluations: Iterable[EvaluationRow] = (),
    *,
    predictions: Mapping[str, Interval] | None = None,
) -> FamilyReport:
    """The family of one study by rising φ, with test accuracies where they were evaluated.

    ``predictions`` are accuracies by network fingerprint, said before the training. Errors: as ``grid``.
    """
    mine = by_network(own(study, trials))
    tested = {row.trial_key: row.accuracy for row in evaluations if row.split == "test"}
    said: dict[str | None, Interval] = {} if predictions is None else dict(predictions.items())
    rows = []
    for row in sorted((row for row in candidates if row.purpose == "scale"), key=_order):
        have = mine.get(row.network or "", [])
        states = count(have)
        status: FamilyStatus = (
            "not trained" if row.status == "not trained" and not have else shown_state(states)
        )
        rows.append(
            FamilyRow(
                candidate=_candidate(row),
                status=status,
                reason=remark(row.reason, states, have),
                accuracy=estimate(trial.accuracy for trial in have if trial.state == "complete"),
                test=estimate(tested[trial.key] for trial in have if trial.key in tested),
                predicted=said.get(row.network),
                states=states,
            )
        )
    return FamilyReport(
        study=study.name, baseline=study.baseline, dataset=study.dataset_name, rows=tuple(rows)
    )


def with_verdicts(
    report: GridReport,
    assessments: Mapping[str, Assessment],
    *,
    level: float | None = None,
    notes: Sequence[str] = (),
) -> GridReport:
    """The report with verdicts by network fingerprint, sorted by them: winner, tied and in the set, out, the rest.

    A candidate that diverged keeps that verdict, whatever a assessment says: it is never ranked.
    """
    rows = []
    for row in report.rows:
        assessment = assessments.get(row.candidate.fingerprint or "")
        if assessment is None:
            rows.append(row)
            continue
        rows.append(
            dataclasses.replace(
                row,
                verdict="diverged" if row.verdict == "diverged" else assessment.verdict,
                interval=assessment.interval,
                difference=assessment.difference,
            )
        )
    return dataclasses.replace(report, rows=_ranked(rows), level=level, notes=(*report.notes, *notes))


def own(study: StudyRow, trials: Iterable[TrialRow]) -> list[TrialRow]:
    """The trials with the study's recipe and data set: figures of different recipes are never averaged."""
    mine = [
        trial
        for trial in trials
        if study.recipe in (None, trial.recipe) and study.dataset in (None, trial.dataset)
    ]
    kinds = {(trial.recipe, trial.dataset) for trial in mine}
    if len(kinds) > 1:
        raise InputError(
            f"study {study.name!r}: its trials have {len(kinds)} different recipes or data sets, and figures of"
            " different ones cannot be averaged; run the study again, so that the ledger knows which are its own"
        )
    return mine


def _candidate(row: CandidateRow) -> Candidate:
    return Candidate(
        name=row.network_name,
        fingerprint=row.network,
        phi=row.phi,
        alpha=row.alpha,
        beta=row.beta,
        gamma=row.gamma,
        depth=row.depth,
        width=row.width,
        resolution=row.resolution,
        nominal_resolution=row.nominal_resolution,
        parameters=row.parameters,
        macs=row.macs,
        macs_ratio=row.macs_ratio,
    )


def _grid_row(group: Sequence[CandidateRow], trials: Sequence[TrialRow]) -> GridRow:
    first = group[0]
    states = count(trials)
    status = _STATUSES.get(first.status)
    if status is None:
        legal = ", ".join(_STATUSES)
        raise DamagedError(f"study {first.study!r}: a candidate has status {first.status!r}. Legal: {legal}")
    return GridRow(
        candidate=_candidate(first),
        triples=tuple((row.alpha, row.beta, row.gamma) for row in group),
        status=status,
        reason=remark(first.reason, states, trials),
        accuracy=estimate(trial.accuracy for trial in trials if trial.state == "complete"),
        verdict="dropped" if status == "dropped" else shown_state(states),
        states=states,
    )


def _base(row: NetworkRow, trials: Sequence[TrialRow]) -> GridRow:
    states = count(trials)
    network = toml.parse(row.toml, what=f"network {row.name} in the ledger")
    return GridRow(
        candidate=Candidate(
            name=row.name,
            fingerprint=row.fingerprint,
            phi=0.0,
            depth=listed(network.depths),
            width=listed(network.widths),
            resolution=row.resolution,
            parameters=row.parameters,
            macs=row.macs,
            macs_ratio=1.0,
        ),
        reason=remark(None, states, trials),
        accuracy=estimate(trial.accuracy for trial in trials if trial.state == "complete"),
        verdict="base",
        states=states,
    )


def _ranked(rows: Iterable[GridRow]) -> tuple[GridRow, ...]:
    """Best first; what is not ranked last, by φ and triple, so that the order never depends on the ledger's."""

    def place(row: GridRow) -> tuple[object, ...]:
        rank = _RANKS[row.verdict] if row.verdict in _RANKS and row.accuracy is not None else _UNRANKED
        mean = 0.0 if rank == _UNRANKED or row.accuracy is None else row.accuracy.mean
        return rank, -mean, *_key(row.candidate)

    return tuple(sorted(rows, key=place))


def _key(candidate: Candidate) -> tuple[float, ...]:
    triple = (candidate.phi, candidate.alpha, candidate.beta, candidate.gamma)
    return tuple(math.inf if number is None else number for number in triple)


def _order(row: CandidateRow) -> tuple[float, ...]:
    return row.phi, row.alpha, row.beta, row.gamma
