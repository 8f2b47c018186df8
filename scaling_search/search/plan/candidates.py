"""What competes in a grid: networks of equal cost, one for each φ, with all triples that build them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.architecture.schema import digest
from scaling_search.scaling.coefficients import Coefficients, most_central
from scaling_search.search.plan.builds import Build, Factors, factors


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One network per φ of the grid, ranked as one, and every triple that builds them.

    The first of `triples` represents it: `builds` are that one's. `group` is its key: the network's fingerprint, or a
    digest of all of them. `realised` is what was built at the first φ.
    """

    group: str
    builds: tuple[Build, ...]
    triples: tuple[Coefficients, ...]
    realised: Factors

    @property
    def triple(self) -> Coefficients:
        """The triple that represents it."""
        return self.triples[0]

    @property
    def macs(self) -> int:
        """MACs of all its networks: what training it costs, up to a factor."""
        return sum(build.cost.macs for build in self.builds)


def group_key(fingerprints: Sequence[str]) -> str:
    """What tells candidates apart: a single network's fingerprint, or a digest of several."""
    return fingerprints[0] if len(fingerprints) == 1 else digest("+".join(fingerprints))


def candidates(base: Network, plans: Sequence[Sequence[Build]]) -> tuple[Candidate, ...]:
    """The triples that are kept at every φ (`plans` has the builds of each), grouped by the networks that they build.

    The triple nearest to what was built represents the group (`Factors.distance`, over all φ); among equally near ones
    the most central.
    """
    kept = [{row.triple: row for row in rows if row.status != "dropped"} for rows in plans]
    groups: dict[str, list[tuple[Build, ...]]] = {}
    for triple in kept[0]:
        if all(triple in rows for rows in kept):
            builds = tuple(rows[triple] for rows in kept)
            groups.setdefault(group_key([row.fingerprint for row in builds]), []).append(builds)
    return tuple(_candidate(base, key, members) for key, members in groups.items())


def _candidate(base: Network, group: str, members: Sequence[tuple[Build, ...]]) -> Candidate:
    realised = [factors(base, build.network) for build in members[0]]
    distances = [
        round(sum(built.distance(row.triple, row.phi) for built, row in zip(realised, rows, strict=True)), 9)
        for rows in members
    ]
    near = [rows for rows, distance in zip(members, distances, strict=True) if distance == min(distances)]
    chosen = near[most_central([(t.alpha, t.beta, t.gamma) for t in (rows[0].triple for rows in near)])]
    others = (rows[0].triple for rows in members if rows is not chosen)
    return Candidate(group=group, builds=chosen, triples=(chosen[0].triple, *others), realised=realised[0])
