"""Budgets other than MACs, limits, and what a plan, a ledger and a report make of them."""

from pathlib import Path

import pytest

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import baseline
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import GRID
from scaling_search.ledger.storage.schema import CANDIDATES
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale
from scaling_search.search.family.document import members_table
from scaling_search.search.family.scale import scale as scale_family
from scaling_search.search.grid.report import report_of
from scaling_search.search.plan.budget import QUANTITIES
from scaling_search.search.plan.grid_plan import GridPlan, grid_plan
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override, parse, write
from scaling_search.search.tables import plan_table
from tests.search.pretend import planned, searched, study

COUNTED = ["macs", "parameters", "activations", "memory"]


def small(budget: str, **changes: object) -> Study:
    ranges = {"grid.alpha": "1:2:0.1", "grid.beta": "1:1.5:0.1", "grid.gamma": "1:1.5:0.1"}
    return override(study(), {"grid.budget": budget, "grid.tolerance": 0.2, **ranges, **changes})


def kept(plan: GridPlan) -> set[str]:
    return {row.fingerprint for row in plan.networks}


@pytest.mark.parametrize("budget", COUNTED)
def test_all_that_is_kept_has_twice_what_the_base_has(budget: str) -> None:
    plan = planned(small(budget))
    space, (found,) = plan.space, plan.plans
    base = space.meter.read(budget, space.base)
    assert found.target == 2 * base
    assert len(plan.candidates) > 2
    for row in plan.networks:
        assert abs(space.meter.read(budget, row.network) / (2 * base) - 1) <= space.study.grid.macs_tolerance
        assert (row.amount, row.amount_ratio) == (
            space.meter.read(budget, row.network),
            row.amount / base,
        )
    i, j, k = QUANTITIES[budget].exponents
    for row in found.rows:
        triple = row.triple
        assert abs(triple.alpha**i * triple.beta**j * triple.gamma**k - 2) < 0.2


@pytest.mark.parametrize("budget", ["activations", "memory"])
def test_another_budget_chooses_other_networks(budget: str) -> None:
    assert kept(planned(small("macs"))) != kept(planned(small(budget)))


def test_no_resolution_moves_for_parameters_and_gamma_is_free() -> None:
    plan = planned(small("parameters"))
    (found,) = plan.plans
    assert {row.status for row in found.rows} <= {"kept", "dropped"}
    assert all(
        "no adjustment changes that" in str(row.reason) or "too deep" in str(row.reason)
        for row in found.dropped
    )
    gammas = {triple.gamma for one in plan.candidates for triple in one.triples}
    assert gammas == {1.0, 1.1, 1.2, 1.3, 1.4, 1.5}
    (note,) = (line for line in plan_table.document(plan).notes if "γ is free" in line)
    assert note.startswith("Resolution costs no parameters")
    macs = plan_table.document(planned(small("macs"))).notes
    assert not [line for line in macs if "γ is free" in line]


def test_where_a_network_flattens_its_map_resolution_moves_parameters_too() -> None:
    ranges = {"grid.alpha": "2", "grid.beta": "1", "grid.gamma": "1,1.2"}
    plan = planned(override(study(), {"baseline": "vgg-16", "grid.budget": "parameters", **ranges}))
    assert "adjusted" in {row.status for row in plan.networks}
    assert not [line for line in plan_table.document(plan).notes if "γ is free" in line]


@pytest.mark.parametrize("budget", ["macs", "parameters", "activations"])
@pytest.mark.parametrize("dimension", ["depth", "width", "resolution"])
def test_exponents_are_those_of_a_real_network(budget: str, dimension: str) -> None:
    base = baseline("efficientnet-b0")
    meter = search_space(study()).meter
    finely = Rounding(divisor=1)
    twice = scale(base, **{dimension: 2.0}, rounding=finely)
    power = QUANTITIES[budget].exponents[("depth", "width", "resolution").index(dimension)]
    ratio = meter.read(budget, twice) / meter.read(budget, base)
    assert ratio == pytest.approx(2**power, rel=0.25)


