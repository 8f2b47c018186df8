"""What a grid would do, before any compute: candidates, duplicates, real costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.baselines.load import load as load_network
from scaling_search.costs.count import Cost
from scaling_search.data import catalog
from scaling_search.data.dataset import DatasetInfo
from scaling_search.errors import InputError
from scaling_search.scaling.coefficients import Coefficients, Exponents, Range, grid, most_central
from scaling_search.scaling.scale import compound
from scaling_search.search.budget import QUANTITIES, Meter, Quantity, Say, cost_at
from scaling_search.search.match import nearest_resolution
from scaling_search.search.study import Study, parse_phi

# Pixels a side; a network that needs more to cost enough is not moved.
FARTHEST = 8192


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One network at one phi with every triple that builds it. `triple` stands for all of them.

    `nominal_resolution` is the exact base * gamma^phi of that triple. `status`: kept, moved (its resolution) or
    dropped (`reason` says why; it is not trained). `amount` is what the budget counts of it.
    """

    phi: float
    triple: Coefficients
    triples: tuple[Coefficients, ...]
    network: Network
    fingerprint: str
    cost: Cost
    macs_ratio: float
    budget: str
    amount: float
    amount_ratio: float
    nominal_resolution: float
    status: str
    reason: str | None

    @property
    def remark(self) -> str | None:
        """What a table says of it: the reason, and what it has of a budget other than MACs."""
        if self.budget == "macs":
            return self.reason
        has = f"{self.amount_ratio:.2f} x the base's {QUANTITIES[self.budget].words}"
        return has if self.reason is None else f"{has}; {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All candidates of one phi. `rows` has one entry per triple, `candidates` one per network to train.

    `nominal`, `distinct` and `within` count the grid before anything is moved: triples, the networks that they
    build, and triples within the tolerance of the target. `target` is 2^phi times what the budget counts of the base.
    """

    phi: float
    base: Network
    base_cost: Cost
    budget: Quantity
    base_amount: float
    target: float
    nominal: int
    distinct: int
    within: int
    rows: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]
    dropped: tuple[Candidate, ...]

    @property
    def target_macs(self) -> float:
        """2^phi times the base's MACs, which are what a MACs budget allows."""
        return 2**self.phi * self.base_cost.macs


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What candidates are made from and measured against: the base network and what the budget counts of it."""

    study: Study
    base: Network
    base_cost: Cost
    budget: Quantity
    base_amount: float
    meter: Meter

    def target(self, phi: float) -> float:
        """What the budget allows at phi."""
        return 2**phi * self.base_amount


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A study with its base network and one plan per phi."""

    study: Study
    info: DatasetInfo
    base: Network
    plans: tuple[Plan, ...]


