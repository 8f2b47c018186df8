"""The contenders of a grid, and what each of their trials got right, from ledger rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from scaling_search.ledger.storage.rows import CandidateRow, EvaluationRow, TrialRow
from scaling_search.scaling.coefficients import most_central
from scaling_search.statistics.scores import Bits, Scores, gather

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


def rivals_of(candidates: Iterable[CandidateRow]) -> tuple[Rival, ...]:
    """The contenders of a grid from its candidate rows.

    The first triple of each represents it: the one adjusted least, and of those the most central, as in `plan.merge`.
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
    competing: Sequence[Rival], trials: Iterable[TrialRow], at_chance: Collection[str] = ()
) -> Scores | None:
    """The right/wrong bits of complete trials; None when there is none.

    A candidate with a seed that diverged, failed or stayed at chance level (`at_chance`, keys of trials) is never
    ranked. At several phi a candidate's score of an image is the mean over them, so that one image counts once.
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
