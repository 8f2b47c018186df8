"""From ledger rows to findings: who won, who cannot be told from the winner, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scaling_search.ledger.rows import CandidateRow, DecisionRow, EvaluationRow, TrialRow
from scaling_search.scaling.coefficients import MACS, Exponents, most_central
from scaling_search.search import confidence, learned, minutes, race, statistics, surface, winner
from scaling_search.search.confidence import ConfidenceSet
from scaling_search.search.race import Decision
from scaling_search.search.scores import Bits, Scores, gather
from scaling_search.search.stage import FirstStage
from scaling_search.search.statistics import Estimate
from scaling_search.search.surface import Surface
from scaling_search.search.variance import difference_noise
from scaling_search.search.winner import Choice, HeldOut

LEVEL = 0.95
# Triple as it stands in a candidate row.
Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A contender as the ledger knows it: one candidate row per phi, and all triples that build the same."""

    key: str
    rows: tuple[CandidateRow, ...]
    triples: tuple[Triple, ...]

    @property
    def triple(self) -> Triple:
        return self.triples[0]

    @property
    def macs(self) -> float:
        return float(sum(row.macs or 0 for row in self.rows))


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a grid says. Most of it is None while no trial is complete.

    `unlearned`: networks with trials that did not learn, and why; they are not ranked.
    """

    rivals: tuple[Rival, ...]
    unlearned: Mapping[str, str] = field(default_factory=dict)
    first_stage: FirstStage | None = None
    scores: Scores | None = None
    members: ConfidenceSet | None = None
    choice: Choice | None = None
    held_out: HeldOut | None = None
    accuracies: Mapping[str, Estimate] | None = None
    differences: Mapping[str, Estimate | None] | None = None
    surface: Surface | None = None

    def rival(self, key: str) -> Rival:
        """The rival of this key."""
        return self._by_key[key]

    @cached_property
    def _by_key(self) -> Mapping[str, Rival]:
        return {rival.key: rival for rival in self.rivals}


def rivals(candidates: Iterable[CandidateRow]) -> tuple[Rival, ...]:
    """The contenders of a grid from its candidate rows.

    The first triple of each stands for it: the one moved least, and among those the most central, as in `plan.merge`.
    """
    kept = [row for row in candidates if row.purpose == "grid" and row.status != "dropped" and row.network]
    phis = sorted({row.phi for row in kept})
    by_triple: dict[Triple, dict[float, CandidateRow]] = {}
    for row in kept:
        by_triple.setdefault((row.alpha, row.beta, row.gamma), {})[row.phi] = row
    groups: dict[str, list[tuple[Triple, tuple[CandidateRow, ...]]]] = {}
    for triple, rows in by_triple.items():
        if len(rows) == len(phis):
            members = tuple(rows[phi] for phi in phis)
            groups.setdefault("+".join(str(row.network) for row in members), []).append((triple, members))
    found = []
    for key, group in groups.items():
        least = min(_moved(members) for _, members in group)
        near = [item for item in group if _moved(item[1]) == least]
        triple, members = near[most_central([triple for triple, _ in near])]
        others = sorted((_moved(moved), other) for other, moved in group if other != triple)
        found.append(Rival(key=key, rows=members, triples=(triple, *(other for _, other in others))))
    return tuple(found)


def _moved(rows: Sequence[CandidateRow]) -> float:
    """How far the resolutions are from what the triple itself asks for, in pixels."""
    return sum(round(abs((row.nominal_resolution or 0) - (row.resolution or 0))) for row in rows)


def all_bits(rows: Sequence[TrialRow]) -> list[Bits]:
    """`bits` of each; at once where all have as many images, as a study's have, which is many times faster."""
    counts = {row.correct_count for row in rows}
    if len(counts) != 1:
        return [bits(row) for row in rows]
    packed = np.frombuffer(b"".join(row.correct or b"" for row in rows), np.uint8).reshape(len(rows), -1)
    return list(np.unpackbits(packed, axis=1, count=counts.pop()).view(np.bool_))


def bits(row: TrialRow | EvaluationRow) -> Bits:
    """Which images a complete trial, or the evaluation of one, got right."""
    assert row.correct is not None and row.correct_count is not None  # noqa: S101 - complete, read with bits
    packed = np.frombuffer(row.correct, np.uint8)
    return np.unpackbits(packed, count=row.correct_count).astype(bool)


