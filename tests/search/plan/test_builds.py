"""What a triple builds at one φ: adjusted to its budget, and described by what was really multiplied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import cost
from scaling_search.errors import InputError
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.scale import scale, scale_network
from scaling_search.search.plan.builds import Build, Factors, build, factors, matched, vanished
from scaling_search.search.plan.search_space import SearchSpace, search_space
from scaling_search.search.plan.study import override
from tests.search.pretend import BASIC, study

GRIDS = {"alpha": "1:2:0.2", "beta": "1:1.4:0.2", "gamma": "1:1.5:0.25", "tolerance": 0.5}


def space(**changes: object) -> SearchSpace:
    return search_space(override(study(**GRIDS), changes))


def triples() -> list[Coefficients]:
    values = [(a, b, g) for a in (1, 1.2, 1.6, 2) for b in (1, 1.2, 1.4) for g in (1, 1.25, 1.5)]
    return [Coefficients.of(value) for value in values]


@pytest.mark.parametrize("phi", [1, 2, 0.5, -1])
def test_a_build_is_measured_as_it_stands(phi: float) -> None:
    on = space()
    for triple in triples():
        row = build(on, triple, phi)
        assert row.network == scale_network(on.base, triple, phi=phi, rounding=on.study.rounding)
        assert (row.cost, row.fingerprint) == (cost(row.network), fingerprint(row.network))
        assert row.macs_ratio == row.amount_ratio == row.cost.macs / on.base_cost.macs
        assert row.nominal_resolution == on.base.resolution * triple.gamma**phi
        assert (row.status, row.reason) == ("kept", None)


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("phi", [1, -1])
def test_resolutions_move_by_the_fewest_steps_that_bring_one_in(phi: int, step: int) -> None:
    on = space(**{"rounding.resolution_step": step})
    target, tolerance = on.target(phi), on.study.grid.macs_tolerance
    lowest = on.base.resolution if phi >= 0 else step
    statuses = set()
    for triple in triples():
        start = build(on, triple, phi).network
        row = matched(on, build(on, triple, phi))
        inside = []
        for side in range(start.resolution % step or step, 100, step):
            try:
                fits = abs(cost(start, side).macs / target - 1) <= tolerance
            except InputError:
                continue
            if fits and (side >= lowest or side == start.resolution):
                inside.append(side)
        statuses.add(row.status)
        if row.status == "dropped":
            assert not inside
            assert row.reason
            assert row.network == start
        else:
            assert row.network.resolution == min(inside, key=lambda side: abs(side - start.resolution))
            assert row.network == start.model_copy(update={"resolution": row.network.resolution})
            moved = row.network.resolution != start.resolution
            assert row.status == ("adjusted" if moved else "kept")
            assert (row.reason is not None) == moved
    assert statuses == {"kept", "adjusted", "dropped"}


BUDGETS = ["macs", "parameters", "activations", "memory"]


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("held", ["beta", "gamma", "beta, gamma"])
def test_what_a_range_of_one_holds_is_never_adjusted(budget: str, held: str) -> None:
    names = held.split(", ")
    on = space(
        **dict.fromkeys((f"grid.{name}" for name in names), "1"),
        **{"grid.budget": budget, "rounding.divisor": 1},
    )
    statuses = set()
    for triple in triples():
        if any(getattr(triple, name) != 1 for name in names):
            continue
        row = matched(on, build(on, triple, 1))
        statuses.add(row.status)
        assert row.network.depths == build(on, triple, 1).network.depths
        if "gamma" in names:
            assert row.network.resolution == on.base.resolution
        if "beta" in names:
            assert row.network.widths == on.base.widths
        if len(names) == 2 and row.status == "dropped":
            assert str(row.reason).endswith("x the target; widths and resolution are fixed (β = γ = 1)")
    assert len(names) < 2 or "adjusted" not in statuses


@pytest.mark.parametrize("phi", [1, 2, -1])
def test_a_fixed_resolution_adjusts_the_widths(phi: float) -> None:
    """γ = 1 alone asks for one input resolution: nothing moves it."""
    on = space(**{"grid.gamma": "1", "rounding.divisor": 1})
    adjusted: list[Build] = []
    for triple in triples():
        if triple.gamma != 1:
            continue
        start = build(on, triple, phi)
        row = matched(on, start)
        assert row.network.resolution == on.base.resolution
        assert row.network.depths == start.network.depths
        if row.status == "dropped":
            assert row.network == start.network
            assert str(row.reason).endswith("; the resolution is fixed (γ = 1)")
            continue
        assert abs(row.cost.macs / on.target(phi) - 1) <= on.study.grid.macs_tolerance
        if row.status == "adjusted":
            adjusted.append(row)
            assert row.network.widths != start.network.widths
            assert str(row.reason).startswith("widths adjusted by ")
    assert adjusted


def test_phi_0_is_the_base_whatever_the_budget() -> None:
    on = space(**{"grid.macs_tolerance": 1e-9})
    row = build(on, Coefficients(alpha=1.7, beta=1.3, gamma=1.4), 0)
    assert matched(on, row) == row
    assert row.fingerprint == fingerprint(on.base)


@given(
    depth=st.floats(1, 3),
    width=st.floats(1, 2),
    side=st.integers(8, 64),
)
def test_realised_factors_are_counted_from_the_network(depth: float, width: float, side: int) -> None:
    rounding = space().study.rounding.model_copy(update={"divisor": 1})
    network = scale(BASIC, depth=depth, width=width, rounding=rounding).model_copy(
        update={"resolution": side}
    )
    found = factors(BASIC, network)
    assert found.depth == sum(network.depths) / 6
    assert found.resolution == side / 16
    ratios = [after / before for before, after in zip(BASIC.widths, network.widths, strict=True)]
    assert min(ratios) - 1e-9 <= found.width <= max(ratios) + 1e-9
    assert found.width == pytest.approx(width, rel=0.1)
    assert factors(BASIC, BASIC) == Factors(depth=1, width=1, resolution=1)


def test_the_width_that_counts_is_that_of_the_expensive_stages() -> None:
    """A stage that costs nothing may double without making the network wider."""
    stages = BASIC.stages
    wide = BASIC.model_copy(update={"stages": (stages[0].model_copy(update={"width": 16}), *stages[1:])})
    # Of the MACs of the four stages.
    assert 1 < factors(BASIC, wide).width < 1.4


@pytest.mark.parametrize(
    ("triple", "built", "said"),
    [
        ((1.2, 1.3, 1), (1.0, 1.3, 1.06), "rounding takes α = 1.2 away"),
        ((1.2, 1.1, 1.1), (1.0, 1.0, 1.1), "rounding takes α = 1.2 and β = 1.1 away"),
        ((1.0, 1.3, 1.1), (1.0, 1.3, 1.0625), None),
        ((1.2, 1.3, 1), (1.167, 1.3, 1), None),
    ],
)
def test_a_coefficient_that_rounding_took_away_is_named(
    triple: tuple[float, float, float], built: tuple[float, float, float], said: str | None
) -> None:
    made = dict(zip(("depth", "width", "resolution"), built, strict=True))
    assert vanished(Coefficients.of(triple), Factors(**made)) == said


@given(
    st.tuples(*[st.floats(1, 2)] * 3),
    st.floats(0.25, 3),
)
def test_what_is_built_exactly_is_at_no_distance(triple: tuple[float, float, float], phi: float) -> None:
    asked = Coefficients.of(triple)
    alpha, beta, gamma = (value**phi for value in triple)
    exact = Factors(depth=alpha, width=beta, resolution=gamma)
    assert exact.distance(asked, phi) == pytest.approx(0, abs=1e-9)
    twice = Factors(depth=2 * alpha, width=beta, resolution=gamma)
    assert twice.distance(asked, phi) == pytest.approx(0.6931, abs=1e-3)


def test_the_network_of_another_base_is_refused() -> None:
    """Stages are compared one to one."""
    other: Network = BASIC.model_copy(update={"stages": BASIC.stages[:2]})
    with pytest.raises(ValueError, match="zip"):
        factors(BASIC, other)
