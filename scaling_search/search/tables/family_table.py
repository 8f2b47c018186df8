"""Scaled families as people and programs read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scaling_search.report import columns
from scaling_search.report.figures import duration
from scaling_search.report.study import family_table
from scaling_search.report.table import Document, Row, Table
from scaling_search.search.family.members import Family, Kind, parting
from scaling_search.search.family.scale import Emitted, FamilyResult
from scaling_search.search.plan.builds import Build
from scaling_search.search.tables.plan_table import interpolated


def document(found: FamilyResult) -> Document:
    """What was trained, and what was written."""
    trained = () if found.report is None else (family_table(found.report),)
    notes = list(_notes(found.emitted))
    if found.full_seconds is not None:
        notes.append(
            f"Training the full family would take about {duration(found.full_seconds)} for one seed of each member, "
            "in proportion to MACs (--train full)."
        )
    written = tuple(emitted_table(one) for kind, one in found.emitted.items() if kind != found.kind)
    return Document(title="", tables=(*trained, *written), notes=tuple(notes))


def record(found: FamilyResult) -> dict[str, Any]:
    """The families for programs."""
    table = None if found.report is None else family_table(found.report)
    main = found.emitted[found.kind or "full"]
    return {
        "study": None if found.study is None else found.study.name,
        "coefficients": asdict(main.family.triple),
        "raised": asdict(main.family.raised),
        "factors": main.family.factors,
        "match": main.family.match,
        "trained": found.trained,
        "trained_family": found.kind,
        "full_seconds": found.full_seconds,
        "files": [str(file) for file in found.emitted["full"].files],
        "families": {kind: [_cells(*each) for each in _pairs(one)] for kind, one in found.emitted.items()},
        "scale": [_cells(*each) for each in _pairs(main)]
        if table is None
        else [table.record(row) for row in table.rows],
    }


def emitted_document(emitted: Mapping[Kind, Emitted]) -> Document:
    """What was written, for people."""
    tables = tuple(emitted_table(one) for one in emitted.values())
    return Document(title="", tables=tables, notes=tuple(_notes(emitted)))


def emitted_table(one: Emitted) -> Table:
    """A family's networks and their files."""
    members = one.family.members
    layout = (
        columns.coefficient("phi", "φ", [member.phi for member in members], identifies=True),
        columns.name("file", "File"),
        columns.name("depth", "Depth"),
        columns.name("width", "Width"),
        columns.integer("resolution", "Resolution (px)"),
        columns.millions("parameters", "Parameters", [member.cost.parameters for member in members]),
        columns.millions("macs", "MACs", [member.cost.macs for member in members]),
        columns.decimal("to_target", "MACs ÷ target", 3),
        columns.hidden("name"),
        columns.hidden("alpha"),
        columns.hidden("beta"),
        columns.hidden("gamma"),
        columns.hidden("macs_ratio"),
        columns.hidden("fingerprint"),
        columns.hidden("status"),
        columns.remark("reason", "Remark"),
    )
    return Table(
        name="scale" if one.family.kind == "full" else "proxy",
        title=_title(one.family),
        columns=layout,
        rows=tuple(Row(cells=_cells(*each)) for each in _pairs(one)),
        notes=("MACs ÷ target: real MACs over 2^φ × those of the member at φ = 0.",),
    )


def _title(family: Family) -> str:
    what = (
        ""
        if family.space.study.proxy is None
        else f", the {'full network' if family.kind == 'full' else 'proxy'}"
    )
    built = "" if family.factors == "nominal" else f", by what it built {family.raised}"
    return f"Family of {family.triple}{built}: {family.space.base.name}{what}"


def _notes(emitted: Mapping[Kind, Emitted]) -> list[str]:
    full = emitted["full"]
    folder = full.files[0].parent if full.files else Path()
    notes = [f"One network file per φ is in {folder}/; the full network's files are named after it."]
    family = full.family
    if family.factors == "realised":
        apart = parting(family.triple, family.raised, [member.phi for member in family.members])
        notes += [f"The triple and what it built part {one}." for one in apart]
    notes += interpolated(family.space.info, [member.network.resolution for member in family.members])
    return notes


def _pairs(one: Emitted) -> list[tuple[Build, Path]]:
    return list(zip(one.family.members, one.files, strict=True))


def _cells(row: Build, file: Path) -> dict[str, Any]:
    return {
        "name": file.stem,
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
        "file": str(file),
        "status": row.status,
        "reason": row.remark,
    }
