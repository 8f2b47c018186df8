"""A plan as people and programs read it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from scaling_search.report import columns
from scaling_search.report.table import Column, Document, Row, Table
from scaling_search.search.grid import requirements
from scaling_search.search.grid.requirements import Requirements
from scaling_search.search.plan import identifiability
from scaling_search.search.plan.budget import cost_at
from scaling_search.search.plan.candidates import Candidate
from scaling_search.search.plan.grid_plan import Plan, Planned

_KEYS = ("alpha", "beta", "gamma")


def document(planned: Planned, ahead: Requirements | None = None) -> Document:
    """One table of networks per phi, one of what was dropped, what the grid cannot tell apart, and what it takes."""
    study = planned.study
    tables = [table for plan in planned.plans for table in _tables(plan)]
    networks = sum(len(plan.candidates) for plan in planned.plans)
    notes = [f"grid would train {networks} networks x {study.grid.seeds} seeds on {planned.info.name}."]
    if planned.base.classes != len(planned.info.classes):
        notes.append(
            f"Counted as published, with {planned.base.classes} classes; {planned.info.name} has "
            f"{len(planned.info.classes)}."
        )
    native = planned.info.size and min(planned.info.size)
    if native and max(_resolutions(planned)) > native:
        notes.append(f"{planned.info.name} is {native} px: above that, images are only interpolated.")
    if _resolution_is_free(planned):
        words = planned.plans[0].budget.words
        notes.append(
            f"Resolution costs no {words}: γ is free; bound it by its range or by another cost (--max-macs)."
        )
    notes += [] if ahead is None else requirements.sentences(ahead)
    notes += identifiability.notes(study, planned.base)
    return Document(title=f"Plan: {study.name}", tables=tuple(tables), notes=tuple(notes))


def _resolution_is_free(planned: Planned) -> bool:
    """Whether the budget counts parameters, and the base has no more of them at twice its resolution."""
    base = planned.base
    at = [cost_at(base, side).parameters for side in (base.resolution, 2 * base.resolution)]
    return planned.study.grid.budget == "parameters" and at[0] == at[1]


def _resolutions(planned: Planned) -> list[int]:
    return [row.network.resolution for plan in planned.plans for row in plan.candidates]


def _tables(plan: Plan) -> Iterable[Table]:
    title = (
        f"φ = {plan.phi:g}: {plan.nominal} triples build {plan.distinct} networks; {plan.within} triples meet "
        f"{plan.budget.show(plan.target)} as they stand; {len(plan.candidates)} networks to train"
    )
    yield _table("candidates", title, plan, plan.candidates)
    if plan.dropped:
        yield _table(
            "dropped", f"Dropped at φ = {plan.phi:g}: {len(plan.dropped)} triples", plan, plan.dropped, most=8
        )


def _table(name: str, title: str, plan: Plan, rows: Iterable[Candidate], most: int | None = None) -> Table:
    rows = list(rows)
    layout = (
        *(
            columns.coefficient(key, symbol, [getattr(row.triple, key) for row in rows], identifies=True)
            for key, symbol in zip(_KEYS, "αβγ", strict=True)
        ),
        columns.integer("triples", "Triples"),
        columns.name("depth", "Depth"),
        columns.name("width", "Width"),
        columns.integer("resolution", "Resolution (px)"),
        columns.millions("macs", "MACs", [row.cost.macs for row in rows]),
        *_budget(plan, rows),
        columns.millions("parameters", "Parameters", [row.cost.parameters for row in rows]),
        columns.remark("reason", "Remark"),
    )
    return Table(
        name=name,
        title=title,
        columns=layout,
        rows=tuple(Row(cells=_cells(plan, row)) for row in rows),
        most=most,
    )


def _budget(plan: Plan, rows: Sequence[Candidate]) -> tuple[Column, ...]:
    """What the budget counts, where no other column has it, and how near the target it comes."""
    shown: dict[str, Column] = {
        "activations": columns.millions("amount", "Activations", [row.amount for row in rows]),
        "memory": columns.size("amount", "Training memory"),
        "latency": columns.duration("amount", "Training step"),
    }
    own = shown.get(plan.budget.name, columns.hidden("amount"))
    return (own, columns.decimal("to_target", f"{plan.budget.title} ÷ target", 3))


def _cells(plan: Plan, row: Candidate) -> dict[str, Any]:
    return {
        **{key: getattr(row.triple, key) for key in _KEYS},
        "triples": len(row.triples),
        "depth": "-".join(map(str, row.network.depths)),
        "width": "-".join(map(str, row.network.widths)),
        "resolution": row.network.resolution,
        "macs": row.cost.macs,
        "amount": row.amount,
        "to_target": row.amount / plan.target,
        "parameters": row.cost.parameters,
        "reason": row.reason,
    }


def record(planned: Planned, ahead: Requirements | None = None) -> dict[str, Any]:
    """The plan for programs: the first phi at the top level, every phi under `plans` when there are several."""
    plans = [_record(plan) for plan in planned.plans]
    whole = {
        "study": planned.study.name,
        "baseline": planned.study.baseline,
        "match": planned.study.grid.match,
        "budget": planned.study.grid.budget,
        "seeds": planned.study.grid.seeds,
        **plans[0],
        "indistinct": identifiability.indistinct(planned.study, planned.base),
        "forecast": None if ahead is None or ahead.forecast is None else asdict(ahead.forecast),
        "memory_bytes": None if ahead is None else list(ahead.memory_bytes),
        "power": None if ahead is None or ahead.power is None else asdict(ahead.power),
    }
    return whole if len(plans) == 1 else {**whole, "plans": plans}


def _record(plan: Plan) -> dict[str, Any]:
    return {
        "phi": plan.phi,
        "base_macs": plan.base_cost.macs,
        "target_macs": plan.target_macs if plan.budget.name == "macs" else None,
        "base_cost": plan.base_amount,
        "target_cost": plan.target,
        "nominal_candidates": plan.nominal,
        "distinct_networks": plan.distinct,
        "within_tolerance": plan.within,
        "networks_to_train": len(plan.candidates),
        "candidates": [_triple(row) for row in plan.rows if row.status != "dropped"],
        "dropped": [_triple(row) for row in plan.dropped],
    }


def _triple(row: Candidate) -> dict[str, Any]:
    """One triple. Ratios are to the base's; `cost` is what the budget counts, null where it could not be timed."""
    timed = math.isfinite(row.amount)
    return {
        **{key: getattr(row.triple, key) for key in _KEYS},
        "depth": list(row.network.depths),
        "width": list(row.network.widths),
        "resolution": row.network.resolution,
        "nominal_resolution": row.nominal_resolution,
        "parameters": row.cost.parameters,
        "macs": row.cost.macs,
        "macs_ratio": row.macs_ratio,
        "cost": row.amount if timed else None,
        "cost_ratio": row.amount_ratio if timed else None,
        "fingerprint": row.fingerprint,
        "status": row.status,
        "reason": row.reason,
    }