def plan(
    study: Study,
    *,
    as_published: bool = False,
    say: Say = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Planned:
    """The plan of a study. `as_published` counts the baseline with its own classes and channels, not the data's.

    Where steps are timed, `say` hears of it and `should_stop` ends it (TrainingStopped).
    """
    base = base_of(study, as_published=as_published)
    meter = Meter(study, say=say, should_stop=should_stop)
    info = catalog.describe(study.dataset.name)
    return Planned(study=study, info=info, base=base, plans=plan_all(study, base, meter))


def base_of(study: Study, *, as_published: bool = False) -> Network:
    """The network at phi = 0: baseline or proxy, with the data's classes and channels unless `as_published`."""
    # What is timed runs on the data.
    if as_published and study.proxy is None and not study.timed:
        return load_network(study.baseline)
    info = catalog.describe(study.dataset.name)
    return study.base(channels=info.channels, classes=len(info.classes))


def ground(study: Study, base: Network, meter: Meter | None = None) -> Ground:
    """The ground of a study's candidates. Without a meter, one that says nothing."""
    meter = meter or Meter(study)
    amount = meter.read(study.grid.budget, base)
    if math.isinf(amount):
        raise InputError(
            f"the base network {base.name} needs more memory than there is here: it cannot be timed"
        )
    return Ground(
        study=study,
        base=base,
        base_cost=cost_at(base, base.resolution),
        budget=QUANTITIES[study.grid.budget],
        base_amount=amount,
        meter=meter,
    )


def plan_all(study: Study, base: Network, meter: Meter | None = None) -> tuple[Plan, ...]:
    """One plan per phi of the study's grid. Errors: InputError when the grid is empty."""
    found = ground(study, base, meter)
    return tuple(plan_at(found, phi) for phi in parse_phi(study.grid.phi))


def plan_at(ground: Ground, phi: float) -> Plan:
    """The grid at one phi. Errors: InputError when no triple or no network is left."""
    settings, budget, target = ground.study.grid, ground.budget, ground.target(phi)
    triples = grid(
        alpha=Range.parse(settings.alpha),
        beta=Range.parse(settings.beta),
        gamma=Range.parse(settings.gamma),
        tolerance=settings.tolerance,
        exponents=budget.exponents,
    )
    if not triples:
        raise InputError(
            f"the grid is empty: no alpha in {settings.alpha}, beta in {settings.beta}, gamma in {settings.gamma} has "
            f"|{product(budget.exponents)} - 2| < {settings.tolerance:g}; widen a range or raise the tolerance"
        )
    nominal = [candidate(ground, triple, phi) for triple in triples]
    rows = nominal
    if settings.match == "realised":
        rows = [matched(ground, row) for row in nominal]
    near = [row for row in rows if row.status != "dropped"]
    if not near:
        ratios = [row.amount / target for row in nominal]
        raise InputError(
            f"no candidate comes within {settings.macs_tolerance:.0%} of {2**phi:g} times the base's {budget.words} at "
            f"phi = {phi:g} (they have {min(ratios):.2f} to {max(ratios):.2f} times that): raise grid.macs_tolerance, "
            'use finer rounding, or match = "nominal"'
        )
    rows = [limited(ground, row) for row in rows]
    kept = merge([row for row in rows if row.status != "dropped"])
    if not kept:
        over = next(row for row in rows if row.triple == near[0].triple)
        raise InputError(
            f"no candidate at phi = {phi:g} meets the limits: {over.triple} has {over.reason}; raise the limit, or "
            "make the base smaller"
        )
    return Plan(
        phi=phi,
        base=ground.base,
        base_cost=ground.base_cost,
        budget=budget,
        base_amount=ground.base_amount,
        target=target,
        nominal=len(nominal),
        distinct=len({row.fingerprint for row in nominal}),
        within=sum(abs(row.amount / target - 1) <= settings.macs_tolerance for row in nominal),
        rows=tuple(rows),
        candidates=tuple(kept),
        dropped=tuple(row for row in rows if row.status == "dropped"),
    )


def product(exponents: Exponents) -> str:
    """The factor by which a triple multiplies a cost, written out.

    >>> product((1, 2, 0))
    'alpha * beta^2'
    """
    parts = zip(("alpha", "beta", "gamma"), exponents, strict=True)
    return " * ".join(f"{name}^{power}" if power > 1 else name for name, power in parts if power)


def candidate(ground: Ground, triple: Coefficients, phi: float) -> Candidate:
    """What `triple` builds at `phi`, as it stands."""
    network = compound(ground.base, triple, phi=phi, rounding=ground.study.rounding)
    return Candidate(
        phi=phi,
        triple=triple,
        triples=(triple,),
        **_measured(ground, network),
        budget=ground.budget.name,
        nominal_resolution=ground.base.resolution * triple.gamma**phi,
        status="kept",
        reason=None,
    )


def _measured(ground: Ground, network: Network) -> dict[str, Any]:
    """The fields of a candidate that its network decides."""
    counted = cost_at(network, network.resolution)
    amount = ground.meter.read(ground.budget.name, network)
    return {
        "network": network,
        "fingerprint": fingerprint(network),
        "cost": counted,
        "macs_ratio": counted.macs / ground.base_cost.macs,
        "amount": amount,
        "amount_ratio": amount / ground.base_amount,
    }


def matched(ground: Ground, row: Candidate) -> Candidate:
    """The candidate with its resolution moved so that its cost fits the budget, or dropped."""
    study, start = ground.study, row.network.resolution
    step = study.rounding.resolution_step

    def at(resolution: int) -> Network:
        return row.network.model_copy(update={"resolution": resolution})

    found = nearest_resolution(
        start,
        target=ground.target(row.phi),
        tolerance=study.grid.macs_tolerance,
        lowest=ground.base.resolution if row.phi >= 0 else step,
        # Every resolution that is timed is compiled first.
        highest=2 * start if ground.budget.name == "latency" else FARTHEST,
        step=step,
        amount_at=lambda resolution: ground.meter.read(ground.budget.name, at(resolution)),
    )
    if found.resolution is None:
        return replace(row, status="dropped", reason=found.reason)
    if found.resolution == start:
        return row
    return replace(row, **_measured(ground, at(found.resolution)), status="moved", reason=found.reason)


def limited(ground: Ground, row: Candidate) -> Candidate:
    """The candidate, dropped if it exceeds one of the study's limits."""
    over = None if row.status == "dropped" else ground.meter.over(row.network)
    return row if over is None else replace(row, status="dropped", reason=over)


def merge(rows: list[Candidate]) -> list[Candidate]:
    """One candidate per network. Its triple is the one moved least; among those the most central (`central`)."""
    groups: dict[str, list[Candidate]] = {}
    for row in rows:
        groups.setdefault(row.fingerprint, []).append(row)
    merged = []
    for group in groups.values():
        least = min(abs(row.nominal_resolution - row.network.resolution) for row in group)
        near = [row for row in group if abs(row.nominal_resolution - row.network.resolution) < least + 0.5]
        chosen = central(near)
        merged.append(replace(chosen, triples=tuple(row.triple for row in group)))
    return merged


def central(rows: list[Candidate]) -> Candidate:
    """The row whose triple is the most central one (`scaling.coefficients.most_central`)."""
    triples = [(row.triple.alpha, row.triple.beta, row.triple.gamma) for row in rows]
    return rows[most_central(triples)]
