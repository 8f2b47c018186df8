"""Rounds of trials: who competes, and training what the ledger does not have yet, one seed after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import Plan


@dataclass(frozen=True, kw_only=True)
class Contender:
    """What competes: one network per phi of the grid, all built by the same triples.

    `key` names it: the fingerprints of its networks, joined.
    """

    key: str
    members: tuple[Candidate, ...]

    @property
    def lead(self) -> Candidate:
        """The member at the smallest phi; its triple stands for the contender."""
        return self.members[0]

    @property
    def macs(self) -> int:
        """MACs of all members together: what training it costs, up to a factor."""
        return sum(member.cost.macs for member in self.members)


def contenders(plans: Sequence[Plan]) -> list[Contender]:
    """Triples kept at every phi, grouped by the networks that they build there."""
    if len(plans) == 1:
        return [Contender(key=row.fingerprint, members=(row,)) for row in plans[0].candidates]
    by_triple = [{triple: row for row in plan.candidates for triple in row.triples} for plan in plans]
    groups: dict[str, Contender] = {}
    for triple in by_triple[0]:
        if all(triple in rows for rows in by_triple):
            members = tuple(rows[triple] for rows in by_triple)
            key = "+".join(member.fingerprint for member in members)
            groups.setdefault(key, Contender(key=key, members=members))
    return list(groups.values())


def blocks(seeds: Sequence[int], size: int) -> list[Sequence[int]]:
    """Seeds that are trained before the next decision.

    >>> blocks(range(5), 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [seeds[at : at + size] for at in range(0, len(seeds), size)]
