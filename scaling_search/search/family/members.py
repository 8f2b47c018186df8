"""The best triple over φ: one network per φ, of the user's baseline and of the proxy that was searched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Literal

from scaling_search.architecture import toml
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.plan.builds import Build, at_resolution, build, held, matched, matched_by_width
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.system.files import save

NOT_TRAINED = "not trained"
# How far from a doubling a triple may lie that is given by hand: the paper's own, (1.2, 1.1, 1.15), makes it 1.92.
_USUAL_TOLERANCE = 0.2
Kind = Literal["full", "proxy"]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A triple raised over φ by one rule: what of (the full network or its proxy), and the members by rising φ.

    `triple` names it; `raised` is what was raised to the power φ: the triple itself, or the factors that it built.
    """

    kind: Kind
    triple: Coefficients
    raised: Coefficients
    match: str
    factors: str
    space: SearchSpace
    members: tuple[Build, ...]

    @property
    def role(self) -> str:
        """The role of its members in the ledger: the same for the same family, whenever it is built."""
        triple = ",".join(f"{value:.6g}" for value in astuple(self.triple))
        return f"{self.kind} family {triple} ({self.match}, {self.factors})"


def off_constraint(space: SearchSpace, triple: Coefficients) -> str | None:
    """That a triple does not about double the cost with each step of φ."""
    growth = float(triple.growth(space.budget.exponents))
    tolerance = max(space.study.grid.tolerance, _USUAL_TOLERANCE)
    if abs(growth - 2) <= tolerance:
        return None
    return (
        f"{triple} multiplies the {space.budget.words} by {growth:.2f} with each step of φ, not by 2 within "
        f"{tolerance:g}"
    )


def family(
    space: SearchSpace,
    triple: Coefficients,
    *,
    kind: Kind,
    match: str,
    phis: Sequence[float],
    raised: Coefficients | None = None,
    as_built: Coefficients | None = None,
    growth: float = 2.0,
) -> Family:
    """One member per φ, of the space's baseline (`full`) or of its base (`proxy`).

    With `match = "realised"` each is adjusted to `growth`^φ times the base's budget, as candidates are, its resolution
    never below that of the φ before. Where γ is 1, in the triple and in what it built (`as_built`), the resolution is
    kept, and widths are adjusted; not those of factors that were built (`raised`), or where β is 1. Where nothing fits,
    the network stays as the triple says, and its remark tells by how much it misses. One over the study's limits is
    marked "not trained".
    """
    around = space if kind == "proxy" or space.study.proxy is None else space.around(space.baseline)
    factors = raised or triple
    kept = factors.gamma == 1 and (as_built or factors).gamma == 1
    members: list[Build] = []
    for phi in phis:
        row = build(around, factors, phi)
        if match == "realised" and phi != 0:
            target = growth**phi * around.base_amount
            lowest = members[-1].network.resolution if members and phi > 0 else None
            if not kept:
                adjusted = _matched(around, row, target, lowest)
            elif raised is not None or factors.beta == 1:
                adjusted = held(around, row, target, "the resolution is kept (γ = 1)")
            else:
                adjusted = matched_by_width(around, row, target)
            row = replace(adjusted, status=row.status) if adjusted.status == "dropped" else adjusted
        over = around.meter.over(row.network)
        row = replace(row, triple=triple)
        members.append(row if over is None else replace(row, status=NOT_TRAINED, reason=over))
    return Family(
        kind=kind,
        triple=triple,
        raised=raised or triple,
        match=match,
        factors="nominal" if raised is None else "realised",
        space=around,
        members=tuple(members),
    )


def _matched(space: SearchSpace, row: Build, target: float, lowest: int | None) -> Build:
    """The build matched by its resolution, which is at least `lowest`."""
    if lowest is not None and row.network.resolution < lowest:
        row = at_resolution(space, row, lowest, f"resolution raised to {lowest} px, that of the φ before")
    return matched(space, row, target=target, lowest=lowest)


def file_name(name: str, phi: float) -> str:
    """`NAME-phi3.toml`, without a character that a shell or a file system minds.

    >>> file_name("efficientnet-b0@8px,w=0.25", 0.5)
    'efficientnet-b0-8px-w0.25-phi0.5.toml'
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name.replace("=", "")).strip(".-") or "network"
    return f"{safe[:150]}-phi{phi:g}.toml"


def emit(found: Family, folder: Path) -> list[Path]:
    """Writes one TOML per member, each network named like its file; returns the files. Errors: StorageError."""
    paths = []
    for member in found.members:
        path = folder / file_name(found.space.base.name, member.phi)
        save(toml.write(member.network.model_copy(update={"name": path.stem})), path)
        paths.append(path)
    return paths
