"""Scaled families as people and programs read them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from scaling_search.report import columns
from scaling_search.report.figures import duration
from scaling_search.report.study import family_table
from scaling_search.report.table import Document, Row, Table
from scaling_search.search.family.members import Family, Kind, parting
from scaling_search.search.family.scale import FamilyResult
from scaling_search.search.plan import caveats
from scaling_search.search.plan.builds import Build


def document(found: FamilyResult) -> Document:
    """What was trained, and what was written."""
    trained = () if found.report is None else (family_table(found.report),)
    written = tuple(members_table(found, kind) for kind in found.families if kind != found.kind)
    notes = list(_notes(found))
    if found.full_seconds is not None:
        notes.append(
            f"Training the full family would take about {duration(found.full_seconds)} for one seed of each member, "
            "in proportion to MACs (--train full)."
        )
    return Document(title="", tables=(*trained, *written), notes=tuple(notes))


def record(found: FamilyResult) -> dict[str, Any]:
    """The families for programs."""
    main = found.families[found.kind or "full"]
    rows = {kind: members_table(found, kind) for kind in found.families}
    trained = rows[found.kind or "full"] if found.report is None else family_table(found.report)
    return {
        "study": None if found.study is None else found.study.name,
        "coefficients": asdict(main.triple),
        "raised": asdict(main.raised),
        "factors": main.factors,
        "match": main.match,
        "trained": found.trained,
        "trained_family": found.kind,
        "full_seconds": found.full_seconds,
        "files": [str(file) for file in found.files.get("full", ())],
        "families": {kind: [table.record(row) for row in table.rows] for kind, table in rows.items()},
        "scale": [trained.record(row) for row in trained.rows],
    }


def members_table(found: FamilyResult, kind: Kind) -> Table:
    """A family's networks and their files."""
    family, files = found.families[kind], found.files.get(kind)
    members = family.members
    layout = (
        columns.coefficient("phi", "φ", [member.phi for member in members], identifies=True),
        columns.name("file", "File", place="filled"),
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
        name="scale" if kind == "full" else "proxy",
        title=_title(family),
        columns=layout,
        rows=tuple(
            Row(cells=_cells(member, None if files is None else files[place]))
            for place, member in enumerate(members)
        ),
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


def _notes(found: FamilyResult) -> list[str]:
    family, files = found.families["full"], found.files.get("full")
    notes = []
    if files:
        notes.append(
            f"One network file per φ is in {files[0].parent}/; the full network's files are named after it."
        )
    if family.factors == "realised":
        apart = parting(family.triple, family.raised, [member.phi for member in family.members])
        notes += [f"The triple and what it built part {one}." for one in apart]
    notes += said_of(family)
    return notes


def said_of(family: Family) -> list[str]:
    """What the family's networks rest on."""
    space, networks = family.space, [member.network for member in family.members]
    size = space.info.size
    moved = [
        f"φ = {member.phi:g}: {said[0]}"
        for member in family.members
        if (said := caveats.grouped(member.network, space.base, family.raised.beta**member.phi))
    ]
    groups = (
        [f"Groups move widths in {len(moved)} of {len(networks)} networks, such as {moved[0]}."]
        if moved
        else []
    )
    return [
        *caveats.interpolated(space.info.name, size and min(size), networks),
        *caveats.fixed_resolution(space.study, networks, space.base),
        *groups,
        *caveats.regularisation(space.base),
    ]


def _cells(row: Build, file: Path | None) -> dict[str, Any]:
    return {
        "name": row.network.name if file is None else file.stem,
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
        "file": None if file is None else str(file),
        "status": row.status,
        "reason": row.remark,
    }
