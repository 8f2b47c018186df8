"""The grid before any compute: counts, networks of equal cost, what stands for what."""

import pytest

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import cost
from scaling_search.errors import InputError
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.plan.candidates import candidate, central, merge, search_space
from scaling_search.search.plan.contenders import contenders
from scaling_search.search.plan.grid_plan import Plan, plan_all, plan_at
from scaling_search.search.plan.study import Study, parse

SMALL = """name = "s"
baseline = "efficientnet-b0"
[dataset]
name = "digits"
[proxy]
resolution = 16
width = 0.25
depth = 0.5
[rounding]
depth = "round"
divisor = 2
[grid]
alpha = "1:2:0.2"
beta = "1:1.4:0.2"
gamma = "1:1.5:0.25"
tolerance = 0.5
macs_tolerance = 0.1
"""


def small(**grid: object) -> Study:
    study = parse(SMALL)
    return study.model_copy(update={"grid": study.grid.model_copy(update=grid)})


def base(study: Study) -> Network:
    return study.base(channels=1, classes=10)


def planned(phi: float = 1, **grid: object) -> Plan:
    study = small(**grid)
    return plan_at(search_space(study, base(study)), phi)


def test_the_published_grid_of_the_reference() -> None:
    study = parse(
        'name = "b0"\nbaseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n[grid]\nmatch = "nominal"\n'
        'alpha = "1:2:0.05"\nbeta = "1:1.5:0.05"\ngamma = "1:1.5:0.05"\n'
    )
    plan = plan_at(search_space(study, study.base(channels=3, classes=1000)), 1)
    ratios = sorted(row.macs_ratio for row in plan.rows)
    assert (plan.nominal, plan.distinct, plan.within) == (108, 65, 11)
    assert (round(ratios[0], 3), round(ratios[-1], 3)) == (1.928, 3.329)
    assert len(plan.candidates) == 65
    assert not plan.dropped


@pytest.mark.parametrize("phi", [1, 2, 0.5, 1.5])
def test_all_that_is_kept_costs_what_phi_asks_for(phi: float) -> None:
    plan = planned(phi)
    assert plan.candidates
    for row in plan.candidates:
        assert abs(row.cost.macs / (2**phi * plan.base_cost.macs) - 1) <= 0.1
        assert row.cost == cost(row.network)
        assert row.macs_ratio == row.cost.macs / plan.base_cost.macs
        assert row.fingerprint == fingerprint(row.network)
        assert row.network.resolution >= plan.base.resolution


def test_a_negative_phi_makes_smaller_networks() -> None:
    plan = planned(-1, macs_tolerance=0.2)
    assert all(row.macs_ratio < 1 for row in plan.candidates)
    assert any(row.network.resolution < plan.base.resolution for row in plan.candidates)


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("phi", [1, -1])
def test_resolutions_move_by_the_fewest_steps_that_bring_one_in(phi: int, step: int) -> None:
    study = small()
    study = study.model_copy(update={"rounding": study.rounding.model_copy(update={"resolution_step": step})})
    on = search_space(study, base(study))
    plan = plan_at(on, phi)
    lowest = plan.base.resolution if phi >= 0 else step
    for row in plan.rows:
        start = candidate(on, row.triple, phi).network
        inside = []
        for side in range(start.resolution % step or step, 100, step):
            try:
                fits = abs(cost(start, side).macs / plan.target_macs - 1) <= study.grid.macs_tolerance
            except InputError:
                continue
            if fits and (side >= lowest or side == start.resolution):
                inside.append(side)
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


def test_every_triple_is_in_one_candidate_or_dropped() -> None:
    plan = planned()
    kept = [triple for row in plan.candidates for triple in row.triples]
    lost = [row.triple for row in plan.dropped]
    assert len(kept + lost) == len(set(kept + lost)) == plan.nominal
    assert len({row.fingerprint for row in plan.candidates}) == len(plan.candidates)
    assert all(row.triple in row.triples for row in plan.candidates)
    assert any(len(row.triples) > 1 for row in plan.candidates)
    assert {row.status for row in plan.rows} == {"kept", "adjusted", "dropped"}


def test_the_triple_moved_least_stands_for_its_network_then_the_most_central() -> None:
    plan = planned(match="nominal")
    network = plan.candidates[0]

    def row(alpha: float, off: float):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        triple = Coefficients(alpha=alpha, beta=1.0, gamma=1.0)
        nominal = network.network.resolution + off
        return replace(network, triple=triple, triples=(triple,), nominal_resolution=nominal)

    (found,) = merge([row(1.0, 3), row(1.1, 0.2), row(1.2, -0.4), row(1.4, 0), row(1.3, -2)])
    assert found.triple.alpha == 1.2
    assert [triple.alpha for triple in found.triples] == [1.0, 1.1, 1.2, 1.4, 1.3]
    assert central([row(1.1, 0), row(1.1, 0)]).triple.alpha == 1.1


def test_an_empty_grid_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"the grid is empty.*widen a range or raise the tolerance"):
        planned(alpha="1", beta="1", gamma="1")


def test_no_network_near_the_target_says_so() -> None:
    with pytest.raises(InputError, match=r"no candidate comes within 0%.*grid\.macs_tolerance"):
        planned(macs_tolerance=1e-6)


def test_several_phi_are_several_plans_and_contenders_are_triples_kept_at_each() -> None:
    study = small(phi="1,2", macs_tolerance=0.2)
    plans = plan_all(study, base(study))
    assert [plan.phi for plan in plans] == [1, 2]
    field = contenders(plans)
    at_each = [
        {triple: row.fingerprint for row in plan.candidates for triple in row.triples} for plan in plans
    ]
    wanted = {tuple(rows[triple] for rows in at_each) for triple in at_each[0] if triple in at_each[1]}
    assert {tuple(member.fingerprint for member in one.members) for one in field} == wanted
    assert len({one.key for one in field}) == len(field) > 1
    assert all(one.macs == sum(member.cost.macs for member in one.members) for one in field)


def test_one_phi_has_a_contender_for_every_candidate() -> None:
    plan = planned()
    assert [one.key for one in contenders([plan])] == [row.fingerprint for row in plan.candidates]
    assert [one.lead for one in contenders([plan])] == list(plan.candidates)