def scores(
    competing: Sequence[Rival], trials: Iterable[TrialRow], unlearned: Collection[str] = ()
) -> Scores | None:
    """The right/wrong bits of complete trials; None when there is none.

    A contender with a seed that diverged, failed or did not learn (`unlearned`, keys of trials) is left out: it is
    never ranked. At several phi a contender's score of an image is the mean over them, so that one image counts once.
    """
    complete: list[TrialRow] = []
    broken: set[str] = set()
    for trial in trials:
        if trial.key in unlearned:
            broken.add(trial.network)
        elif trial.state == "complete" and trial.correct is not None:
            complete.append(trial)
        elif trial.state in ("diverged", "failed"):
            broken.add(trial.network)
    done: dict[str, dict[int, Bits]] = {}
    for trial, right in zip(complete, all_bits(complete), strict=True):
        done.setdefault(trial.network, {})[trial.seed] = right
    table: dict[str, dict[int, Bits]] = {}
    for rival in competing:
        networks = [str(row.network) for row in rival.rows]
        if broken.intersection(networks) or not all(network in done for network in networks):
            continue
        seeds = set.intersection(*(set(done[network]) for network in networks))
        if seeds:
            table[rival.key] = {
                seed: np.mean([done[network][seed] for network in networks], axis=0)
                if len(networks) > 1
                else done[networks[0]][seed]
                for seed in seeds
            }
    return gather(table) if table else None


def findings(
    candidates: Sequence[CandidateRow],
    trials: Iterable[TrialRow],
    *,
    racing_seeds: int | None,
    unlearned: Mapping[str, str] | None = None,
    recorded: Iterable[DecisionRow] = (),
    level: float = LEVEL,
    exponents: Exponents = MACS,
) -> Findings:
    """All that a grid's trials say, by `confidence`, `winner` and `statistics`.

    `racing_seeds` is the most rounds that a race may have, None for an exhaustive search; `unlearned` says by key why
    trials did not learn; `recorded` are the study's decisions in the ledger; `exponents` are those of the cost that
    the candidates have equal.
    """
    trials, stuck = list(trials), unlearned or {}
    competing = rivals(candidates)
    table = scores(competing, trials, stuck)
    networks = learned.by_network(trials, stuck)
    if table is None:
        return Findings(rivals=competing, unlearned=networks)
    recorded = list(recorded)
    decisions = (
        []
        if racing_seeds is None or minutes.nobody_stopped(table, recorded, seeds=racing_seeds)
        else raced(table, trials, recorded, seeds=racing_seeds, level=level, figures=False)
    )
    if any(decision.verdicts for decision in decisions):
        members = race.result(decisions, level=level)
    else:
        members = confidence.confidence_set(table, level=level, figures=False)
    choice = winner.choose(
        table,
        members,
        costs={rival.key: rival.macs for rival in competing},
        triples={rival.key: rival.triple for rival in competing},
    )
    leader = choice.winner
    return Findings(
        rivals=competing,
        unlearned=networks,
        scores=table,
        members=members,
        choice=choice,
        held_out=winner.held_out(table, leader),
        accuracies=dict(zip(table.names, statistics.accuracies(table, level=level), strict=True)),
        differences=dict(zip(table.names, statistics.differences(table, leader, level=level), strict=True)),
        surface=response(competing, table, exponents),
    )


def raced(
    table: Scores,
    trials: Sequence[TrialRow],
    recorded: Iterable[DecisionRow],
    *,
    seeds: int,
    level: float = LEVEL,
    figures: bool = True,
) -> list[Decision]:
    """The decisions of a race so far, of at most `seeds` rounds; `figures` as in `minutes.decisions`."""
    by = trained_by(trials)
    return minutes.decisions(table, recorded, seeds=seeds, level=level, trained_by=by, figures=figures)


def trained_by(trials: Sequence[TrialRow]) -> str:
    """Recipes and data of the trials: with network and seed, all that their results depend on."""
    return json.dumps(sorted({(trial.recipe, trial.dataset) for trial in trials}))


def response(competing: Sequence[Rival], table: Scores, exponents: Exponents = MACS) -> Surface | None:
    """The surface over how the doubling is shared; None before a second seed has shown how much seeds scatter.

    None too where a dimension costs nothing: it has no share of a doubling.
    """
    noise = difference_noise(table)
    if not noise.degrees or 0 in exponents:
        return None
    triples = {rival.key: rival.triple for rival in competing}
    errors = np.sqrt(noise.raw / table.counts)
    # A wide tolerance lets (1, 1, 1) in, which shares out nothing.
    bigger = [at for at, name in enumerate(table.names) if max(triples[name]) > 1]
    if not bigger:
        return None
    return surface.fit(
        [triples[table.names[at]] for at in bigger],
        [float(table.means[at]) for at in bigger],
        [float(errors[at]) for at in bigger],
        exponents=exponents,
    )
