"""From ledger rows to an analysis: which candidate won, which cannot be told from it, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.racing import race
from scaling_search.racing.race import Decision
from scaling_search.scaling.coefficients import MACS, Exponents
from scaling_search.search.grid import chance_level, decision_log
from scaling_search.search.grid.candidates import RecordedCandidate, scores_of
from scaling_search.search.grid.decision_log import Log
from scaling_search.search.grid.screening_stage import Screening
from scaling_search.statistics import confidence_set, intervals, response_surface, selection
from scaling_search.statistics.confidence_set import ConfidenceSet
from scaling_search.statistics.intervals import Estimate
from scaling_search.statistics.response_surface import Surface
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.selection import Choice, HeldOut
from scaling_search.statistics.variance_components import difference_noise

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class GridAnalysis:
    """What a grid says. Most of it is None while no trial is complete.

    `at_chance`: networks with trials at chance level, and why; they are not ranked.
    """

    candidates: tuple[RecordedCandidate, ...]
    at_chance: Mapping[str, str] = field(default_factory=dict)
    screening: Screening | None = None
    scores: Scores | None = None
    members: ConfidenceSet | None = None
    choice: Choice | None = None
    held_out: HeldOut | None = None
    accuracies: Mapping[str, Estimate] | None = None
    differences: Mapping[str, Estimate | None] | None = None
    surface: Surface | None = None

    def candidate(self, group: str) -> RecordedCandidate:
        """The candidate of this key."""
        return self._by_group[group]

    @cached_property
    def _by_group(self) -> Mapping[str, RecordedCandidate]:
        return {candidate.group: candidate for candidate in self.candidates}


def analyse(
    candidates: Sequence[RecordedCandidate],
    trials: Sequence[TrialRow],
    *,
    racing_seeds: int | None,
    at_chance: Mapping[str, str] | None = None,
    log: Log | None = None,
    level: float = LEVEL,
    exponents: Exponents = MACS,
) -> GridAnalysis:
    """All that a grid's trials say.

    `racing_seeds` is the most rounds that a race may have, None for an exhaustive search; `at_chance` says by key why
    trials are at chance level; `log` is the study's in the ledger; `exponents` are those of the cost that the
    candidates have equal.
    """
    at_chance, log = at_chance or {}, log or Log()
    table = scores_of(candidates, trials, at_chance)
    networks = chance_level.by_network(trials, at_chance)
    if table is None:
        return GridAnalysis(candidates=tuple(candidates), at_chance=networks)
    decisions = (
        []
        if racing_seeds is None or decision_log.nobody_stopped(table, log, seeds=racing_seeds)
        else raced(table, trials, log, seeds=racing_seeds, level=level, with_p_values=False)
    )
    if any(decision.verdicts for decision in decisions):
        members = race.result(decisions, level=level)
    else:
        members = confidence_set.confidence_set(table, level=level, with_p_values=False)
    choice = selection.choose(
        table,
        members,
        costs={candidate.group: candidate.macs for candidate in candidates},
        triples={candidate.group: candidate.triple for candidate in candidates},
    )
    best = choice.winner
    return GridAnalysis(
        candidates=tuple(candidates),
        at_chance=networks,
        scores=table,
        members=members,
        choice=choice,
        held_out=selection.held_out(table, best),
        accuracies=dict(zip(table.names, intervals.accuracies(table, level=level), strict=True)),
        differences=dict(zip(table.names, intervals.differences(table, best, level=level), strict=True)),
        surface=response(candidates, table, exponents),
    )


def raced(
    table: Scores,
    trials: Sequence[TrialRow],
    log: Log,
    *,
    seeds: int,
    level: float = LEVEL,
    with_p_values: bool = True,
) -> list[Decision]:
    """The decisions of a race so far, of at most `seeds` rounds."""
    by = trained_by(trials)
    return decision_log.decisions(
        table, log, seeds=seeds, level=level, trained_by=by, with_p_values=with_p_values
    )


def trained_by(trials: Sequence[TrialRow]) -> str:
    """Recipes and data of the trials: with network and seed, all that their results depend on."""
    return json.dumps(sorted({(trial.recipe, trial.dataset) for trial in trials}))


def response(
    candidates: Sequence[RecordedCandidate], table: Scores, exponents: Exponents = MACS
) -> Surface | None:
    """The surface over how the doubling is shared; None before a second seed has shown how much seeds scatter.

    None too where a dimension costs nothing: it has no share of a doubling.
    """
    noise = difference_noise(table)
    if not noise.degrees or 0 in exponents:
        return None
    triples = {candidate.group: candidate.triple for candidate in candidates}
    errors = np.sqrt(noise.raw / table.counts)
    # A wide tolerance lets (1, 1, 1) in, which shares out nothing.
    bigger = [at for at, name in enumerate(table.names) if max(triples[name]) > 1]
    if not bigger:
        return None
    return response_surface.fit(
        [triples[table.names[at]] for at in bigger],
        [float(table.means[at]) for at in bigger],
        [float(errors[at]) for at in bigger],
        exponents=exponents,
    )
