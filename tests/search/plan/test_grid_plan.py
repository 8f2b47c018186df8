"""The grid before any compute: counts, networks of equal cost, and how the candidates came about."""

from __future__ import annotations

import re

import pytest

from scaling_search.costs.count import cost
from scaling_search.errors import InputError
from scaling_search.search.plan.grid_plan import grid_plan, origin, unused
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, parse
from tests.search.pretend import planned, study

WIDER = {"alpha": "1:2:0.2", "beta": "1:1.4:0.2"}


def wider(**grid: object) -> Study:
    return study(**(WIDER | grid))


def test_the_published_grid_of_the_reference() -> None:
    given = parse(
        'baseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n[grid]\nmatch = "nominal"\n'
        'alpha = "1:2:0.05"\nbeta = "1:1.5:0.05"\ngamma = "1:1.5:0.05"\n'
    )
    found = grid_plan(search_space(given, as_published=True))
    (plan,) = found.plans
    ratios = sorted(row.macs_ratio for row in plan.rows)
    assert (plan.nominal, plan.distinct, plan.within) == (108, 65, 11)
    assert (round(ratios[0], 3), round(ratios[-1], 3)) == (1.928, 3.329)
    assert len(found.candidates) == len(found.networks) == 65
    assert not plan.dropped


@pytest.mark.parametrize("phi", [1, 2, 0.5, 1.5])
def test_all_that_is_kept_costs_what_phi_asks_for(phi: float) -> None:
    found = planned(wider(phi=phi))
    assert found.candidates
    for one in found.candidates:
        (row,) = one.builds
        assert abs(row.cost.macs / (2**phi * found.space.base_cost.macs) - 1) <= 0.1
        assert row.cost == cost(row.network)
        assert row.network.resolution >= found.space.base.resolution


def test_a_negative_phi_makes_smaller_networks() -> None:
    found = planned(wider(phi=-1, macs_tolerance=0.2))
    assert all(row.macs_ratio < 1 for row in found.networks)
    assert any(row.network.resolution < found.space.base.resolution for row in found.networks)


def test_every_triple_is_in_one_candidate_or_dropped() -> None:
    found = planned(wider())
    (plan,) = found.plans
    kept = [triple for one in found.candidates for triple in one.triples]
    lost = [row.triple for row in plan.dropped]
    assert len(kept + lost) == len(set(kept + lost)) == plan.nominal
    assert any(len(one.triples) > 1 for one in found.candidates)
    assert {row.status for row in plan.rows} == {"kept", "adjusted", "dropped"}


def test_an_empty_grid_says_what_to_do() -> None:
    with pytest.raises(
        InputError, match=r"no alpha in 1, beta in 1, gamma in 1 has .*widen a range or raise"
    ):
        planned(study(alpha=1, beta=1, gamma=1))


def test_no_network_near_the_target_says_so() -> None:
    with pytest.raises(InputError, match=r"no candidate comes within 0%.*grid\.macs_tolerance"):
        planned(study(macs_tolerance=1e-6))


def test_several_phi_are_several_plans_and_candidates_are_triples_kept_at_each() -> None:
    found = planned(wider(phi="1,2", macs_tolerance=0.2))
    assert [plan.phi for plan in found.plans] == [1, 2]
    assert all([row.phi for row in one.builds] == [1, 2] for one in found.candidates)
    assert len(found.candidates) > 1
    each_once = [row.fingerprint for row in found.networks]
    assert len(set(each_once)) == len(each_once)
    assert set(each_once) == {row.fingerprint for one in found.candidates for row in one.builds}


def test_phi_that_have_no_triple_in_common_say_so() -> None:
    for phi in ("0.5", "1"):
        assert planned(wider(phi=phi, macs_tolerance=0.02)).candidates
    with pytest.raises(InputError, match=r"no triple is kept at every phi of the grid: drop a phi or raise"):
        planned(wider(phi="0.5,1", macs_tolerance=0.02))


@pytest.mark.parametrize(
    "grid",
    [
        {},
        {"match": "nominal"},
        {"macs_tolerance": 0.02},
        {"alpha": "1:2:0.1"},
        {"phi": "1,2", "alpha": "1:2:0.1"},
    ],
)
def test_how_the_candidates_came_about_adds_up(grid: dict[str, object]) -> None:
    found = planned(wider(**grid))
    said = origin(found)
    tried = int(re.findall(r"^(\d+)(?: triples)? of the grid", said)[0])
    fell = re.findall(r"(\d+) cannot be brought within", said)
    alike = re.findall(r"(\d+) build the same network as another", said)
    (to_train,) = re.findall(r"(\d+) candidates? to train", said)
    lost = sum(map(int, (*fell, *alike)))
    assert tried - lost == int(to_train) == len(found.candidates)
    assert bool(fell) == any(plan.dropped for plan in found.plans)
    moved = re.findall(r"(\d+) of them with an adjusted size", said)
    assert sum(map(int, moved)) == sum(
        any(row.status == "adjusted" for row in one.builds) for one in found.candidates
    )


def test_values_that_no_triple_has_are_said() -> None:
    """Steps of 0.25 once took every α between 1 and 2 away, in silence."""
    found = planned(study(alpha="1:2:0.25", beta=1, gamma="1,2", tolerance=0.1, match="nominal"))
    assert unused(found) == [
        "No triple is left with α = 1, 1.25, 1.5, 1.75; γ = 2: smaller steps or a larger tolerance than 0.1 would keep "
        "some."
    ]
    assert origin(found).startswith(
        "1 of the grid's 10 triples has α·β²·γ² within 0.1 of 2; 1 candidate to train"
    )
    assert unused(planned(study(alpha=2, beta=1, gamma=1, macs_tolerance=0.2))) == []
