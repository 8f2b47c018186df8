"""The candidates of a grid as the ledger has them, recorded as they were planned, and what their trials got right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scaling_search.ledger.storage.rows import GRID, CandidateRow, EvaluationRow, TrialRow, TripleRow
from scaling_search.ledger.storage.schema import CANDIDATES, TRIPLES
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.plan.builds import Factors
from scaling_search.search.plan.candidates import Candidate, group_key
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

    A candidate keeps the triple nearest to what was built, whichever plan met it, for as long as that triple builds it.
    """
    triples = [triple_row(study, GRID, row) for at in plan.plans for row in at.rows]
    again = {(row.phi, _triple(row)) for row in triples}
    before = ledger.rows(TRIPLES, study=study, role=GRID)
    triples += [row for row in before if (row.phi, _triple(row)) not in again]
    builders = _builders(triples, [at.phi for at in plan.plans])
    found = {
        group: rows
        for group, rows in _by_group(ledger.rows(CANDIDATES, study=study, role=GRID)).items()
        if _triple(rows[0]) in builders.get(group, ())
    }
    for one in plan.candidates:
        rows = _rows(plan, study, one)
        if one.group not in found or _distance(rows) <= _distance(found[one.group]) + 1e-9:
            found[one.group] = rows
    ledger.record(
        [
            *network_rows(build.network for build in plan.networks),
            *(row for rows in found.values() for row in rows),
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
            built.setdefault(_triple(row), {})[row.phi] = row.network
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


def _triple(row: CandidateRow | TripleRow) -> Triple:
    return row.alpha or 1.0, row.beta or 1.0, row.gamma or 1.0


def _distance(rows: Iterable[CandidateRow]) -> float:
    """How far what was built is from what the triple asks for, over all φ: as `plan.candidates` has it."""
    return sum(
        Factors(
            depth=row.depth_factor or 1.0,
            width=row.width_factor or 1.0,
            resolution=row.resolution_factor or 1.0,
        ).distance(Coefficients.of(_triple(row)), row.phi or 0.0)
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
            by_network.setdefault((triple.network, triple.phi), []).append(_triple(triple))
    found = []
    for group, members in _by_group(rows).items():
        own = _triple(members[0])
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
