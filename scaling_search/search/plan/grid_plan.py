"""What a grid would do, before any compute: candidates, duplicates, real costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import load as load_network
from scaling_search.costs.count import Cost
from scaling_search.errors import InputError
from scaling_search.scaling.coefficients import Exponents, Range, grid, parse_phi
from scaling_search.search.plan.budget import Meter, Quantity, StepSeconds
from scaling_search.search.plan.candidates import (
    Candidate,
    SearchSpace,
    candidate,
    limited,
    matched,
    merge,
    search_space,
)
from scaling_search.search.plan.study import Study

if TYPE_CHECKING:
    from scaling_search.data.dataset import DatasetInfo


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
    step_seconds: StepSeconds | None = None,
) -> Planned:
    """The plan of a study. `as_published` counts the baseline with its own classes and channels, not the data's.

    `step_seconds` as in `budget.Meter`.
    """
    base = base_of(study, as_published=as_published)
    meter = Meter(study, step_seconds=step_seconds)
    info = _described(study)
    return Planned(study=study, info=info, base=base, plans=plan_all(study, base, meter))


def base_of(study: Study, *, as_published: bool = False) -> Network:
    """The network at phi = 0: baseline or proxy, with the data's classes and channels unless `as_published`."""
    # What is timed runs on the data.
    if as_published and study.proxy is None and not study.timed:
        return load_network(study.baseline)
    info = _described(study)
    return study.base(channels=info.channels, classes=len(info.classes))


def _described(study: Study) -> DatasetInfo:
    # `report` reads what was planned and must not load what reads pictures.
    from scaling_search.data import catalog

    return catalog.describe(study.dataset.name)


def plan_all(study: Study, base: Network, meter: Meter | None = None) -> tuple[Plan, ...]:
    """One plan per phi of the study's grid. Errors: InputError when the grid is empty."""
    found = search_space(study, base, meter)
    return tuple(plan_at(found, phi) for phi in parse_phi(study.grid.phi))


def plan_at(on: SearchSpace, phi: float) -> Plan:
    """The grid at one phi. Errors: InputError when no triple or no network is left."""
    settings, budget, target = on.study.grid, on.budget, on.target(phi)
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
    nominal = [candidate(on, triple, phi) for triple in triples]
    rows = nominal
    if settings.match == "realised":
        rows = [matched(on, row) for row in nominal]
    near = [row for row in rows if row.status != "dropped"]
    if not near:
        ratios = [row.amount / target for row in nominal]
        raise InputError(
            f"no candidate comes within {settings.macs_tolerance:.0%} of {2**phi:g} times the base's {budget.words} at "
            f"phi = {phi:g} (they have {min(ratios):.2f} to {max(ratios):.2f} times that): raise grid.macs_tolerance, "
            'use finer rounding, or match = "nominal"'
        )
    rows = [limited(on, row) for row in rows]
    kept = merge([row for row in rows if row.status != "dropped"])
    if not kept:
        over = next(row for row in rows if row.triple == near[0].triple)
        raise InputError(
            f"no candidate at phi = {phi:g} meets the limits: {over.triple} has {over.reason}; raise the limit, or "
            "make the base smaller"
        )
    return Plan(
        phi=phi,
        base=on.base,
        base_cost=on.base_cost,
        budget=budget,
        base_amount=on.base_amount,
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


# Seeds from here on belong to `scale`: its figures must not be those that chose the winner.
FRESH_SEEDS = 1_000_000
