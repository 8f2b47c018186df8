"""What a ledger says of a study's families."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import FamilyRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.report import collect
from scaling_search.report.rows import FamilyReport, MemberRow, StepRow
from scaling_search.report.table import Interval
from scaling_search.search.family import predictions
from scaling_search.search.grid import chance_level
from scaling_search.search.grid import report as grid_report
from scaling_search.search.grid.analysis import sample_of
from scaling_search.search.grid.candidates import bits_of
from scaling_search.search.grid.ledger_results import dataset_of, settings_of
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.seeds import is_fresh
from scaling_search.statistics import ImageSample, accuracies
from scaling_search.statistics.intervals import difference
from scaling_search.statistics.multiple_comparisons import LEVEL
from scaling_search.statistics.scores import Bits, gather

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


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
        for trial in ledger.trials(study=row.name, roles=(family.role,), with_correct=True)
        if is_fresh(trial.seed)
    ]
    evaluations = ledger.evaluations([trial.key for trial in trials], with_correct=True)
    said = predictions.predictions(ledger, row.name, family.role)
    report = collect.family(row, family, members, trials, evaluations, predictions=said)
    at_chance = chance_level.by_network(trials, chance_level.at_chance(ledger, trials))
    complete = {trial.key: trial for trial in trials if trial.state == "complete"}
    sample = sample_of(dataset_of(ledger, row), settings_of(row).grid.metric)
    on_validation = _by_network((trial, bits_of(trial)) for trial in complete.values())
    on_test = _by_network(
        (complete[found.trial_key], bits_of(found))
        for found in evaluations
        if found.split == "test" and found.trial_key in complete
    )
    validation, test = _intervals(on_validation, sample), _intervals(on_test, ImageSample())
    rows = tuple(
        replace(
            _explained(member, at_chance),
            interval=validation.get(member.candidate.fingerprint or ""),
            test_interval=test.get(member.candidate.fingerprint or ""),
        )
        for member in report.rows
    )
    budget = QUANTITIES[settings_of(row).grid.budget].words
    steps = (
        _steps(rows, on_test, ImageSample(), "test")
        if on_test
        else _steps(rows, on_validation, sample, "validation")
    )
    return replace(
        report,
        rows=rows,
        steps=steps,
        budget=budget,
        level=LEVEL if validation else None,
        notes=tuple(grid_report.rests_on(ledger, row, family.role, trials)),
    ), trials


def _steps(
    rows: Sequence[MemberRow], right: Mapping[str, Mapping[int, Bits]], sample: ImageSample, split: str
) -> tuple[StepRow, ...]:
    """From each trained member to the next: paired over seeds and images."""
    found = []
    trained = [row for row in rows if (row.candidate.fingerprint or "") in right]
    for one, other in pairwise(trained):
        first, second = one.candidate.fingerprint or "", other.candidate.fingerprint or ""
        if first == second:
            continue
        scores = gather({"one": right[first], "other": right[second]}, sample)
        # No member was chosen by these figures.
        gap = difference(scores, "one", "other")
        if not math.isfinite(gap.low):
            continue
        fell = None
        if one.training is not None and other.training is not None:
            fell = other.training.mean < one.training.mean
        found.append(
            StepRow(
                phi=one.candidate.phi or 0.0,
                to_phi=other.candidate.phi or 0.0,
                difference=Interval(low=gap.low, high=gap.high, value=gap.value),
                split=split,
                training_fell=fell,
            )
        )
    return tuple(found)


def _by_network(right: Iterable[tuple[TrialRow, Bits]]) -> dict[str, dict[int, Bits]]:
    """Which images each network got right, by seed."""
    table: dict[str, dict[int, Bits]] = {}
    for trial, bits in right:
        table.setdefault(trial.network, {})[trial.seed] = bits
    return table


def _intervals(right: Mapping[str, Mapping[int, Bits]], sample: ImageSample) -> dict[str, Interval]:
    """Intervals of the networks' accuracies, from the images that each of their trials got right."""
    if not right:
        return {}
    scores = gather(right, sample)
    found = zip(scores.names, accuracies(scores, level=LEVEL), strict=True)
    return {name: Interval(low=one.low, high=one.high) for name, one in found if math.isfinite(one.low)}


def _explained(row: MemberRow, at_chance: Mapping[str, str]) -> MemberRow:
    """The row with a remark where a seed stayed at chance level: its mean is no normal result."""
    why = at_chance.get(row.candidate.fingerprint or "")
    return row if why is None else replace(row, reason="; ".join(filter(None, (row.reason, why))))
