"""The candidates of a grid as the ledger has them, recorded as they were planned, and what their trials got right."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.ledger.storage.rows import BASE, GRID, CandidateRow, EvaluationRow, TrialRow, TripleRow
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.trial.ledger_rows import candidate_row, network_rows, triple_row
from scaling_search.statistics.scores import Bits, Marks

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader

# Triple as it stands in a row.
Triple = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class RecordedCandidate:
    """A candidate: one row per φ, and all triples that build the same, the one that represents it first."""

    group: str
    rows: tuple[CandidateRow, ...]
    triples: tuple[Triple, ...]

    @property
    def triple(self) -> Triple:
        """The triple that represents it."""
        return self.triples[0]

    @property
    def realised(self) -> Triple:
        """The triple whose powers are what it built at its first φ."""
        return realised_triple(self.rows[0])

    @property
    def macs(self) -> float:
        """MACs of all its networks."""
        return float(sum(row.macs or 0 for row in self.rows))


def realised_triple(row: CandidateRow) -> Triple:
    """The triple whose powers are what a candidate built: each factor's φ-th root, at least 1."""
    phi = row.phi or 1.0
    factors = (row.depth_factor, row.width_factor, row.resolution_factor)
    alpha, beta, gamma = (max(1.0, (factor or 1.0) ** (1 / phi)) for factor in factors)
    return alpha, beta, gamma


def record_plan(ledger: Ledger, study: str, plan: GridPlan) -> None:
    """Keeps a plan's candidates and triples beside those that earlier plans of the study had.

    A candidate keeps the triple nearest to what was built, whichever plan met it.
    """
    space = plan.space
    known = {row.network: row for row in ledger.rows(CANDIDATES, study=study, role=GRID)}
    candidates = [
        _nearer(
            known.get(build.fingerprint),
            candidate_row(space, study, GRID, build, group=one.group, note=plan.vanished(one)),
        )
        for one in plan.candidates
        for build in one.builds
    ]
    triples = [triple_row(study, GRID, row) for at in plan.plans for row in at.rows]
    again = {(row.phi, row.alpha, row.beta, row.gamma) for row in triples}
    before = ledger.rows(TRIPLES, study=study, role=GRID)
    others = [row for row in before if (row.phi, row.alpha, row.beta, row.gamma) not in again]
    built = {row.network for row in (*triples, *others) if row.status != "dropped"}
    mine = {row.network for row in candidates}
    kept = [row for row in known.values() if row.network not in mine and row.network in built]
    networks = network_rows(build.network for build in (plan.base, *plan.networks))
    base = candidate_row(space, study, BASE, plan.base)
    ledger.record(
        [*networks, base, *candidates, *kept, *triples],
        instead_of=[(CANDIDATES, {"study": study, "role": GRID})],
    )


def _nearer(old: CandidateRow | None, new: CandidateRow) -> CandidateRow:
    """The row whose triple is nearer to what it built; the new one if both are alike."""
    if old is None or old.group != new.group or _distance(new) <= _distance(old) + 1e-9:
        return new
    return replace(old, macs_ratio=new.macs_ratio, memory=new.memory)


def _distance(row: CandidateRow) -> float:
    pairs = ((row.depth_factor, row.alpha), (row.width_factor, row.beta), (row.resolution_factor, row.gamma))
    phi = row.phi or 0.0
    return math.hypot(*(math.log(built or 1) - phi * math.log(asked or 1) for built, asked in pairs))


def recorded(ledger: Reader, study: str) -> tuple[RecordedCandidate, ...]:
    """The candidates of a study's grid."""
    rows = ledger.rows(CANDIDATES, study=study, role=GRID)
    return recorded_of(rows, ledger.rows(TRIPLES, study=study, role=GRID))


