"""Candidates as the ledger keeps them: recorded as planned, never regrouped; and what their trials got right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import GRID
from scaling_search.ledger.storage.schema import CANDIDATES, NETWORKS, TRIPLES
from scaling_search.search.grid.candidates import (
    RecordedCandidate,
    all_bits,
    bits_of,
    learned,
    realised_triple,
    record_plan,
    recorded,
    recorded_of,
    results_of,
)
from scaling_search.search.plan.grid_plan import GridPlan
from scaling_search.search.plan.study import Study
from tests.search.grid.rows import candidate, candidates, trial, triple
from tests.search.pretend import planned, study

FINE = {"alpha": "1:2:0.1", "beta": "1:1.4:0.1", "tolerance": 0.3}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def fine(**grid: object) -> Study:
    return study(**(FINE | grid))


def as_planned(plan: GridPlan) -> dict[str, tuple[object, set[object], tuple[str, ...]]]:
    return {
        one.group: (
            _plain(one.triple),
            set(map(_plain, one.triples)),
            tuple(dict.fromkeys(row.fingerprint for row in one.builds)),
        )
        for one in plan.candidates
    }


def as_recorded(
    found: tuple[RecordedCandidate, ...],
) -> dict[str, tuple[object, set[object], tuple[str, ...]]]:
    return {
        one.group: (one.triple, set(one.triples), tuple(row.network for row in one.rows)) for one in found
    }


def _plain(one: object) -> tuple[float, float, float]:
    return one.alpha, one.beta, one.gamma  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "grid",
    [
        {},
        {"match": "nominal"},
        {"phi": "1,2", "macs_tolerance": 0.2},
        # Networks that several candidates have in common, and one that is the same at two φ.
        {"phi": "1,2", "match": "nominal"},
        {"phi": "0.1,0.2", "match": "nominal", "gamma": "1.1"},
    ],
    ids=["one φ", "nominal", "two φ", "shared networks", "twice the same"],
)
def test_a_plan_comes_back_as_it_was_decided(ledger: Ledger, grid: dict[str, object]) -> None:
    plan = planned(fine(**grid))
    for _ in range(2):
        record_plan(ledger, "s", plan)
        assert as_recorded(recorded(ledger, "s")) == as_planned(plan)
        dropped = [row for row in ledger.rows(TRIPLES, study="s") if row.status == "dropped"]
        assert len(dropped) == sum(len(at.dropped) for at in plan.plans)
        assert all(row.reason for row in dropped)
    assert {row.fingerprint for row in ledger.rows(NETWORKS)} == {
        row.fingerprint for row in (plan.base, *plan.networks)
    }


def test_what_was_built_is_recorded_beside_what_was_asked_for(ledger: Ledger) -> None:
    plan = planned(fine())
    record_plan(ledger, "s", plan)
    rows = {row.network: row for row in ledger.rows(CANDIDATES, study="s", role=GRID)}
    for one in plan.candidates:
        (build,) = one.builds
        row = rows[build.fingerprint]
        assert (row.depth_factor, row.width_factor, row.resolution_factor) == (
            one.realised.depth,
            one.realised.width,
            one.realised.resolution,
        )
        assert (row.status, row.macs, row.resolution) == (
            build.status,
            build.cost.macs,
            build.network.resolution,
        )
        lost = plan.vanished(one)
        assert (lost is None) == ("rounding takes" not in str(row.reason))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["narrow, then wide", "wide, then narrow"])
def test_a_narrower_grid_takes_nothing_away(ledger: Ledger, order: tuple[int, int]) -> None:
    """Both are one study; in the end the ledger has what the wide grid has."""
    plans = [planned(fine(alpha="1:1.4:0.2")), planned(fine())]
    for at in order:
        record_plan(ledger, "s", plans[at])
    assert as_recorded(recorded(ledger, "s")) == as_planned(plans[1])


def test_a_coarser_grid_keeps_the_nearer_triples_of_a_finer_one(ledger: Ledger) -> None:
    """Ranges that have no triple in common: of those that build one network the nearest represents it."""
    one, other = planned(fine(alpha="1:2:0.2")), planned(fine(alpha="1.1:1.9:0.2"))
    both = planned(fine())
    for plan in (one, other, one):
        record_plan(ledger, "s", plan)
    assert as_recorded(recorded(ledger, "s")) == as_planned(both)
    met = set(as_planned(one)) & set(as_planned(other))
    assert met, "some network is built by both"
    assert any(as_planned(one)[group][0] != as_planned(other)[group][0] for group in met)


def test_what_no_triple_builds_any_more_is_no_candidate(ledger: Ledger) -> None:
    """A tighter tolerance moves a triple to another network: the first has nobody to stand for it."""
    loose, tight = planned(fine(macs_tolerance=0.1)), planned(fine(macs_tolerance=0.02))
    gone = set(as_planned(loose)) - set(as_planned(tight))
    assert gone
    record_plan(ledger, "s", loose)
    record_plan(ledger, "s", tight)
    assert as_recorded(recorded(ledger, "s")) == as_planned(tight)


def test_another_studys_candidates_are_its_own(ledger: Ledger) -> None:
    record_plan(ledger, "s", planned(fine()))
    record_plan(ledger, "t", planned(study()))
    assert as_recorded(recorded(ledger, "s")) == as_planned(planned(fine()))
    assert as_recorded(recorded(ledger, "t")) == as_planned(planned(study()))
    assert recorded(ledger, "u") == ()


def test_all_triples_of_a_network_are_known_by_the_one_in_front() -> None:
    rows = [candidate("a", 1.2), candidate("b", 1.4)]
    triples = [triple("a", 1.0), triple("a", 1.2), triple("b", 1.4), triple("a", 2.0, status="dropped")]
    first, second = recorded_of(rows, triples)
    assert (first.group, first.triple, first.triples) == ("a", (1.2, 1.0, 1.0), ((1.2, 1, 1), (1.0, 1, 1)))
    assert (second.group, second.triples) == ("b", ((1.4, 1.0, 1.0),))


def test_at_several_phi_a_triple_must_build_it_at_each() -> None:
    rows = [
        *(candidate("a", 1.0, phi, group="ab") for phi in (1,)),
        candidate("b", 1.0, 2, group="ab"),
        candidate("a", 1.2, group="ac"),
        candidate("c", 1.2, 2, group="ac"),
    ]
    triples = [
        *(triple("a", alpha) for alpha in (1.0, 1.1, 1.2)),
        *(triple("b", alpha, 2) for alpha in (1.0, 1.1)),
        triple("c", 1.2, 2),
    ]
    first, second = recorded_of(rows, triples)
    assert (first.group, first.triples) == ("ab", ((1.0, 1, 1), (1.1, 1, 1)))
    assert (second.group, second.triples) == ("ac", ((1.2, 1, 1),))
    assert first.macs == 200


def test_bits_are_the_images_in_order() -> None:
    assert bits_of(trial("a", 0, 13, images=21)).tolist() == [True] * 13 + [False] * 8


def test_all_bits_are_those_of_each() -> None:
    alike = [trial("a", seed, 10 + seed, images=21) for seed in range(3)]
    for rows in ([], alike, [*alike, trial("a", 3, 5, images=8)]):
        found = all_bits(rows)
        assert [bits.tolist() for bits in found] == [bits_of(row).tolist() for row in rows]
        assert {bits.dtype for bits in found} <= {np.dtype(bool)}


def test_an_image_counts_once_at_several_phi() -> None:
    rows = [candidate("a", 1.0, group="ab"), candidate("b", 1.0, 2, group="ab")]
    found = recorded_of(rows, [triple("a", 1.0), triple("b", 1.0, 2)])
    results = results_of(found, [trial("a", 0, 80), trial("b", 0, 60), trial("a", 1, 90)])["ab"]
    assert list(results) == [0], "a seed that only one of them has is not yet there"
    marks = results[0]
    assert marks is not None and sorted(set(marks.tolist())) == [0.0, 0.5, 1.0]
    assert np.isclose(marks.mean(), 0.7)
    # One that was at chance level at one φ counts as that.
    low = results_of(found, [trial("a", 0, 80), trial("b", 0, 10)], at_chance={"b0"})["ab"]
    assert low[0] is not None and low[0].mean() == 0.1


def test_a_seed_that_broke_has_no_result_and_waiting_ones_are_not_there() -> None:
    trials = [
        *(trial("a", seed, 90) for seed in range(2)),
        trial("a", 2, 0, "diverged"),
        trial("b", 0, 70),
        trial("b", 1, 0, "waiting"),
        trial("c", 0, 0, "failed"),
        trial("d", 0, 0, "running"),
    ]
    found = results_of(candidates("abcde"), trials)
    assert {group: [marks is not None for _, marks in sorted(by.items())] for group, by in found.items()} == {
        "a": [True, True, False],
        "b": [True],
        "c": [False],
        "d": [],
        "e": [],
    }


def test_only_a_candidate_that_stayed_at_chance_with_every_one_of_several_seeds_has_no_result() -> None:
    trials = [
        *(trial("a", seed, 10) for seed in range(2)),
        trial("b", 0, 10),
        trial("c", 0, 10),
        trial("c", 1, 90),
    ]
    found = results_of(candidates("abc"), trials, at_chance={"a0", "a1", "b0", "c0"})
    assert found["a"] == {0: None, 1: None}
    assert found["b"][0] is not None, "of one seed that may be chance"
    assert found["c"][0] is not None and found["c"][1] is not None


def test_what_the_base_learned_leaves_out_what_did_not() -> None:
    rows = [
        trial("base", 0, 80),
        trial("base", 1, 10),
        trial("base", 2, 0, "diverged"),
        trial("base", 3, 0, "waiting"),
    ]
    assert {seed: marks.mean() for seed, marks in learned(rows, {"base1"}).items()} == {0: 0.8}


def test_a_row_without_bits_is_not_yet_read() -> None:
    bare = replace(trial("a", 0, 80), correct=None)
    assert results_of(candidates("a"), [bare]) == {"a": {}}


@pytest.mark.parametrize("phi", [1, 2, 0.5])
def test_the_realised_triples_powers_are_what_was_built(phi: float) -> None:
    row = candidate("a", 1.2, phi, depth_factor=1.0, width_factor=1.3**phi, resolution_factor=0.9)
    assert realised_triple(row) == pytest.approx((1.0, 1.3, 1.0)), "what shrank is raised as unchanged"