@pytest.mark.parametrize("name", COUNTED)
def test_a_limit_leaves_out_what_is_over_it(name: str) -> None:
    free = planned(small("macs"))
    meter = free.space.meter
    amounts = sorted(meter.read(name, row.network) for row in free.networks)
    limit = amounts[len(amounts) // 2]
    bound = planned(small("macs", **{f"limits.{name}": limit}))
    assert 0 < len(bound.candidates) < len(free.candidates)
    assert all(meter.read(name, row.network) <= limit for row in bound.networks)
    over = [row for row in bound.plans[0].dropped if "over limits" in str(row.reason)]
    assert over and all(
        f"over limits.{name} = {QUANTITIES[name].show(limit)}" in str(row.reason) for row in over
    )


def test_limits_that_nothing_meets_say_so() -> None:
    with pytest.raises(InputError, match=r"meets the limits: .* over limits\.parameters = 10 parameters"):
        planned(small("macs", **{"limits.parameters": 10.0}))


def test_a_study_with_budget_and_limits_reads_back() -> None:
    settings = small("memory", **{"limits.latency": 0.05, "limits.macs": 5e6})
    assert parse(write(settings)) == settings
    assert settings.timed and not small("memory").timed
    with pytest.raises(InputError, match="expected macs, parameters, activations, memory or latency"):
        small("flops")
    with pytest.raises(InputError, match="limits: unknown key 'flops'"):
        small("macs", **{"limits.flops": 1.0})


def test_plan_shows_the_budget_in_words_and_figures() -> None:
    plan = planned(small("memory"))
    whole = plan_table.record(plan)
    (found,) = plan.plans
    assert (whole["budget"], whole["target_macs"]) == ("memory", None)
    assert whole["target_cost"] == found.target == 2 * whole["base_cost"]
    assert [row["cost"] for row in whole["candidates"]] == [
        row.amount for row in found.rows if row.status != "dropped"
    ]
    (table,) = (one for one in plan_table.document(plan).tables if one.name == "candidates")
    titles = [column.title for column in table.columns]
    assert "Training memory" in titles and "Memory ÷ target" in titles
    assert "of training memory" in str(table.title)


def test_ledger_and_report_say_what_the_budget_counts(tmp_path: Path) -> None:
    settings = override(study(), {"grid.budget": "activations", "grid.seeds": 1})
    with Ledger.open(tmp_path / "l.db") as ledger:
        result = searched(ledger, settings)
        rows = ledger.rows(CANDIDATES, study="s", role=GRID)
        report = report_of(ledger, result.study, result.trials, result.found)
    assert rows and all("x the base's activations" in str(row.reason) for row in rows)
    assert report.budget == "activations"


def test_a_family_over_a_limit_is_emitted_and_not_trained(tmp_path: Path) -> None:
    settings = override(study(), {"scale.phi": "0..2", "scale.train": "none", "limits.macs": 1e7})
    found = scale_family(settings, (1.2, 1.1, 1.15), match="nominal", out=tmp_path)
    members = found.families["proxy"].members
    over = [member.cost.macs > 1e7 for member in members]
    assert over == [False, False, True] or over == [False, True, True]
    assert [member.status == "not trained" for member in members] == over
    assert all(file.exists() for file in found.files["proxy"])
    shown = members_table(found, "proxy").rows
    assert ["over limits.macs" in str(row.cells["reason"]) for row in shown] == over


def pretended_seconds(network: Network) -> float:
    """In proportion to pixels and to depth; infinite above 20 px."""
    return float("inf") if network.resolution > 20 else network.resolution**2 * sum(network.depths) * 1e-5


def test_latency_moves_resolutions_by_what_was_timed() -> None:
    settings = small("latency")
    plan = grid_plan(search_space(settings, step_seconds=pretended_seconds))
    assert {row.status for row in plan.plans[0].rows} == {"kept", "adjusted", "dropped"}
    for row in plan.networks:
        assert row.amount == row.network.resolution**2 * sum(row.network.depths) * 1e-5
        assert abs(row.amount_ratio / 2 - 1) <= settings.grid.macs_tolerance
    assert plan_table.record(plan)["budget"] == "latency"


def test_where_time_does_not_rise_nothing_far_larger_is_compiled() -> None:
    asked: list[int] = []

    def flat(network: Network) -> float:
        asked.append(network.resolution)
        return 0.01

    settings = small("latency", **{"grid.gamma": "1:1.2:0.1"})
    with pytest.raises(InputError, match=r"no candidate comes within .* the base's time of a training step"):
        grid_plan(search_space(settings, step_seconds=flat))
    assert max(asked) <= 2 * 20