def recorded_of(rows: Iterable[CandidateRow], triples: Iterable[TripleRow]) -> tuple[RecordedCandidate, ...]:
    """The same, from rows."""
    groups: dict[str, list[CandidateRow]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    by_network: dict[tuple[str, float], list[Triple]] = {}
    for triple in triples:
        if triple.status != "dropped" and triple.network is not None:
            place = (triple.network, triple.phi)
            by_network.setdefault(place, []).append((triple.alpha, triple.beta, triple.gamma))
    found = []
    for group, members in groups.items():
        ordered = tuple(sorted(members, key=lambda row: row.phi or 0.0))
        first = ordered[0]
        own = (first.alpha or 1.0, first.beta or 1.0, first.gamma or 1.0)
        alike = set.intersection(
            *(set(by_network.get((row.network, row.phi or 0.0), [own])) for row in ordered)
        )
        found.append(RecordedCandidate(group=group, rows=ordered, triples=(own, *sorted(alike - {own}))))
    return tuple(sorted(found, key=lambda candidate: candidate.triple))


def all_bits(rows: Sequence[TrialRow]) -> list[Bits]:
    """`bits_of` each; at once where all have as many images, as a study's have, which is many times faster."""
    counts = {row.correct_count for row in rows}
    if len(counts) != 1:
        return [bits_of(row) for row in rows]
    packed = np.frombuffer(b"".join(row.correct or b"" for row in rows), np.uint8).reshape(len(rows), -1)
    return list(np.unpackbits(packed, axis=1, count=counts.pop()).view(np.bool_))


def bits_of(row: TrialRow | EvaluationRow) -> Bits:
    """Which images a complete trial, or the evaluation of one, got right."""
    assert row.correct is not None and row.correct_count is not None  # noqa: S101 - complete, read with bits
    packed = np.frombuffer(row.correct, np.uint8)
    return np.unpackbits(packed, count=row.correct_count).astype(bool)


def results_of(
    candidates: Sequence[RecordedCandidate], trials: Iterable[TrialRow], at_chance: Collection[str] = ()
) -> dict[str, dict[int, Marks | None]]:
    """What each candidate's finished trials got right, by seed; None where one diverged or failed.

    At several φ a candidate's score of an image is the mean over them, so that one image counts once; a seed that was
    at chance level (`at_chance`, keys of trials) at one of them counts as that. A candidate that stayed there with
    every one of several seeds has no result with any.
    """
    complete, broken, low = list[TrialRow](), set[tuple[str, int]](), set[tuple[str, int]]()
    for trial in trials:
        if trial.state == "complete" and trial.correct is not None:
            complete.append(trial)
        elif trial.state in ("diverged", "failed"):
            broken.add((trial.network, trial.seed))
        if trial.key in at_chance:
            low.add((trial.network, trial.seed))
    done: dict[str, dict[int, Bits]] = {}
    for trial, right in zip(complete, all_bits(complete), strict=True):
        done.setdefault(trial.network, {})[trial.seed] = right
    found: dict[str, dict[int, Marks | None]] = {}
    for candidate in candidates:
        networks = [row.network for row in candidate.rows]
        seeds = {seed for network in networks for seed in done.get(network, ())}
        marks: dict[int, Marks | None] = {
            seed: None for network in networks for other, seed in broken if other == network
        }
        chance = 0
        for seed in sorted(seeds - marks.keys()):
            there = {network: done[network][seed] for network in networks if seed in done.get(network, {})}
            if len(there) < len(networks):
                continue
            at_level = [right for network, right in there.items() if (network, seed) in low]
            chance += bool(at_level)
            marks[seed] = at_level[0] if at_level else _mean(list(there.values()))
        if chance > 1 and chance == sum(mark is not None for mark in marks.values()):
            marks = dict.fromkeys(marks)
        found[candidate.group] = marks
    return found


def learned(trials: Iterable[TrialRow], at_chance: Collection[str] = ()) -> dict[int, Marks]:
    """What one network's complete trials got right, by seed, but for those that stayed at chance level."""
    return {
        trial.seed: bits_of(trial)
        for trial in trials
        if trial.state == "complete" and trial.correct is not None and trial.key not in at_chance
    }


def _mean(several: Sequence[Bits]) -> Marks:
    return several[0] if len(several) == 1 else np.mean(several, axis=0)
