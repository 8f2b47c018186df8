"""Scaled families as people and programs read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.report import columns
from scaling_search.report.figures import are, count, duration
from scaling_search.report.rows import StepRow
from scaling_search.report.study import KINDS, family_table
from scaling_search.report.table import Details, Document, Estimate, Row, Table
from scaling_search.search.family.members import Family, Kind, off_constraint
from scaling_search.search.grid.answer import Command
from scaling_search.search.plan import caveats
from scaling_search.search.plan.builds import Build
from scaling_search.search.plan.identifiability import parting

if TYPE_CHECKING:
    from scaling_search.search.family.scale import FamilyResult

_NONE = Estimate(mean=0.0, sd=None, seeds=0)


def document(found: FamilyResult) -> Document:
    """The answer, what was trained, and what was written."""
    report = found.report
    trained = () if report is None else (family_table(report, apart=len(found.families) > 1),)
    return Document(
        title="",
        answer=answer(found),
        tables=(*trained, *(members_table(found, kind) for kind in found.families if kind != found.kind)),
        notes=tuple(_notes(found)),
        details=Details(tables=(steps_table(report.steps),) if report is not None and report.steps else ()),
    )


def answer(found: FamilyResult) -> tuple[str, ...]:
    """What the family does, what it rests on, and what to do next."""
    family = found.families[found.kind or "full"]
    lines = [_does(found, family)]
    if found.decided is False:
        lines.append(
            f"{family.triple} leads its search, which is not decided: another triple may be as good."
        )
    elif found.full_seconds is not None:
        lines.append(_full(found.full_seconds))
    lines.append(_next(found))
    return tuple(lines)


def _full(seconds: float) -> str:
    return f"Training the full family would take about {duration(seconds)} for one seed of each member (--train full)."


def _does(found: FamilyResult, family: Family) -> str:
    number, name = len(family.members), family.space.base.name
    report = found.report
    if report is None:
        files = found.files.get("full", ())
        where = f", in {files[0].parent}/" if files else ""
        return f"The family of {family.triple}: {count(number, 'network')} of {name}{where}; none is trained."
    done = [row for row in report.rows if row.status == "trained"]
    verb = "is" if number == 1 else "are"
    says = f"The family of {family.triple}: {len(done)} of {count(number, 'member')} of {name} {verb} trained"
    best = max(done, key=lambda row: (row.test or row.accuracy or _NONE).mean, default=None)
    if best is not None and (figures := best.test or best.accuracy) is not None:
        split = "test" if best.test is not None else "validation"
        says += f"; the best, φ = {best.candidate.phi:g}, has {100 * figures.mean:.1f} % {split} accuracy"
    falls = [step for step in report.steps if step.difference.high < 0]
    rises = [step for step in report.steps if step.difference.low > 0]
    if falls:
        worst = falls[0]
        under = " (its training accuracy fell too: it was trained too little)" if worst.training_fell else ""
        says += f". From φ = {worst.phi:g} to {worst.to_phi:g} accuracy falls{under}"
    elif report.steps:
        says += f". {len(rises)} of {are(len(report.steps), 'step')} shown to gain, none to lose"
    return f"{says}."


def _next(found: FamilyResult) -> str:
    if found.study is None or found.report is None:
        files = found.files.get("full", ())
        return f"Next: `scaling-search cost {files[0]}`" if files else "Nothing was written."
    trained = [row for row in found.report.rows if row.status == "trained"]
    command = Command.at(found.study.name, found.place, found.checkpoints)
    if not trained:
        return f"Next: {command.line('report')}"
    best = max(trained, key=lambda row: (row.accuracy or _NONE).mean)
    # A triple that was given may not be the one that the search names.
    given: tuple[str, ...] = ()
    if found.decided is None:
        triple = astuple(found.families[found.kind or "full"].triple)
        given = ("--coefficients", ",".join(f"{value:.10g}" for value in triple))
    return command.use(best.candidate.phi or 0.0, found.study.dataset_name, *given)


def steps_table(steps: Sequence[StepRow]) -> Table:
    """From each member to the next."""
    return Table(
        name="steps",
        title="From each member to the next",
        columns=(
            columns.general("from_phi", "φ"),
            columns.general("to_phi", "to φ"),
            columns.interval(
                "gain", f"Gain on {steps[0].split} (points)", ("gain", "gain_low", "gain_high"), sign=True
            ),
            columns.flag("training_fell", "Training accuracy fell"),
        ),
        rows=tuple(
            Row(
                cells={
                    "from_phi": step.phi,
                    "to_phi": step.to_phi,
                    "gain": step.difference,
                    "training_fell": step.training_fell,
                }
            )
            for step in steps
        ),
    )


def record(found: FamilyResult) -> dict[str, Any]:
    """The families for programs."""
    main = found.families[found.kind or "full"]
    rows = {kind: members_table(found, kind) for kind in found.families}
    trained = rows[found.kind or "full"]
    if found.report is not None:
        trained = family_table(found.report, apart=len(found.families) > 1)
    return {
        "study": None if found.study is None else found.study.name,
        "coefficients": asdict(main.triple),
        "raised": asdict(main.raised),
        "factors": main.factors,
        "match": main.match,
        "initial_weights": main.space.recipe.initial_weights,
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
        columns.hidden("adjustment"),
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
    what = "" if family.space.study.proxy is None else f", {KINDS[family.kind]}"
    built = "" if family.factors == "nominal" else f", by what it built {family.raised}"
    return f"Family of {family.triple}{built}: {family.space.base.name}{what}"


def _notes(found: FamilyResult) -> list[str]:
    family, files = found.families["full"], found.files.get("full")
    notes = []
    if (says := off_constraint(family.space, family.triple)) is not None:
        notes.append(f"{says}.")
    if found.decided is False and found.full_seconds is not None:
        notes.append(_full(found.full_seconds))
    if files:
        notes.append(
            f"One network file per φ is in {files[0].parent}/; the full network's files are named after it."
        )
    if found.as_built is not None:
        notes += parting(family.triple, found.as_built, [member.phi for member in family.members])
    # A trained family's stand under its table.
    return notes if found.kind == "full" else [*notes, *said_of(family)]


def said_of(family: Family) -> list[str]:
    """What the family's networks rest on."""
    space, networks = family.space, [member.network for member in family.members]
    size, beta = space.info.size, family.raised.beta
    asked = [(f"φ = {member.phi:g}", member.network, beta**member.phi) for member in family.members]
    return [
        *caveats.interpolated(space.info.name, size and min(size), networks),
        *caveats.fixed_resolution(space.study, networks, space.base),
        *caveats.widened(asked, space.base, space.study.rounding.divisor),
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
        "adjustment": row.status,
        "reason": row.remark,
    }
