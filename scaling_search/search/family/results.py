"""What a ledger says of a study's families."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import FamilyRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, FAMILIES, TRIPLES
from scaling_search.report import collect
from scaling_search.report.rows import FamilyReport, MemberRow
from scaling_search.report.table import Interval
from scaling_search.search.family import predictions
from scaling_search.search.grid import chance_level
from scaling_search.search.grid.analysis import sample_of
from scaling_search.search.grid.candidates import bits_of
from scaling_search.search.grid.ledger_results import dataset_of, settings_of
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.grid_plan import FRESH_SEEDS
from scaling_search.statistics import ImageSample, accuracies
from scaling_search.statistics.multiple_comparisons import LEVEL
from scaling_search.statistics.scores import Bits, gather

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def families(ledger: Reader, study: str) -> list[FamilyRow]:
    """A study's families, the newest first."""
    rows = ledger.rows(FAMILIES, study=study)
    return sorted(rows, key=lambda row: (row.created_at, row.role), reverse=True)


def report_of(ledger: Reader, row: StudyRow, family: FamilyRow) -> tuple[FamilyReport, list[TrialRow]]:
    """A family's table from the ledger, and the trials behind it: those with fresh seeds only."""
    candidates = {one.network: one for one in ledger.rows(CANDIDATES, study=row.name, role=family.role)}
    triples = ledger.rows(TRIPLES, study=row.name, role=family.role)
    members = [
        replace(candidates[one.network], phi=one.phi)
        for one in sorted(triples, key=lambda one: one.phi)
        if one.network in candidates
    ]
    trials = [
        trial
        for trial in ledger.trials(study=row.name, with_correct=True)
        if trial.network in candidates and trial.seed >= FRESH_SEEDS
    ]
    evaluations = ledger.evaluations([trial.key for trial in trials], with_correct=True)
    said = predictions.predictions(ledger, row.name, family.role)
    report = collect.family(row, family, members, trials, evaluations, predictions=said)
    at_chance = chance_level.by_network(trials, chance_level.at_chance(ledger, trials))
    complete = {trial.key: trial for trial in trials if trial.state == "complete"}
    sample = sample_of(dataset_of(ledger, row), settings_of(row).grid.metric)
    validation = _intervals(((trial, bits_of(trial)) for trial in complete.values()), sample)
    test = _intervals(
        (
            (complete[found.trial_key], bits_of(found))
            for found in evaluations
            if found.split == "test" and found.trial_key in complete
        ),
        ImageSample(),
    )
    rows = tuple(
        replace(
            _explained(member, at_chance),
            interval=validation.get(member.candidate.fingerprint or ""),
            test_interval=test.get(member.candidate.fingerprint or ""),
        )
        for member in report.rows
    )
    budget = QUANTITIES[settings_of(row).grid.budget].words
    return replace(report, rows=rows, budget=budget, level=LEVEL if validation else None), trials


def _intervals(right: Iterable[tuple[TrialRow, Bits]], sample: ImageSample) -> dict[str, Interval]:
    """Intervals of the networks' accuracies, from the images that each of their trials got right."""
    table: dict[str, dict[int, Bits]] = {}
    for trial, bits in right:
        table.setdefault(trial.network, {})[trial.seed] = bits
    if not table:
        return {}
    scores = gather(table, sample)
    found = zip(scores.names, accuracies(scores, level=LEVEL), strict=True)
    return {name: Interval(low=one.low, high=one.high) for name, one in found if math.isfinite(one.low)}


def _explained(row: MemberRow, at_chance: Mapping[str, str]) -> MemberRow:
    """The row with a remark where a seed stayed at chance level: its mean is no normal result."""
    why = at_chance.get(row.candidate.fingerprint or "")
    return row if why is None else replace(row, reason="; ".join(filter(None, (row.reason, why))))
