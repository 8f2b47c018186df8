"""The candidates of a grid as the ledger has them, recorded as they were planned, and what their trials got right."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.ledger.storage.rows import GRID, CandidateRow, EvaluationRow, TrialRow, TripleRow
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.trial.ledger_rows import candidate_row, network_rows, triple_row
from scaling_search.statistics.scores import Bits, Scores, gather

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
    def macs(self) -> float:
        """MACs of all its networks."""
        return float(sum(row.macs or 0 for row in self.rows))


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
    networks = network_rows(build.network for build in plan.networks)
    ledger.record(
        [*networks, *candidates, *kept, *triples], instead_of=[(CANDIDATES, {"study": study, "role": GRID})]
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


def scores_of(
    candidates: Sequence[RecordedCandidate], trials: Iterable[TrialRow], at_chance: Collection[str] = ()
) -> Scores | None:
    """The right/wrong bits of complete trials; None when there is none.

    A candidate with a seed that diverged, failed or stayed at chance level (`at_chance`, keys of trials) is never
    ranked. At several φ a candidate's score of an image is the mean over them, so that one image counts once.
    """
    complete: list[TrialRow] = []
    broken: set[str] = set()
    for trial in trials:
        if trial.key in at_chance:
            broken.add(trial.network)
        elif trial.state == "complete" and trial.correct is not None:
            complete.append(trial)
        elif trial.state in ("diverged", "failed"):
            broken.add(trial.network)
    done: dict[str, dict[int, Bits]] = {}
    for trial, right in zip(complete, all_bits(complete), strict=True):
        done.setdefault(trial.network, {})[trial.seed] = right
    table: dict[str, dict[int, Bits]] = {}
    for candidate in candidates:
        networks = [row.network for row in candidate.rows]
        if broken.intersection(networks) or not all(network in done for network in networks):
            continue
        seeds = set.intersection(*(set(done[network]) for network in networks))
        if seeds:
            table[candidate.group] = {
                seed: np.mean([done[network][seed] for network in networks], axis=0)
                if len(networks) > 1
                else done[networks[0]][seed]
                for seed in seeds
            }
    return gather(table) if table else None
