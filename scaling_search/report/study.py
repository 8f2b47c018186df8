"""The report of a study: what was searched, the family it gave, and what is published beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scaling_search.report import columns
from scaling_search.report.accuracy_plot import accuracy_plot
from scaling_search.report.candidate_columns import cells, costs, phi, triple
from scaling_search.report.published import efficientnets, published_table
from scaling_search.report.rows import FamilyReport, GridReport, GridRow, MemberRow
from scaling_search.report.table import Document, Emphasis, Row, Scalar, Table

FEW = 12  # moved and dropped candidates that a terminal shows


def study_document(
    *,
    grid: GridReport | None = None,
    families: Sequence[FamilyReport] = (),
    published: bool = True,
    facts: Mapping[str, Scalar] | None = None,
    notes: Sequence[str] = (),
) -> Document:
    """Grid and family tables, then the published rows. A grid or a family is needed."""
    if grid is None and not families:
        raise ValueError("a report needs a grid or a family")
    known = grid or families[0]
    named = {"study": known.study, "baseline": known.baseline, "dataset": known.dataset}
    whole = [] if grid is None else [grid_table(grid)]
    if grid is not None and any(row.status != "kept" for row in (*grid.rows, *grid.dropped)):
        whole.append(adjusted_table(grid))
    whole += [family_table(family) for family in families]
    if published:
        whole.append(published_table())
    plot = accuracy_plot(grid, families[0] if families else None, efficientnets() if published else ())
    return Document(
        title=f"Scaling search: {known.study}",
        tables=tuple(whole),
        facts={**named, **({} if facts is None else facts)},
        notes=tuple(notes),
        plots=() if plot is None else (plot,),
    )


def grid_table(report: GridReport) -> Table:
    """The candidates from best to worst, the base network as the reference row."""
    rows = report.rows if report.base is None else (report.base, *report.rows)
    candidates = [row.candidate for row in rows]
    several = len({row.candidate.phi for row in report.rows}) > 1
    shared = any(len(row.triples) > 1 for row in rows)
    layout = (
        columns.hidden("name"),
        phi(candidates) if several else columns.hidden("phi"),
        *triple(candidates),
        columns.estimate("accuracy", "Validation accuracy", ("accuracy_mean", "accuracy_sd", "seeds")),
        columns.name("verdict", "Verdict"),
        columns.interval(
            "difference",
            "Difference to the leader (points)",
            ("difference", "difference_low", "difference_high"),
            sign=True,
        ),
        columns.interval("interval", "Validation accuracy (%), interval", ("accuracy_low", "accuracy_high")),
        *costs(candidates),
        columns.integer("triple_count", "Triples", place="always" if shared else "never"),
        columns.hidden("triples"),
        columns.hidden("status"),
        columns.remark("reason", "Remark"),
        columns.hidden("states"),
        columns.hidden("realised"),
    )
    notes = [
        "Accuracy: mean ± sample standard deviation over seeds (number of seeds), on the validation split.",
        _ratio(report.budget),
    ]
    if report.level is not None:
        notes.append(f"Brackets: intervals at the {_level(report.level)} level; differences are paired.")
    if shared:
        notes.append("Triples: how many build the same network; one of them is shown.")
    return Table(
        name="grid",
        title=f"Grid: {report.baseline} on {report.dataset}",
        columns=layout,
        rows=tuple(Row(cells=_grid_cells(row), emphasis=_grid_emphasis(row)) for row in report.rows),
        reference=None if report.base is None else Row(cells=_grid_cells(report.base)),
        notes=(*(notes if rows else ()), *report.notes),
    )


def adjusted_table(report: GridReport) -> Table:
    """The candidates whose resolution was moved to meet the budget, and those dropped because none does."""
    rows = [row for row in (*report.rows, *report.dropped) if row.status != "kept"]
    candidates = [row.candidate for row in rows]
    moved = sum(row.status == "adjusted" for row in rows)
    nominal = [candidate.nominal_resolution for candidate in candidates]
    layout = (
        columns.hidden("phi"),
        *triple(candidates),
        columns.name("status", "Change"),
        columns.coefficient("nominal_resolution", "Nominal resolution (px)", nominal),
        columns.integer("resolution", "Resolution (px)"),
        columns.decimal("macs_to_target", "MACs ratio", 3),
        columns.remark("reason", "Reason"),
    )
    chosen = [{column.key: _grid_cells(row)[column.key] for column in layout} for row in rows]
    return Table(
        name="adjusted",
        title=f"Adjusted or dropped to meet the budget: {moved} adjusted, {len(rows) - moved} dropped",
        columns=layout,
        rows=tuple(Row(cells=cells) for cells in chosen),
        most=FEW,
    )


def family_table(report: FamilyReport) -> Table:
    """The family by rising φ: what each member costs, what it reached, and what was predicted."""
    candidates = [row.candidate for row in report.rows]
    layout = (
        phi(candidates),
        columns.name("name", "Network"),
        columns.estimate("accuracy", "Validation accuracy", ("accuracy_mean", "accuracy_sd", "seeds")),
        columns.estimate("test", "Test accuracy", ("test_accuracy_mean", "test_accuracy_sd", "test_seeds")),
        columns.interval("interval", "Validation accuracy (%), interval", ("accuracy_low", "accuracy_high")),
        columns.interval(
            "test_interval", "Test accuracy (%), interval", ("test_accuracy_low", "test_accuracy_high")
        ),
        columns.interval(
            "predicted", "Predicted before training (%)", ("predicted", "predicted_low", "predicted_high")
        ),
        columns.flag("prediction_held", "Prediction held"),
        *costs(candidates),
        *(columns.hidden(key) for key in ("alpha", "beta", "gamma", "family", "factors")),
        columns.name("status", "Status"),
        columns.remark("reason", "Remark"),
        columns.hidden("states"),
        columns.hidden("realised"),
    )
    notes = [
        "φ is not the B index: these are networks by the formula, not the official B0-B7.",
        "Accuracy: mean ± sample standard deviation over seeds (number of seeds).",
        _ratio(report.budget),
    ]
    if report.level is not None:
        notes.append(f"Brackets: intervals at the {_level(report.level)} level.")
    return Table(
        name="scale",
        title=_coefficients(report),
        columns=layout,
        rows=tuple(
            Row(cells=_family_cells(report, row), emphasis="plain" if row.status == "trained" else "faint")
            for row in report.rows
        ),
        notes=(*(notes if report.rows else ()), *report.notes),
    )


def _ratio(budget: str) -> str:
    ratio = "MACs ratio: real MACs ÷ (2^φ × the base network's)"
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
    return {
        **cells(row.candidate),
        "accuracy": row.accuracy,
        "interval": row.interval,
        "difference": row.difference,
        "verdict": row.verdict,
        "triple_count": len(row.triples) or None,
        "triples": [list(triple) for triple in row.triples],
        "status": row.status,
        "reason": row.reason,
        "states": dict(vars(row.states)),
    }


def _family_cells(report: FamilyReport, row: MemberRow) -> dict[str, Any]:
    return {
        **cells(row.candidate),
        "family": report.kind,
        "factors": report.factors,
        "accuracy": row.accuracy,
        "interval": row.interval,
        "test": row.test,
        "test_interval": row.test_interval,
        "predicted": row.predicted,
        "prediction_held": row.prediction_held,
        "status": row.status,
        "reason": row.reason,
        "states": dict(vars(row.states)),
    }


def _grid_emphasis(row: GridRow) -> Emphasis:
    if row.verdict == "winner":
        return "strong"
    faint = ("eliminated", "screened out", "at chance", "diverged", "failed", "dropped")
    return "faint" if row.verdict in faint else "plain"
