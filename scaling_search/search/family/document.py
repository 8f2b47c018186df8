"""Scaled families as people and programs read them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.architecture.network import Network
from scaling_search.report import columns
from scaling_search.report.figures import are, count, duration
from scaling_search.report.rows import MemberRow, StepRow
from scaling_search.report.study import KINDS, family_table
from scaling_search.report.table import Details, Document, Estimate, Row, Table
from scaling_search.search.family.members import Family, Kind, off_constraint
from scaling_search.search.grid import families
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
    rests = []
    if found.decided is False:
        rests.append(
            f"{family.triple} leads its search, which is not decided: another triple may be as good."
        )
    elif found.full_seconds is not None:
        rests.append(_full(found.full_seconds))
    if found.as_built is not None:
        phis = [member.phi for member in family.members]
        rests += parting(family.triple, found.as_built, phis, raised=family.factors == "realised")
    return tuple(filter(None, (_does(found, family), " ".join(rests), _next(found))))


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
    best = _best(done)
    if best is not None and (figures := best.test or best.accuracy) is not None:
        split = "test" if best.test is not None else "validation"
        says += f"; the best by validation, φ = {best.candidate.phi:g}, has {100 * figures.mean:.1f} % {split} accuracy"
    says += _forbidden(report.rows)
    falls = [step for step in report.steps if step.difference.high < 0]
    rises = [step for step in report.steps if step.difference.low > 0]
    if falls:
        worst = falls[0]
        under = " (its training accuracy fell too: it was trained too little)" if worst.training_fell else ""
        says += f". From φ = {worst.phi:g} to {worst.to_phi:g} accuracy falls{under}"
    elif report.steps:
        says += f". {len(rises)} of {are(len(report.steps), 'step')} shown to gain, none to lose"
    return f"{says}."


def _forbidden(rows: Sequence[MemberRow]) -> str:
    """Which members are not trained, and why: the reason of the first, the others' are in the table."""
    left = [row for row in rows if row.status == "not trained" and row.reason]
    if not left:
        return ""
    return f"; not trained: φ = {', '.join(f'{row.candidate.phi:g}' for row in left)} ({left[0].reason})"


def _best(trained: Sequence[MemberRow]) -> MemberRow | None:
    """The member that is named: by validation, since what the test images choose they cannot judge."""
    return max(trained, key=lambda row: (row.accuracy or _NONE).mean, default=None)


def _next(found: FamilyResult) -> str:
    if found.study is None or found.report is None:
        files = found.files.get("full", ())
        if not files:
            return "Nothing was written."
        return f"Next: `{shlex.join(['scaling-search', 'cost', str(files[0])])}`"
    command = Command.at(found.study.name, found.place, found.checkpoints)
    if found.best_kept is None:
        return f"Next: {command.line('report')}"
    family = found.families[found.kind or "full"]
    # A triple that was given may not be the one that the search names.
    triple = families.option_of(astuple(family.triple)) if found.decided is None else ()
    own = families.options(family.kind, family.factors, found.families)
    return command.use(found.best_kept, found.study.dataset_name, *triple, *own)


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
    notes += _as_shallow(found.families)
    if files:
        notes.append(
            f"One network file per φ is in {files[0].parent}/; the full network's files are named after it."
        )
    # A trained family's stand under its table.
    return notes if found.kind == "full" else [*notes, *said_of(family)]


def _as_shallow(families: Mapping[Kind, Family]) -> list[str]:
    """Where the proxy is too shallow to be made deeper, though the full network is."""
    if "proxy" not in families:
        return []
    full, proxy = families["full"], families["proxy"]
    alone = [
        one
        for one, other in zip(full.members, proxy.members, strict=True)
        if one.network.depths != full.space.base.depths and other.network.depths == proxy.space.base.depths
    ]
    if not alone:
        return []
    before, after = (_depths(one) for one in (full.space.base, alone[-1].network))
    return [
        f"At φ = {', '.join(f'{one.phi:g}' for one in alone)} the proxy has the depths of its base, "
        f"{_depths(proxy.space.base)}: rounding takes the depth step α = {full.raised.alpha:.3g} away, which takes the "
        f"full network from {before} to {after}. What was measured on the proxy does not speak for that."
    ]


def _depths(network: Network) -> str:
    """The stages' depths, as tables write them."""
    return "-".join(map(str, network.depths))


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
        "depth": _depths(row.network),
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
