"""What a triple builds at one phi, moved so that its cost fits the budget, and measured against the limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import Cost
from scaling_search.errors import InputError
from scaling_search.scaling.coefficients import Coefficients, most_central
from scaling_search.scaling.scale import compound
from scaling_search.search.plan.budget import QUANTITIES, Meter, Quantity, cost_at
from scaling_search.search.plan.resolution_match import nearest_resolution
from scaling_search.search.plan.study import Study

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
class SearchSpace:
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


def search_space(study: Study, base: Network, meter: Meter | None = None) -> SearchSpace:
    """The space of a study's candidates. Without a meter, one that counts and times nothing."""
    meter = meter or Meter(study)
    amount = meter.read(study.grid.budget, base)
    if math.isinf(amount):
        raise InputError(
            f"the base network {base.name} needs more memory than there is here: it cannot be timed"
        )
    return SearchSpace(
        study=study,
        base=base,
        base_cost=cost_at(base, base.resolution),
        budget=QUANTITIES[study.grid.budget],
        base_amount=amount,
        meter=meter,
    )


def candidate(space: SearchSpace, triple: Coefficients, phi: float) -> Candidate:
    """What `triple` builds at `phi`, as it stands."""
    network = compound(space.base, triple, phi=phi, rounding=space.study.rounding)
    return Candidate(
        phi=phi,
        triple=triple,
        triples=(triple,),
        **_measured(space, network),
        budget=space.budget.name,
        nominal_resolution=space.base.resolution * triple.gamma**phi,
        status="kept",
        reason=None,
    )


def _measured(space: SearchSpace, network: Network) -> dict[str, Any]:
    """The fields of a candidate that its network decides."""
    counted = cost_at(network, network.resolution)
    amount = space.meter.read(space.budget.name, network)
    return {
        "network": network,
        "fingerprint": fingerprint(network),
        "cost": counted,
        "macs_ratio": counted.macs / space.base_cost.macs,
        "amount": amount,
        "amount_ratio": amount / space.base_amount,
    }


def matched(space: SearchSpace, row: Candidate) -> Candidate:
    """The candidate with its resolution moved so that its cost fits the budget, or dropped."""
    study, start = space.study, row.network.resolution
    step = study.rounding.resolution_step

    def at(resolution: int) -> Network:
        return row.network.model_copy(update={"resolution": resolution})

    found = nearest_resolution(
        start,
        target=space.target(row.phi),
        tolerance=study.grid.macs_tolerance,
        lowest=space.base.resolution if row.phi >= 0 else step,
        # Every resolution that is timed is compiled first.
        highest=2 * start if space.budget.name == "latency" else FARTHEST,
        step=step,
        amount_at=lambda resolution: space.meter.read(space.budget.name, at(resolution)),
    )
    if found.resolution is None:
        return replace(row, status="dropped", reason=found.reason)
    if found.resolution == start:
        return row
    return replace(row, **_measured(space, at(found.resolution)), status="adjusted", reason=found.reason)


def limited(space: SearchSpace, row: Candidate) -> Candidate:
    """The candidate, dropped if it exceeds one of the study's limits."""
    over = None if row.status == "dropped" else space.meter.over(row.network)
    return row if over is None else replace(row, status="dropped", reason=over)


def merge(rows: list[Candidate]) -> list[Candidate]:
    """One candidate per network. Its triple is the one adjusted least; among those the most central (`central`)."""
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
