"""A scaled family as people and programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.report import columns
from scaling_search.report.rows import FamilyReport
from scaling_search.report.study import family_table
from scaling_search.report.table import Document, Row, Table
from scaling_search.scaling.coefficients import Coefficients

if TYPE_CHECKING:
    from scaling_search.search.family.members import Member


def document(report: FamilyReport, triple: Coefficients, out: Path) -> Document:
    """The family, and where its files are."""
    return Document(
        title="",
        tables=(family_table(report),),
        notes=(
            f"One network file per φ is in {out}/.",
            f"The same triple on a full-size baseline: scaling-search scale --baseline NAME --coefficients "
            f"{triple.alpha:g},{triple.beta:g},{triple.gamma:g} --emit-only",
        ),
    )


def record(
    report: FamilyReport, triple: Coefficients, files: Sequence[Member], trained: int
) -> dict[str, Any]:
    """The family for programs."""
    table = family_table(report)
    return {
        "coefficients": asdict(triple),
        "trained": trained,
        "files": [str(member.file) for member in files],
        "scale": [table.record(row) for row in table.rows],
    }


def emitted_record(triple: Coefficients, files: Sequence[Member]) -> dict[str, Any]:
    """What was written, for programs."""
    return {"coefficients": asdict(triple), "trained": 0, "scale": [_cells(member) for member in files]}


def emitted_document(triple: Coefficients, files: Sequence[Member]) -> Document:
    """What was written, for people."""
    costs = [member.candidate.cost for member in files]
    layout = (
        columns.coefficient("phi", "φ", [member.candidate.phi for member in files], identifies=True),
        columns.name("file", "File"),
        columns.name("depth", "Depth"),
        columns.name("width", "Width"),
        columns.integer("resolution", "Resolution (px)"),
        columns.millions("parameters", "Parameters", [cost.parameters for cost in costs]),
        columns.millions("macs", "MACs", [cost.macs for cost in costs]),
        columns.decimal("to_target", "MACs ratio", 3),
        columns.hidden("name"),
        columns.hidden("alpha"),
        columns.hidden("beta"),
        columns.hidden("gamma"),
        columns.hidden("macs_ratio"),
        columns.hidden("fingerprint"),
        columns.remark("reason", "Remark"),
    )
    table = Table(
        name="scale",
        title=f"Family of {triple}",
        columns=layout,
        rows=tuple(Row(cells=_cells(member)) for member in files),
        notes=("MACs ratio: real MACs ÷ (2^φ × the base network's).",),
    )
    return Document(title="", tables=(table,))


def _cells(member: Member) -> dict[str, Any]:
    row = member.candidate
    return {
        "name": row.network.name,
        "phi": row.phi,
        **asdict(row.triple),
        "depth": "-".join(map(str, row.network.depths)),
        "width": "-".join(map(str, row.network.widths)),
        "resolution": row.network.resolution,
        "parameters": row.cost.parameters,
        "macs": row.cost.macs,
        "macs_ratio": row.macs_ratio,
        "to_target": row.macs_ratio / 2**row.phi,
        "fingerprint": row.fingerprint,
        "file": str(member.file),
        "reason": row.remark,
    }
