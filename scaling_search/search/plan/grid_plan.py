"""What a grid would do, before any compute: triples, the networks they build, real costs, candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scaling_search.errors import InputError, few
from scaling_search.report.figures import count
from scaling_search.scaling.coefficients import Exponents, grid, in_words
from scaling_search.search.plan.builds import Build, base_build, build, limited, matched, vanished
from scaling_search.search.plan.candidates import Candidate, candidates
from scaling_search.search.plan.search_space import SearchSpace

# Seeds of the base network, which shows whether doubling is worth it at all.
BASE_SEEDS = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The grid at one φ, one row per triple.

    `nominal`, `distinct` and `within` count it before anything is adjusted: triples, the networks that they build, and
    triples within the tolerance of the target.
    """

    phi: float
    target: float
    distinct: int
    within: int
    rows: tuple[Build, ...]

    @property
    def nominal(self) -> int:
        """How many triples there are."""
        return len(self.rows)

    @cached_property
    def dropped(self) -> tuple[Build, ...]:
        """The triples whose network is no candidate."""
        return tuple(row for row in self.rows if row.status == "dropped")


@dataclass(frozen=True, kw_only=True)
class GridPlan:
    """A search space with a plan for each φ, and the candidates that come of it."""

    space: SearchSpace
    plans: tuple[Plan, ...]
    candidates: tuple[Candidate, ...]

    @cached_property
    def base(self) -> Build:
        """The network at φ = 0."""
        return base_build(self.space)

    @property
    def base_seeds(self) -> range:
        """Seeds that the base is trained with."""
        return range(min(BASE_SEEDS, self.space.study.grid.seeds))

    @property
    def networks(self) -> tuple[Build, ...]:
        """The candidates' networks, each once, in the order in which they are trained."""
        rows = (row for candidate in self.candidates for row in candidate.builds)
        return tuple({row.fingerprint: row for row in rows}.values())

    def vanished(self, candidate: Candidate) -> str | None:
        """Which coefficients of its triple rounding took away."""
        return vanished(candidate.triple, candidate.realised)


def grid_plan(space: SearchSpace) -> GridPlan:
    """The plan of a study. Errors: InputError when the grid is empty."""
    plans = tuple(plan_at(space, phi) for phi in space.study.grid.phi)
    found = candidates(space.base, [plan.rows for plan in plans])
    if not found:
        raise InputError(
            "no triple is kept at every phi of the grid: drop a phi or raise grid.macs_tolerance"
        )
    return GridPlan(space=space, plans=plans, candidates=found)


def plan_at(space: SearchSpace, phi: float) -> Plan:
    """The grid at one φ. Errors: InputError when no triple or no network is left."""
    settings, budget, target = space.study.grid, space.budget, space.target(phi)
    triples = grid(
        alpha=settings.alpha,
        beta=settings.beta,
        gamma=settings.gamma,
        tolerance=settings.tolerance,
        exponents=budget.exponents,
    )
    if not triples:
        raise InputError(
            f"the grid is empty: no alpha in {in_words(settings.alpha)}, beta in {in_words(settings.beta)}, gamma in "
            f"{in_words(settings.gamma)} has |{product(budget.exponents)} - 2| < {settings.tolerance:g}; widen a range "
            "or raise the tolerance"
        )
    nominal = [build(space, triple, phi) for triple in triples]
    rows = [matched(space, row) for row in nominal] if settings.match == "realised" else nominal
    if all(row.status == "dropped" for row in rows):
        ratios = [row.amount / target for row in nominal]
        raise InputError(
            f"no candidate comes within {settings.macs_tolerance:.0%} of {2**phi:g} times the base's {budget.words} at "
            f"phi = {phi:g} (they have {min(ratios):.2f} to {max(ratios):.2f} times that): raise grid.macs_tolerance, "
            'use finer rounding, or match = "nominal"'
        )
    near = next(row for row in rows if row.status != "dropped")
    rows = [limited(space, row) for row in rows]
    if all(row.status == "dropped" for row in rows):
        over = next(row for row in rows if row.triple == near.triple)
        raise InputError(
            f"no candidate at phi = {phi:g} meets the limits: {over.triple} has {over.reason}; raise the limit, or "
            "make the base smaller"
        )
    return Plan(
        phi=phi,
        target=target,
        distinct=len({row.fingerprint for row in nominal}),
        within=sum(abs(row.amount / target - 1) <= settings.macs_tolerance for row in nominal),
        rows=tuple(rows),
    )


def product(exponents: Exponents) -> str:
    """The factor by which a triple multiplies a cost, written out.

    >>> product((1, 2, 0))
    'alpha * beta^2'
    """
    parts = zip(("alpha", "beta", "gamma"), exponents, strict=True)
    return " * ".join(f"{name}^{power}" if power > 1 else name for name, power in parts if power)


def origin(plan: GridPlan) -> str:
    """How the candidates came about, in one sentence whose numbers add up."""
    settings, tried = plan.space.study.grid, plan.plans[0].nominal
    kept = sum(len(one.triples) for one in plan.candidates)
    dropped, alike = tried - kept, kept - len(plan.candidates)
    adjusted = sum(any(row.status == "adjusted" for row in one.builds) for one in plan.candidates)
    every = len(settings.alpha) * len(settings.beta) * len(settings.gamma)
    parts = [f"{count(tried, 'triple')} of the grid"]
    if tried < every:
        parts = [
            f"{tried} of the grid's {every:,} triples {'has' if tried == 1 else 'have'} "
            f"{in_symbols(plan.space.budget.exponents)} within {settings.tolerance:g} of 2"
        ]
    if dropped:
        parts.append(
            f"{dropped} cannot be brought within {settings.macs_tolerance:.0%} of the cost or a limit"
        )
    if alike:
        parts.append(f"{alike} build the same network as another")
    moved = f", {adjusted} of them with an adjusted size" if adjusted else ""
    return f"{'; '.join(parts)}; {count(len(plan.candidates), 'candidate')} to train{moved}."


def in_symbols(exponents: Exponents) -> str:
    """The same as it is printed.

    >>> in_symbols((1, 2, 2))
    'α·β²·γ²'
    """
    parts = zip("αβγ", exponents, strict=True)
    return "·".join(symbol + ("²" if power == 2 else "") for symbol, power in parts if power)


def unused(plan: GridPlan) -> list[str]:
    """Values of the ranges that no triple has: steps so coarse that the tolerance takes them away."""
    settings, rows = plan.space.study.grid, plan.plans[0].rows
    found = []
    for symbol, name in (("α", "alpha"), ("β", "beta"), ("γ", "gamma")):
        values: Sequence[float] = getattr(settings, name)
        have = {getattr(row.triple, name) for row in rows}
        missing = [f"{value:g}" for value in values if value not in have]
        if missing:
            found.append(f"{symbol} = {few(missing)}")
    if not found:
        return []
    return [
        f"No triple is left with {'; '.join(found)}: smaller steps or a larger tolerance than {settings.tolerance:g} "
        "would keep some."
    ]
