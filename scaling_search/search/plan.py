"""What a grid would do, before any compute: candidates, duplicates, real costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.baselines.load import load as load_network
from scaling_search.costs.count import Cost, cost
from scaling_search.data import catalog
from scaling_search.data.dataset import DatasetInfo
from scaling_search.errors import InputError
from scaling_search.scaling.coefficients import Coefficients, Range, grid, most_central
from scaling_search.scaling.scale import compound
from scaling_search.search.match import nearest_resolution
from scaling_search.search.study import Study, parse_phi


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One network at one phi with every triple that builds it. `triple` stands for all of them.

    `nominal_resolution` is the exact base * gamma^phi of that triple. `status`: kept, moved (its resolution) or
    dropped (`reason` says why; it is not trained).
    """

    phi: float
    triple: Coefficients
    triples: tuple[Coefficients, ...]
    network: Network
    fingerprint: str
    cost: Cost
    macs_ratio: float
    nominal_resolution: float
    status: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All candidates of one phi. `rows` has one entry per triple, `candidates` one per network to train.

    `nominal`, `distinct` and `within` count the grid before anything is moved: triples, the networks that they
    build, and triples within the MACs tolerance of the target.
    """

    phi: float
    base: Network
    base_cost: Cost
    target_macs: float
    nominal: int
    distinct: int
    within: int
    rows: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]
    dropped: tuple[Candidate, ...]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A study with its base network and one plan per phi."""

    study: Study
    info: DatasetInfo
    base: Network
    plans: tuple[Plan, ...]


def plan(study: Study, *, as_published: bool = False) -> Planned:
    """The plan of a study. `as_published` counts the baseline with its own classes and channels, not the data's."""
    base = base_of(study, as_published=as_published)
    info = catalog.describe(study.dataset.name)
    return Planned(study=study, info=info, base=base, plans=plan_all(study, base))


def base_of(study: Study, *, as_published: bool = False) -> Network:
    """The network at phi = 0: baseline or proxy, with the data's classes and channels unless `as_published`."""
    if as_published and study.proxy is None:
        return load_network(study.baseline)
    info = catalog.describe(study.dataset.name)
    return study.base(channels=info.channels, classes=len(info.classes))


def plan_all(study: Study, base: Network) -> tuple[Plan, ...]:
    """One plan per phi of the study's grid. Errors: InputError when the grid is empty."""
    return tuple(plan_at(study, base, phi) for phi in parse_phi(study.grid.phi))


def plan_at(study: Study, base: Network, phi: float) -> Plan:
    """The grid at one phi. Errors: InputError when no triple or no network is left."""
    settings = study.grid
    triples = grid(
        alpha=Range.parse(settings.alpha),
        beta=Range.parse(settings.beta),
        gamma=Range.parse(settings.gamma),
        tolerance=settings.tolerance,
    )
    if not triples:
        raise InputError(
            f"the grid is empty: no alpha in {settings.alpha}, beta in {settings.beta}, gamma in {settings.gamma} has "
            f"|alpha * beta^2 * gamma^2 - 2| < {settings.tolerance:g}; widen a range or raise the tolerance"
        )
    base_cost = cost(base)
    nominal = [candidate(study, base, base_cost, triple, phi) for triple in triples]
    target = 2**phi * base_cost.macs
    rows = nominal
    if settings.match == "realised":
        rows = [matched(study, base, base_cost, row) for row in nominal]
    kept = merge([row for row in rows if row.status != "dropped"])
    if not kept:
        ratios = [row.macs_ratio / 2**phi for row in nominal]
        raise InputError(
            f"no candidate comes within {settings.macs_tolerance:.0%} of {2**phi:g} times the base's MACs at "
            f"phi = {phi:g} (they have {min(ratios):.2f} to {max(ratios):.2f} times that): raise grid.macs_tolerance, "
            'use finer rounding, or match = "nominal"'
        )
    return Plan(
        phi=phi,
        base=base,
        base_cost=base_cost,
        target_macs=target,
        nominal=len(nominal),
        distinct=len({row.fingerprint for row in nominal}),
        within=sum(abs(row.cost.macs / target - 1) <= settings.macs_tolerance for row in nominal),
        rows=tuple(rows),
        candidates=tuple(kept),
        dropped=tuple(row for row in rows if row.status == "dropped"),
    )


def candidate(study: Study, base: Network, base_cost: Cost, triple: Coefficients, phi: float) -> Candidate:
    """What `triple` builds at `phi`, as it stands."""
    network = compound(base, triple, phi=phi, rounding=study.rounding)
    counted = cost_at(network, network.resolution)
    return Candidate(
        phi=phi,
        triple=triple,
        triples=(triple,),
        network=network,
        fingerprint=fingerprint(network),
        cost=counted,
        macs_ratio=counted.macs / base_cost.macs,
        nominal_resolution=base.resolution * triple.gamma**phi,
        status="kept",
        reason=None,
    )


def matched(study: Study, base: Network, base_cost: Cost, row: Candidate) -> Candidate:
    """The candidate with its resolution moved so that its MACs fit, or dropped."""
    step = study.rounding.resolution_step
    found = nearest_resolution(
        row.network,
        target=2**row.phi * base_cost.macs,
        tolerance=study.grid.macs_tolerance,
        lowest=base.resolution if row.phi >= 0 else step,
        step=step,
        macs_at=lambda network, resolution: cost_at(network, resolution).macs,
    )
    if found.resolution is None:
        return replace(row, status="dropped", reason=found.reason)
    if found.resolution == row.network.resolution:
        return row
    network = row.network.model_copy(update={"resolution": found.resolution})
    counted = cost_at(network, found.resolution)
    return replace(
        row,
        network=network,
        fingerprint=fingerprint(network),
        cost=counted,
        macs_ratio=counted.macs / base_cost.macs,
        status="moved",
        reason=found.reason,
    )


def cost_at(network: Network, resolution: int) -> Cost:
    """`cost`, counted once for triples that build the same depths and widths. Errors: InputError as there."""
    return _cost_at(network.model_copy(update={"resolution": 1}), resolution)


@lru_cache(maxsize=4096)
def _cost_at(network: Network, resolution: int) -> Cost:
    return cost(network, resolution)


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
