"""A plan as people and programs read it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import Cost
from scaling_search.racing.screening import possible
from scaling_search.report import columns
from scaling_search.report.figures import count
from scaling_search.report.table import Column, Document, Row, Table
from scaling_search.search.grid import base, requirements, screening_stage
from scaling_search.search.grid.remaining import sentence
from scaling_search.search.grid.requirements import Requirements
from scaling_search.search.plan import caveats, identifiability
from scaling_search.search.plan.budget import cost_at
from scaling_search.search.plan.builds import Build
from scaling_search.search.plan.grid_plan import GridPlan, Plan, origin, unused

_KEYS = ("alpha", "beta", "gamma")


def document(plan: GridPlan, ahead: Requirements | None = None) -> Document:
    """The base, the networks of each φ, what was dropped, what the grid cannot tell apart, and what it takes."""
    space = plan.space
    study, info = space.study, space.info
    tables = [table for at in plan.plans for table in _tables(plan, at)]
    notes = [origin(plan), *unused(plan), sentence(plan, None if ahead is None else ahead.remaining)]
    if space.base.classes != len(info.classes):
        notes.append(
            f"Counted as published, with {space.base.classes} classes; {info.name} has {len(info.classes)}."
        )
    networks = [row.network for row in plan.networks]
    notes += caveats.costly_proxy(study, space.base, space.baseline)
    notes += caveats.interpolated(info.name, info.size and min(info.size), networks)
    notes += caveats.fixed_resolution(study, networks, space.base)
    asked = [(str(row.triple), row.network, row.triple.beta**row.phi) for row in plan.networks]
    notes += caveats.widened(asked, space.base, study.rounding.divisor)
    notes += caveats.regularisation(space.base)
    images = space.images if ahead is None or ahead.images is None else ahead.images
    steps, batch = space.recipe.steps(images), space.recipe.batch_size
    notes.append(
        f"A trial is {count(steps, 'step')} of {count(batch, 'image')}, "
        f"{count(space.recipe.epochs, 'pass', 'passes')} over {images:,}."
    )
    notes += caveats.short_training(space.recipe, images)
    if study.grid.screening_epochs is not None and not possible(len(plan.candidates)):
        notes.append(screening_stage.not_run(study.grid.screening_epochs))
    if _resolution_is_free(plan):
        notes.append(
            f"Resolution costs no {space.budget.words}: γ is free; bound it by its range or by a limit (--max-macs)."
        )
    notes += [] if ahead is None else requirements.sentences(ahead)
    notes += identifiability.notes(study, space.base)
    name = study.name or f"{study.dataset.name}, {space.baseline.name}"
    chance, row = (None, None) if ahead is None else (ahead.chance, ahead.base)
    return Document(
        title=f"Plan: {name}",
        facts=base.facts(space.base, space.baseline, chance, row),
        tables=tuple(tables),
        notes=tuple(notes),
    )


def _resolution_is_free(plan: GridPlan) -> bool:
    """Whether the budget counts parameters, and the base has no more of them at twice its resolution."""
    network = plan.space.base
    sides = (network.resolution, 2 * network.resolution)
    at = [cost_at(network, side).parameters for side in sides]
    return plan.space.budget.name == "parameters" and at[0] == at[1]


def _tables(plan: GridPlan, at: Plan) -> Iterable[Table]:
    rows = [
        (build, len(one.triples), plan.vanished(one))
        for one in plan.candidates
        for build in one.builds
        if build.phi == at.phi
    ]
    title = f"φ = {at.phi:g}: candidates of {plan.space.budget.show(at.target)}"
    yield _table("candidates", title, plan, at, rows, reference=True)
    if at.dropped:
        title = f"Dropped at φ = {at.phi:g}: {count(len(at.dropped), 'triple')}"
        yield _table("dropped", title, plan, at, [(build, 1, None) for build in at.dropped], most=8)


def _table(
    name: str,
    title: str,
    plan: GridPlan,
    at: Plan,
    found: Sequence[tuple[Build, int, str | None]],
    most: int | None = None,
    *,
    reference: bool = False,
) -> Table:
    rows = [build for build, _, _ in found]
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
    cells = tuple(Row(cells=_cells(at, *one)) for one in found)
    first = _base_cells(plan, at) if reference else None
    return Table(name=name, title=title, columns=layout, rows=cells, most=most, reference=first)


def _budget(plan: GridPlan, rows: Sequence[Build]) -> tuple[Column, ...]:
    """What the budget counts, where no other column has it, and how near the target it comes."""
    shown: dict[str, Column] = {
        "activations": columns.millions("amount", "Activations", [row.amount for row in rows]),
        "memory": columns.size("amount", "Training memory"),
        "latency": columns.duration("amount", "Training step"),
    }
    own = shown.get(plan.space.budget.name, columns.hidden("amount"))
    return (own, columns.decimal("to_target", f"{plan.space.budget.title} ÷ target", 3))


def _base_cells(plan: GridPlan, at: Plan) -> Row:
    space = plan.space
    return Row(
        cells={
            **dict.fromkeys((*_KEYS, "triples")),
            **_network_cells(space.base, space.base_cost),
            "amount": space.base_amount,
            "to_target": space.base_amount / at.target,
            "reason": "the base",
        }
    )


def _network_cells(network: Network, cost: Cost) -> dict[str, Any]:
    return {
        "depth": "-".join(map(str, network.depths)),
        "width": "-".join(map(str, network.widths)),
        "resolution": network.resolution,
        "macs": cost.macs,
        "parameters": cost.parameters,
    }


def _cells(at: Plan, row: Build, triples: int, vanished: str | None) -> dict[str, Any]:
    return {
        **{key: getattr(row.triple, key) for key in _KEYS},
        "triples": triples,
        **_network_cells(row.network, row.cost),
        "amount": row.amount,
        "to_target": row.amount / at.target,
        "reason": "; ".join(filter(None, (row.reason, vanished))) or None,
    }


def record(plan: GridPlan, ahead: Requirements | None = None) -> dict[str, Any]:
    """The plan for programs: the first φ at the top level, every φ under `plans` when there are several."""
    space = plan.space
    plans = [_record(plan, at) for at in plan.plans]
    whole = {
        "study": space.study.name,
        "baseline": space.baseline.name,
        "base": {
            "name": space.base.name,
            "fingerprint": fingerprint(space.base),
            "depth": list(space.base.depths),
            "width": list(space.base.widths),
            "strides": base.strides(space.base),
            "resolution": space.base.resolution,
            "parameters": space.base_cost.parameters,
            "macs": space.base_cost.macs,
            "proxy": space.study.proxy is not None,
        },
        "match": space.study.grid.match,
        "budget": space.study.grid.budget,
        "seeds": space.study.grid.seeds,
        **plans[0],
        "indistinct": [str(one) for one in identifiability.alike(space.study, space.base)],
        "missing_trials": None if ahead is None or ahead.remaining is None else ahead.remaining.count,
        "forecast": None if ahead is None or ahead.forecast is None else asdict(ahead.forecast),
        "memory_bytes": None if ahead is None else list(ahead.memory_bytes),
        "power": None if ahead is None or ahead.power is None else asdict(ahead.power),
    }
    return whole if len(plans) == 1 else {**whole, "plans": plans}


def _record(plan: GridPlan, at: Plan) -> dict[str, Any]:
    space = plan.space
    return {
        "phi": at.phi,
        "base_macs": space.base_cost.macs,
        "target_macs": 2**at.phi * space.base_cost.macs if space.budget.name == "macs" else None,
        "base_cost": space.base_amount,
        "target_cost": at.target,
        "nominal_candidates": at.nominal,
        "distinct_networks": at.distinct,
        "within_tolerance": at.within,
        "networks_to_train": len(plan.candidates),
        "candidates": [_triple(row) for row in at.rows if row.status != "dropped"],
        "dropped": [_triple(row) for row in at.dropped],
    }


def _triple(row: Build) -> dict[str, Any]:
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
        "adjustment": row.status,
        "reason": row.reason,
    }
