"""From ledger rows to findings: who won, who cannot be told from the winner, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scaling_search.ledger.rows import CandidateRow, NetworkRow, StudyRow, TrialRow
from scaling_search.report import collect
from scaling_search.report.rows import GridReport, GridRow, Judgement
from scaling_search.report.rows import Verdict as Shown
from scaling_search.report.table import Interval
from scaling_search.scaling.coefficients import most_central
from scaling_search.search import confidence, race, statistics, surface, winner
from scaling_search.search.confidence import ConfidenceSet
from scaling_search.search.race import Decision
from scaling_search.search.scores import Bits, Scores, gather
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
    """What a grid says. Everything but `rivals` is None while no trial is complete."""

    rivals: tuple[Rival, ...]
    scores: Scores | None = None
    members: ConfidenceSet | None = None
    choice: Choice | None = None
    held_out: HeldOut | None = None
    accuracies: Mapping[str, Estimate] | None = None
    differences: Mapping[str, Estimate | None] | None = None
    surface: Surface | None = None

    def rival(self, key: str) -> Rival:
        """The rival of this key."""
        return next(rival for rival in self.rivals if rival.key == key)


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


def bits(trial: TrialRow) -> Bits:
    """Which validation images a complete trial got right."""
    assert trial.correct is not None and trial.correct_count is not None  # noqa: S101 - complete, read with bits
    packed = np.frombuffer(trial.correct, np.uint8)
    return np.unpackbits(packed, count=trial.correct_count).astype(bool)


def scores(field: Sequence[Rival], trials: Iterable[TrialRow]) -> Scores | None:
    """The right/wrong bits of complete trials; None when there is none.

    A contender with a diverged or failed seed is left out: it is never ranked. At several phi a contender's
    score of an image is the mean over them, so that one image counts once.
    """
    done: dict[str, dict[int, Bits]] = {}
    broken: set[str] = set()
    for trial in trials:
        if trial.state == "complete" and trial.correct is not None:
            done.setdefault(trial.network, {})[trial.seed] = bits(trial)
        elif trial.state in ("diverged", "failed"):
            broken.add(trial.network)
    table: dict[str, dict[int, Bits]] = {}
    for rival in field:
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


def replay(table: Scores, *, seeds: int, level: float = LEVEL) -> list[Decision]:
    """The decisions of a race, taken again from its results: as many rounds as are complete, at most `seeds`."""
    decisions: list[Decision] = []
    while len(decisions) < min(seeds, len(table.seeds)):
        running = decisions[-1].keep if decisions else table.names
        column = len(decisions)
        if not all(table.present[table.names.index(name), column] for name in running):
            break
        decisions.append(race.decide(table, decisions, rounds=seeds, level=level))
        if decisions[-1].finished(seeds):
            break
    return decisions


def findings(
    candidates: Sequence[CandidateRow],
    trials: Iterable[TrialRow],
    *,
    racing_seeds: int | None,
    level: float = LEVEL,
) -> Findings:
    """All that a grid's trials say, by `confidence`, `winner` and `statistics`.

    `racing_seeds` is the most rounds that a race may have, None for an exhaustive search.
    """
    field = rivals(candidates)
    table = scores(field, trials)
    if table is None:
        return Findings(rivals=field)
    decisions = [] if racing_seeds is None else replay(table, seeds=racing_seeds, level=level)
    if any(decision.verdicts for decision in decisions):
        members = race.result(decisions, level=level)
    else:
        members = confidence.confidence_set(table, level=level)
    choice = winner.choose(
        table,
        members,
        costs={rival.key: rival.macs for rival in field},
        triples={rival.key: rival.triple for rival in field},
    )
    leader = choice.winner
    return Findings(
        rivals=field,
        scores=table,
        members=members,
        choice=choice,
        held_out=winner.held_out(table, leader),
        accuracies=dict(zip(table.names, statistics.accuracies(table, level=level), strict=True)),
        differences=dict(zip(table.names, statistics.differences(table, leader, level=level), strict=True)),
        surface=response(field, table),
    )


def response(field: Sequence[Rival], table: Scores) -> Surface | None:
    """The surface over how the doubling is shared; None before a second seed has shown how much seeds scatter."""
    noise = difference_noise(table)
    if not noise.degrees:
        return None
    triples = {rival.key: rival.triple for rival in field}
    errors = np.sqrt(noise.raw / table.counts)
    return surface.fit(
        [triples[name] for name in table.names],
        [float(mean) for mean in table.means],
        [float(error) for error in errors],
    )


def grid_report(
    study: StudyRow,
    candidates: Sequence[CandidateRow],
    trials: Sequence[TrialRow],
    *,
    base: NetworkRow | None,
    found: Findings,
    level: float = LEVEL,
) -> GridReport:
    """The grid's table with verdicts, differences to the leader and what the numbers do not say."""
    report = collect.grid(study, candidates, trials, base=base)
    if found.choice is None or found.accuracies is None or found.differences is None:
        return report
    judged: dict[str, Judgement] = {}
    for rival in found.rivals:
        if rival.key not in found.accuracies:
            continue
        difference = found.differences[rival.key]
        judgement = Judgement(
            verdict=_verdict(found, rival.key),
            interval=_bounds(found.accuracies[rival.key]),
            difference=None if rival.key == found.choice.winner else _interval(difference),
        )
        for row in rival.rows:
            judged[str(row.network)] = judgement
    report = collect.judge(report, judged, level=level, notes=notes(found))
    return replace(report, rows=tuple(_lead(row, found) for row in report.rows))


