"""The report of a study: what was searched, the family it gave, and what is published beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scaling_search.report import columns
from scaling_search.report.candidate_columns import cells, costs, phi, realised, triple
from scaling_search.report.published import published_table
from scaling_search.report.rows import FamilyReport, GridReport, GridRow, MemberRow
from scaling_search.report.table import Details, Document, Emphasis, Row, Scalar, Table

KINDS = {"full": "the full network", "proxy": "the proxy"}
FEW = 12  # moved and dropped candidates that a terminal shows


def study_document(
    *,
    grid: GridReport | None = None,
    families: Sequence[FamilyReport] = (),
    more: Sequence[Table] = (),
    published: bool = True,
    facts: Mapping[str, Scalar] | None = None,
    notes: Sequence[str] = (),
    conditions: Mapping[str, Scalar] | None = None,
) -> Document:
    """The answer, the grid's table and the families'; the rest are details. A grid or a family is needed.

    `more`: tables for the details. `conditions` are what the figures rest on: recipe, images, device and versions.
    """
    if grid is None and not families:
        raise ValueError("a report needs a grid or a family")
    known = grid or families[0]
    named: dict[str, Any] = {"study": known.study, "baseline": known.baseline, "dataset": known.dataset}
    if grid is not None:
        named |= chosen(grid)
    tables = [] if grid is None else [grid_table(grid)]
    apart = any(family.kind == "proxy" for family in families)
    tables += [family_table(family, apart=apart) for family in families]
    details = list(more)
    if grid is not None and any(row.status != "kept" for row in (*grid.rows, *grid.dropped)):
        details.append(adjusted_table(grid))
    if conditions:
        details.append(conditions_table(conditions))
    if published and known.baseline.startswith("efficientnet-b"):
        details.append(published_table())
    return Document(
        title=f"Study {known.study}: {known.baseline} on {known.dataset}",
        answer=() if grid is None else grid.answer,
        tables=tuple(tables),
        labels=named,
        facts={**({} if grid is None else grid.opening), **(facts or {})},
        notes=tuple(notes),
        details=Details(tables=tuple(details), notes=() if grid is None else grid.details),
    )


def chosen(grid: GridReport) -> dict[str, Any]:
    """The triple of the candidate that wins or leads with the factors that it built, and whether that is decided."""
    first = next((row for row in grid.rows if row.verdict in ("winner", "leading", "the only one")), None)
    winner = None
    if first is not None:
        shown = cells(first)
        winner = triple().record(shown["triple"]) | {"realised": shown["realised"]}
    return {
        "winner": winner,
        "decided": first is not None and first.verdict == "winner",
    }


def conditions_table(conditions: Mapping[str, Scalar]) -> Table:
    """What the figures rest on, a line each."""
    return Table(
        name="conditions",
        title="Conditions",
        columns=(columns.name("what", "What", identifies=True), columns.name("value", "Value")),
        rows=tuple(Row(cells={"what": what, "value": value}) for what, value in conditions.items()),
    )


def grid_table(report: GridReport) -> Table:
    """The candidates from best to worst, the base network as the reference row."""
    rows = report.rows if report.base is None else (report.base, *report.rows)
    candidates = [row.candidate for row in rows]
    several = len({row.candidate.phi for row in report.rows}) > 1
    shared = any(len(row.triples) > 1 for row in rows)
    layout = (
        columns.hidden("candidate"),
        columns.hidden("name"),
        phi(candidates) if several else columns.hidden("phi"),
        triple(),
        realised(),
        columns.name("verdict", "Verdict"),
        columns.estimate("accuracy", "Validation accuracy", ("accuracy_mean", "accuracy_sd", "seeds")),
        columns.interval("behind", "Points behind the best", ("behind", "behind_low", "behind_high"), 1),
        columns.interval(
            "interval",
            "Validation accuracy (%), interval",
            ("accuracy_low", "accuracy_high"),
            place="details",
        ),
        *costs(candidates, macs=False),
        columns.integer("triple_count", "Triples", place="details" if shared else "never"),
        columns.hidden("triples"),
        columns.hidden("status"),
        columns.hidden("adjustment"),
        columns.remark("reason", "Remark", place="details"),
        columns.hidden("states"),
    )
    notes = []
    if report.level is not None:
        notes.append(
            f"Brackets: points behind the best, {_level(report.level)} intervals for all candidates at once; "
            "± is the sample standard deviation over (n) seeds."
        )
    return Table(
        name="grid",
        title="Grid",
        columns=layout,
        rows=tuple(Row(cells=_grid_cells(row), emphasis=_grid_emphasis(row)) for row in report.rows),
        reference=None if report.base is None else Row(cells=_grid_cells(report.base)),
        notes=(*(notes if rows else ()), *report.notes),
    )


_TRIPLES = "Triples: how many build the same network; the one nearest to what was built is shown."


def grid_details(report: GridReport) -> tuple[str, ...]:
    """What the grid's columns mean, for those who ask."""
    return (
        "Accuracy is on the validation split.",
        _ratio(report.budget),
        *([_TRIPLES] if any(len(row.triples) > 1 for row in report.rows) else []),
        "Built: depth (blocks), width (weighted by cost) and resolution (side), each over the base's.",
    )


