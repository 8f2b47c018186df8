"""The candidates of a grid as the ledger has them, recorded as they were planned, and what their trials got right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.ledger.storage.rows import (
    BASE,
    GRID,
    CandidateRow,
    EvaluationRow,
    FamilyRow,
    TrialRow,
    TripleRow,
)
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.report.page.data import Triple
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.grid import tuning
from scaling_search.search.plan.builds import Factors
from scaling_search.search.plan.candidates import Candidate, group_key
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.trial.ledger_rows import candidate_row, network_rows, triple_row
from scaling_search.statistics.scores import Bits, Marks

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.reader import Reader


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

    A candidate keeps the triple nearest to what was built, whichever plan met it, for as long as that triple builds it.
    """
    triples = [triple_row(study, GRID, row) for at in plan.plans for row in at.rows]
    again = {(row.phi, triple_of(row)) for row in triples}
    before = ledger.rows(TRIPLES, study=study, role=GRID)
    triples += [row for row in before if (row.phi, triple_of(row)) not in again]
    builders = _builders(triples, [at.phi for at in plan.plans])
    found = {
        group: rows
        for group, rows in _by_group(ledger.rows(CANDIDATES, study=study, role=GRID)).items()
        if triple_of(rows[0]) in builders.get(group, ())
    }
    for one in plan.candidates:
        rows = _rows(plan, study, one)
        if one.group not in found or _distance(rows) <= _distance(found[one.group]) + 1e-9:
            found[one.group] = rows
    ledger.record(
        [
            *network_rows(build.network for build in (plan.base, *plan.networks)),
            *tuning.kept(
                ledger,
                study,
                [
                    candidate_row(plan.space, study, BASE, plan.base),
                    *(row for rows in found.values() for row in rows),
                ],
            ),
            *triples,
        ],
        instead_of=[(CANDIDATES, {"study": study, "role": GRID})],
    )


def _rows(plan: GridPlan, study: str, one: Candidate) -> list[CandidateRow]:
    """A candidate's networks, each once."""
    note = plan.vanished(one)
    rows = [candidate_row(plan.space, study, GRID, build, group=one.group, note=note) for build in one.builds]
    return list({row.network: row for row in reversed(rows)}.values())[::-1]


def _builders(rows: Iterable[TripleRow], phis: Sequence[float]) -> dict[str, set[Triple]]:
    """The triples kept at every φ, by the group that they build."""
    built: dict[Triple, dict[float, str]] = {}
    for row in rows:
        if row.status != "dropped" and row.network is not None:
            built.setdefault(triple_of(row), {})[row.phi] = row.network
    found: dict[str, set[Triple]] = {}
    for triple, networks in built.items():
        if all(phi in networks for phi in phis):
            found.setdefault(group_key([networks[phi] for phi in phis]), set()).add(triple)
    return found


def _by_group(rows: Iterable[CandidateRow]) -> dict[str, list[CandidateRow]]:
    """Candidates' rows by rising φ."""
    groups: dict[str, list[CandidateRow]] = {}
    for row in sorted(rows, key=lambda row: row.phi or 0.0):
        groups.setdefault(row.group, []).append(row)
    return groups


def triple_of(row: CandidateRow | TripleRow | FamilyRow) -> Triple:
    """The triple of a row; the base's is (1, 1, 1)."""
    return row.alpha or 1.0, row.beta or 1.0, row.gamma or 1.0


def _distance(rows: Iterable[CandidateRow]) -> float:
    """How far what was built is from what the triple asks for, over all φ: as `plan.candidates` has it."""
    return sum(
        Factors(
            depth=row.depth_factor or 1.0,
            width=row.width_factor or 1.0,
            resolution=row.resolution_factor or 1.0,
        ).distance(Coefficients.of(triple_of(row)), row.phi or 0.0)
        for row in rows
    )


def recorded(ledger: Reader, study: str) -> tuple[RecordedCandidate, ...]:
    """The candidates of a study's grid."""
    rows = ledger.rows(CANDIDATES, study=study, role=GRID)
    return recorded_of(rows, ledger.rows(TRIPLES, study=study, role=GRID))


def recorded_of(rows: Iterable[CandidateRow], triples: Iterable[TripleRow]) -> tuple[RecordedCandidate, ...]:
    """The same, from rows."""
    by_network: dict[tuple[str, float], list[Triple]] = {}
    for triple in triples:
        if triple.status != "dropped" and triple.network is not None:
            by_network.setdefault((triple.network, triple.phi), []).append(triple_of(triple))
    found = []
    for group, members in _by_group(rows).items():
        own = triple_of(members[0])
        alike = set.intersection(
            *(set(by_network.get((row.network, row.phi or 0.0), [own])) for row in members)
        )
        found.append(
            RecordedCandidate(group=group, rows=tuple(members), triples=(own, *sorted(alike - {own})))
        )
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