def _lead(row: GridRow, found: Findings) -> GridRow:
    """The row with the triple that stands for its network in front."""
    for rival in found.rivals:
        for member in rival.rows:
            if member.network == row.candidate.fingerprint and member.phi == row.candidate.phi:
                alpha, beta, gamma = rival.triple
                candidate = replace(row.candidate, alpha=alpha, beta=beta, gamma=gamma)
                candidate = replace(candidate, nominal_resolution=member.nominal_resolution)
                return replace(row, candidate=candidate)
    return row


def _verdict(found: Findings, key: str) -> Shown:
    assert found.choice is not None  # noqa: S101
    if key == found.choice.winner:
        return "winner"
    return "tied" if key in found.choice.tied else "out"


def _bounds(estimate: Estimate) -> Interval:
    """The interval alone: the mean has a column of its own."""
    return Interval(low=estimate.low, high=estimate.high)


def _interval(estimate: Estimate | None) -> Interval | None:
    return None if estimate is None else Interval(low=estimate.low, high=estimate.high, value=estimate.value)


def notes(found: Findings) -> tuple[str, ...]:
    """Sentences for people: winner, ties, advice, and the winner's accuracy without the luck of being chosen."""
    if found.choice is None or found.members is None or found.held_out is None:
        return ("No trial is complete yet.",)
    choice, held = found.choice, found.held_out
    best = _named(found.rival(choice.winner).triple)
    sentences = [f"Winner: {best}, the best mean."]
    if choice.tied:
        ties = [_named(found.rival(key).triple) for key in choice.tied]
        shown = ", ".join(ties[:8]) + (f" and {len(ties) - 8} more" if len(ties) > 8 else "")
        sentences.append(
            f"The data cannot tell it from: {shown} (confidence set at {found.members.level:.0%})."
        )
        if choice.cheapest != choice.winner:
            sentences.append(f"Cheapest in the set: {_named(found.rival(choice.cheapest).triple)}.")
    else:
        sentences.append(f"It is alone in the confidence set at {found.members.level:.0%}.")
    sentences.append(
        f"Its accuracy without the luck of being chosen: {held.value:.2%} ({held.optimism * 100:+.2f} points of luck "
        f"taken off; {held.agreement:.0%} of {held.choices} repeated choices agree)."
    )
    if found.members.sources == statistics.IMAGES:
        sentences.append("One seed: intervals cover the choice of images only, not the luck of training.")
    if found.surface is not None:
        sentences.append(found.surface.says)
    rounded = [rival for rival in found.rivals if len(rival.triples) > 1]
    if rounded:
        sentences.append(
            f"{len(rounded)} of {len(found.rivals)} networks are built by several triples, which no training can tell "
            "apart; the one moved least is shown."
        )
    return tuple(sentences)


def _named(triple: Triple) -> str:
    return "(" + ", ".join(f"{value:g}" for value in triple) + ")"
