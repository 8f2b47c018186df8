"""What competes: networks of equal cost, each with all triples that build it, the nearest of them in front."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.plan.builds import Build, build, factors
from scaling_search.search.plan.candidates import Candidate, candidates, group_key
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override
from tests.search.pretend import BASIC, planned, study

GRIDS = {"alpha": "1:2:0.1", "beta": "1:1.4:0.1", "gamma": "1:1.5:0.25", "tolerance": 0.3}
SEVERAL = {"phi": "1,2", "match": "nominal"}


def icons(**changes: object) -> Study:
    """The network of basic blocks with the ranges' default steps of 0.1, as it is read."""
    given = study().model_copy(update={"baseline": BASIC, "proxy": None})
    return override(given, {"grid.alpha": "1:2:0.1", "grid.beta": "1:1.5:0.1", **changes})


@pytest.fixture(scope="module", params=[{}, SEVERAL, {"match": "nominal"}], ids=["one φ", "two φ", "nominal"])
def plan(request: pytest.FixtureRequest) -> GridPlan:
    return planned(study(**GRIDS, **request.param))


def kept_everywhere(plan: GridPlan) -> dict[Coefficients, tuple[Build, ...]]:
    at_each = [{row.triple: row for row in at.rows if row.status != "dropped"} for at in plan.plans]
    return {
        triple: tuple(rows[triple] for rows in at_each)
        for triple in at_each[0]
        if all(triple in rows for rows in at_each)
    }


def test_a_candidate_is_the_networks_that_its_triples_build(plan: GridPlan) -> None:
    kept = kept_everywhere(plan)
    groups: dict[str, set[Coefficients]] = {}
    for triple, builds in kept.items():
        groups.setdefault(group_key([row.fingerprint for row in builds]), set()).add(triple)
    assert {one.group: set(one.triples) for one in plan.candidates} == groups
    for one in plan.candidates:
        assert len(set(one.triples)) == len(one.triples)
        assert [row.triple for row in one.builds] == [one.triple] * len(plan.plans)
        assert [row.fingerprint for row in one.builds] == [row.fingerprint for row in kept[one.triple]]
        assert one.macs == sum(row.cost.macs for row in one.builds)
        assert one.realised == factors(plan.space.base, one.builds[0].network)


def test_the_triple_nearest_to_what_was_built_represents_it(plan: GridPlan) -> None:
    """Over all φ."""
    kept = kept_everywhere(plan)

    def distance(one: Candidate, triple: Coefficients) -> float:
        built = [factors(plan.space.base, row.network) for row in one.builds]
        return sum(made.distance(triple, row.phi) for made, row in zip(built, kept[triple], strict=True))

    shared = [one for one in plan.candidates if len(one.triples) > 1]
    assert shared
    for one in shared:
        assert distance(one, one.triple) <= min(distance(one, other) for other in one.triples) + 1e-9
    assert any(
        distance(one, one.triple) < distance(one, other) - 0.05 for one in shared for other in one.triples
    )


def test_of_equally_near_ones_the_most_central_represents_it() -> None:
    space = search_space(study())
    row = build(space, Coefficients(alpha=1.5, beta=1.2, gamma=1.25), 1)
    made = factors(space.base, row.network)

    def at(alpha: float) -> Build:
        # On either side of what was built, and equally far in logarithms.
        return replace(row, triple=Coefficients(alpha=alpha, beta=1.2, gamma=1.25))

    (found,) = candidates(space.base, [[at(made.depth * 1.1), at(made.depth / 1.1), at(1.0)]])
    assert found.triple.alpha == made.depth / 1.1, "the smaller of two"
    (found,) = candidates(space.base, [[at(2.0), at(made.depth), at(1.0)]])
    assert found.triple.alpha == made.depth


def test_the_basic_blocks_of_a_new_user_are_named_by_what_was_built() -> None:
    """The triple that was shown once, (1.2, 1.3, 1), had built unchanged depths on 17 px rather than 16."""
    plan = planned(icons())
    by_triple = {triple: one for one in plan.candidates for triple in one.triples}
    assert len(by_triple) > len(plan.candidates) > 3
    for one in plan.candidates:
        built, triple = one.realised, one.triple
        network = one.builds[0].network
        assert built.depth == sum(network.depths) / sum(BASIC.depths)
        assert built.resolution == network.resolution / BASIC.resolution
        # A tie of triples goes to the one without a coefficient that nothing came of, where there is one.
        lost = plan.vanished(one)
        others = [other for other in one.triples if other.beta == triple.beta]
        if lost is not None and "α" in lost:
            assert all(other.alpha > 1 for other in others), one
    same_depth = [one for one in plan.candidates if one.realised.depth == 1]
    assert same_depth
    assert all(one.triple.alpha == min(other.alpha for other in one.triples) for one in same_depth)


def test_a_coefficient_that_nothing_came_of_is_said() -> None:
    plan = planned(icons(**{"grid.alpha": "1.2", "grid.tolerance": 0.3, "grid.macs_tolerance": 0.3}))
    assert {one.realised.depth for one in plan.candidates} == {1.0}, "no stage has a fifth of a block"
    for one in plan.candidates:
        assert "α = 1.2" in str(plan.vanished(one))


def test_a_group_is_called_by_its_network_or_by_all_of_them() -> None:
    assert group_key(["a"]) == "a"
    assert len({group_key(["a", "b"]), group_key(["b", "a"]), group_key(["a", "b", "c"])}) == 3
