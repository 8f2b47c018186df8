"""`scale`: the best triple over phi. One network file per phi; what time and memory allow is trained and tested."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network
from scaling_search.errors import UsageError
from scaling_search.scaling.coefficients import Coefficients, parse_phi
from scaling_search.search.plan.budget import Meter
from scaling_search.search.plan.candidates import Candidate, candidate, matched, search_space
from scaling_search.search.plan.grid_plan import base_of
from scaling_search.search.plan.study import Study
from scaling_search.system.files import save

NOT_TRAINED = "not trained"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of the family and the file it was written to."""

    candidate: Candidate
    file: Path


def parse_coefficients(text: str) -> Coefficients:
    """`1.2,1.1,1.15`. Errors: UsageError naming the text."""
    try:
        alpha, beta, gamma = (float(piece) for piece in text.split(","))
    except ValueError:
        raise UsageError(f"coefficients {text!r}: write ALPHA,BETA,GAMMA such as 1.2,1.1,1.15") from None
    return Coefficients(alpha=alpha, beta=beta, gamma=gamma)


def family(
    study: Study,
    triple: Coefficients,
    *,
    match: str,
    as_published: bool = False,
    at: Sequence[float] | None = None,
    meter: Meter | None = None,
) -> list[Candidate]:
    """One candidate per phi of the study's `scale.phi`, or of `at`.

    With `match = "realised"` each is moved to its budget as the grid's candidates are. Where no resolution fits, the
    network stays as the triple says; its ratio tells by how much it misses. One over the study's limits is marked
    "not trained".
    """
    on = search_space(study, base_of(study, as_published=as_published), meter)
    members = []
    for phi in parse_phi(study.scale.phi) if at is None else at:
        row = candidate(on, triple, phi)
        if match == "realised":
            moved = matched(on, row)
            row = replace(row, reason=moved.reason) if moved.status == "dropped" else moved
        over = on.meter.over(row.network)
        members.append(row if over is None else replace(row, status=NOT_TRAINED, reason=over))
    return members


def file_name(network: Network) -> str:
    """A name that is safe on every file system, whatever the network is called."""
    safe = re.sub(r"[^A-Za-z0-9@=.,+-]", "_", network.name).lstrip(".")
    return f"{safe[:150]}.toml"


def emit(members: Sequence[Candidate], folder: Path) -> list[Member]:
    """Writes one TOML per member. Errors: StorageError."""
    written = []
    for member in members:
        path = folder / file_name(member.network)
        save(toml.write(member.network), path)
        written.append(Member(candidate=member, file=path))
    return written