def adjusted_table(report: GridReport) -> Table:
    """The candidates whose size was adjusted to meet the budget, and those dropped because none does."""
    rows = [row for row in (*report.rows, *report.dropped) if row.status != "kept"]
    adjusted = sum(row.status == "adjusted" for row in rows)
    nominal = [row.candidate.nominal_resolution for row in rows]
    layout = (
        columns.hidden("candidate"),
        columns.hidden("phi"),
        triple(),
        columns.name("status", "Change"),
        columns.hidden("adjustment"),
        columns.coefficient("nominal_resolution", "Nominal resolution (px)", nominal),
        columns.integer("resolution", "Resolution (px)"),
        columns.decimal("macs_to_target", "MACs ÷ target", 3),
        columns.remark("reason", "Reason"),
    )
    chosen = [{column.key: _grid_cells(row)[column.key] for column in layout} for row in rows]
    return Table(
        name="adjusted",
        title=f"Adjusted or dropped to meet the budget: {adjusted} adjusted, {len(rows) - adjusted} dropped",
        columns=layout,
        rows=tuple(Row(cells=cells) for cells in chosen),
        most=FEW,
    )


def family_table(report: FamilyReport, *, apart: bool) -> Table:
    """The family by rising φ: what each member costs, what it reached, and what was predicted.

    `apart` says in the title whether it is the full network's or its proxy's.
    """
    candidates = [row.candidate for row in report.rows]
    # Why a member was not trained is no detail; a terminal has room for seven columns.
    some_left = any(row.status == "not trained" for row in report.rows)
    all_trained = all(row.status == "trained" for row in report.rows)
    layout = (
        phi(candidates),
        columns.name("name", "Network", place="details"),
        columns.estimate("accuracy", "Validation accuracy", ("accuracy_mean", "accuracy_sd", "seeds")),
        columns.estimate("test", "Test accuracy", ("test_accuracy_mean", "test_accuracy_sd", "test_seeds")),
        columns.estimate(
            "training",
            "Training accuracy",
            ("training_accuracy_mean", "training_accuracy_sd", "training_seeds"),
            place="details",
        ),
        columns.interval(
            "interval",
            "Validation accuracy (%), interval",
            ("accuracy_low", "accuracy_high"),
            place="details",
        ),
        columns.interval(
            "test_interval",
            "Test accuracy (%), interval",
            ("test_accuracy_low", "test_accuracy_high"),
            place="details",
        ),
        columns.interval(
            "predicted", "Predicted before training (%)", ("predicted", "predicted_low", "predicted_high")
        ),
        columns.flag("prediction_held", "Prediction held", place="details" if some_left else "filled"),
        *costs(candidates, macs=True),
        columns.hidden("triple", "alpha", "beta", "gamma"),
        *(columns.hidden(key) for key in ("family", "factors")),
        columns.name("status", "Status", place="details" if all_trained else "always"),
        columns.hidden("training_status"),
        columns.remark("reason", "Remark", place="filled" if some_left else "details"),
        columns.hidden("states"),
        replace(realised(), place="never"),
    )
    notes = ["φ is not the B index: these are networks by the formula, not the official B0-B7."]
    if any(row.accuracy is not None for row in report.rows):
        notes.append("± is the sample standard deviation over (n) seeds.")
    if report.level is not None:
        notes.append(f"Brackets: {_level(report.level)} intervals.")
    return Table(
        name="scale",
        title=_coefficients(report) + (f", {KINDS[report.kind]}" if apart else ""),
        columns=layout,
        rows=tuple(
            Row(cells=_family_cells(report, row), emphasis="plain" if row.status == "trained" else "faint")
            for row in report.rows
        ),
        notes=(*(notes if report.rows else ()), *report.notes),
    )


def _ratio(budget: str) -> str:
    ratio = "MACs ÷ target: real MACs over 2^φ × the base network's"
    if budget == "MACs":
        return f"{ratio}; 1 meets the budget exactly."
    return f"{ratio}. The budget is {budget}, not MACs: the remark says how much of it a network has."


def _level(level: float) -> str:
    return f"{100 * level:.4g} %"


def _coefficients(report: FamilyReport) -> str:
    triple = ", ".join(f"{number:.4g}" for number in report.triple)
    built = "" if report.factors == "nominal" else ", by what it built"
    return f"Family of ({triple}){built}: {report.base} on {report.dataset}"


def _grid_cells(row: GridRow) -> dict[str, Any]:
    one = row.candidate
    labels = (one.alpha, one.beta, one.gamma)
    asked = [f"{value:.10g}" for value in labels if value is not None]
    return {
        **cells(row),
        # Networks of one φ have one name.
        "candidate": "base" if row.verdict == "base" else f"{','.join(asked)}@phi={one.phi or 0.0:g}",
        "adjustment": row.status,
        "triple_count": len(row.triples) or None,
        "triples": [list(triple) for triple in row.triples],
    }


def _family_cells(report: FamilyReport, row: MemberRow) -> dict[str, Any]:
    return {
        **cells(row),
        "family": report.kind,
        "factors": report.factors,
        "training_status": row.status,
        "prediction_held": row.prediction_held,
    }


def _grid_emphasis(row: GridRow) -> Emphasis:
    if row.verdict in ("winner", "leading", "the only one"):
        return "strong"
    faint = ("eliminated", "screened out", "at chance", "diverged", "failed", "dropped")
    return "faint" if row.verdict in faint else "plain"
