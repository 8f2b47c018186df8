"""A scaled family as people and programs read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.report import collect
from scaling_search.report.rows import FamilyReport, FamilyRow
from scaling_search.report.table import Interval
from scaling_search.search.family import predictions
from scaling_search.search.grid import analysis, chance_level
from scaling_search.search.grid.contenders import bits_of
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.grid_plan import FRESH_SEEDS
from scaling_search.statistics import intervals
from scaling_search.statistics.scores import Bits, gather

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def report_of(ledger: Reader, study: str) -> tuple[FamilyReport, list[TrialRow]]:
    """The family's table from the ledger, and the trials behind it: those with fresh seeds only."""
    row = next(row for row in ledger.studies() if row.name == study)
    candidates = ledger.candidates(study, "scale")
    networks = {candidate.network for candidate in candidates}
    trials = [
        trial
        for trial in ledger.trials(study=study, with_correct=True)
        if trial.network in networks and trial.seed >= FRESH_SEEDS
    ]
    evaluations = ledger.evaluations([trial.key for trial in trials], with_correct=True)
    said = predictions.predictions(ledger, study)
    report = collect.family(row, candidates, trials, evaluations, predictions=said)
    settings = studies.parse(row.toml, what=f"study {row.name} in the ledger")
    at_chance = chance_level.by_network(trials, chance_level.at_chance(ledger, trials))
    complete = {trial.key: trial for trial in collect.own(row, trials) if trial.state == "complete"}
    validation = _intervals((trial, bits_of(trial)) for trial in complete.values())
    test = _intervals(
        (complete[found.trial_key], bits_of(found))
        for found in evaluations
        if found.split == "test" and found.trial_key in complete
    )
    rows = tuple(
        replace(
            _explained(member, at_chance),
            interval=validation.get(member.candidate.fingerprint or ""),
            test_interval=test.get(member.candidate.fingerprint or ""),
        )
        for member in report.rows
    )
    budget = QUANTITIES[settings.grid.budget].words
    return replace(report, rows=rows, budget=budget, level=analysis.LEVEL if validation else None), trials


def _intervals(right: Iterable[tuple[TrialRow, Bits]]) -> dict[str, Interval]:
    """Intervals of the networks' accuracies, from the images that each of their trials got right."""
    table: dict[str, dict[int, Bits]] = {}
    for trial, bits in right:
        table.setdefault(trial.network, {})[trial.seed] = bits
    if not table:
        return {}
    scores = gather(table)
    found = intervals.accuracies(scores, level=analysis.LEVEL)
    return {
        name: Interval(low=each.low, high=each.high) for name, each in zip(scores.names, found, strict=True)
    }


def _explained(row: FamilyRow, at_chance: Mapping[str, str]) -> FamilyRow:
    """The row with a remark where a seed stayed at chance level: its mean is no normal result."""
    why = at_chance.get(row.candidate.fingerprint or "")
    return row if why is None else replace(row, reason="; ".join(filter(None, (row.reason, why))))
