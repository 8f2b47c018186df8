"""How fast networks are here: which are timed, what is remembered, and for what it serves again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from scaling_search.search.forecast import probe, timing_cache
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import override
from scaling_search.search.trial.setup import load_data
from tests.search.forecast.rows import calibrated, timing
from tests.search.pretend import PretendNetworks, planned, study


def networks() -> PretendNetworks:
    space = search_space(study())
    return PretendNetworks(dataset=load_data(study()), recipe=space.recipe, should_stop=lambda: False)


def test_what_is_measured_will_be_trained_anyway() -> None:
    alike = planned()
    (one,) = probe.probes(alike.networks)
    assert one in alike.networks
    apart = planned(study(match="nominal", tolerance=1.0))
    costs = [row.cost.macs for row in apart.networks]
    assert max(costs) > 1.5 * min(costs)
    assert [row.cost.macs for row in probe.probes(apart.networks)] == [min(costs), max(costs)]


@pytest.mark.parametrize(
    ("block", "gain", "kept"), [(1, 9.0, (1, 1.0)), (2, 3.0, (2, 3.0)), (4, 0.5, (3, 1.0))]
)
def test_measuring_finds_what_seeds_in_a_batch_gain(
    block: int, gain: float, kept: tuple[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def measured(_self: object, _network: object, seeds: int) -> float:
        asked.append(seeds)
        return gain

    timed = networks()
    monkeypatch.setattr(timed, "block", block)
    monkeypatch.setattr(PretendNetworks, "gain", measured)
    plan, said = planned(), list[str]()
    found = probe.measure(plan.space, plan.networks, timed, said.append, seeds=3)
    assert (found.block, found.gain) == kept
    assert asked == ([] if block == 1 else [kept[0]])
    assert probe.remembered(plan.space) == found
    assert [text.startswith("measuring: compiling ") for text in said] == [True] * len(found.timings)


def test_a_measurement_is_remembered_for_what_it_fits_and_forgotten_with_its_file(own_timings: Path) -> None:
    space = search_space(study())
    found = calibrated(timing("a", 10))
    path = timing_cache.path_of(space, space.base)
    timing_cache.keep(path, found)
    assert path.parent == own_timings
    assert probe.remembered(space) == found
    # The rates decide nothing, the batch does.
    for changes, same in (
        ({"recipe.epochs": 9, "recipe.learning_rate": 0.1}, True),
        ({"recipe.batch_size": 32}, False),
    ):
        assert (probe.remembered(search_space(override(study(), changes))) == found) == same
    timing_cache.keep(path, calibrated(timing("a", 10, compile_seconds=1.0, step_seconds=0.5)))
    # Its program was in the cache by then; those of the others are not.
    again = probe.remembered(space)
    assert again is not None and again.timings == (timing("a", 10, compile_seconds=10.0, step_seconds=0.5),)
    for damage in ("", "[]", '{"timings": []}', '{"timings": [{}]}', '{"timings": 3}'):
        path.write_text(damage)
        assert probe.remembered(space) is None


def test_a_measurement_is_a_basis_for_the_split_that_is_trained() -> None:
    """Of 1,438 images a fifth validates: 5 epochs of 17 steps of 64."""
    space = search_space(study())
    basis = probe.basis(space, calibrated(timing("a", 10)))
    assert basis.seconds("a", 10) == pytest.approx(1 + 5 * (17 * 0.1 + 288 * 0.01))
    longer = dataclasses.replace(space, recipe=space.recipe.model_copy(update={"epochs": 10}))
    assert probe.basis(longer, calibrated(timing("a", 10))).seconds("a", 10) > basis.seconds("a", 10)
