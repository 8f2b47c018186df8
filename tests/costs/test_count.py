"""The count's properties: parts add up, a repeat is its copies, more pixels never cost less."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_search.architecture.network import operation_tree, parts
from scaling_search.architecture.operations import (
    Activation,
    Chain,
    ChannelShuffle,
    Concat,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Gate,
    GlobalPool,
    LocalResponseNorm,
    Mean,
    Norm,
    Operation,
    Pool,
    Repeat,
    Residual,
)
from scaling_search.baselines.load import baseline, names
from scaling_search.costs.count import FREE, Cost, cost, costs_by_part, count


@pytest.mark.parametrize(
    ("operation", "shape", "parameters", "macs", "activations"),
    [
        # 3*3*4/2*8 weights on a 5x5 map; with a bias 8 more, and one multiply-add per output element
        (Conv(features=8, kernel=3, stride=2, groups=2), (10, 10, 4), 144, 144 * 25, 200),
        (Conv(features=8, kernel=3, stride=2, groups=2, bias=True), (10, 10, 4), 152, 144 * 25 + 200, 200),
        (Conv(features=2, kernel=5, padding="valid"), (9, 7, 1), 50, 50 * 15, 30),
        (Norm(), (4, 4, 6), 12, 0, 0),
        (Dense(features=10), (1, 1, 7), 80, 80, 10),
        (Dense(features=10, bias=False), (1, 1, 7), 70, 70, 10),
        (Pool(kind="max", kernel=3, stride=2, padding=1), (8, 8, 3), 0, 0, 48),
        (GlobalPool(), (8, 8, 3), 0, 0, 0),
        (Flatten(), (2, 2, 3), 0, 0, 0),
        (Activation(kind="relu"), (8, 8, 3), 0, 0, 0),
        (LocalResponseNorm(), (8, 8, 3), 0, 0, 0),
        (Dropout(rate=0.5), (1, 1, 3), 0, 0, 0),
        (ChannelShuffle(groups=3), (2, 2, 6), 0, 0, 0),
    ],
)
def test_each_leaf(
    operation: Operation, shape: tuple[int, int, int], parameters: int, macs: int, activations: int
) -> None:
    found, _ = count(operation, shape)
    assert (found.parameters, found.macs, found.activations) == (parameters, macs, activations)


def test_combinators_sum_their_branches() -> None:
    conv, shape = Conv(features=4, kernel=3), (8, 8, 4)
    once, _ = count(conv, shape)
    for operation in (
        Residual(branch=conv, shortcut=conv),
        Mean(branches=(conv, conv)),
        Concat(branches=(conv, conv)),
        Chain((conv, conv)),
    ):
        twice, _ = count(operation, shape)
        assert (twice.parameters, twice.macs, twice.activations) == (
            2 * once.parameters,
            2 * once.macs,
            2 * once.activations,
        )
    gate, outputs = count(Gate(branch=chain_to_gate()), shape)
    assert outputs == shape
    assert gate.macs == 2 * (4 * 4 + 4)
    half, outputs = count(
        Concat(branches=(Chain(), Conv(features=2)), split=True), shape
    )  # the branch sees 2 of the 4 channels
    assert (half.parameters, outputs) == (4, shape)


def chain_to_gate() -> Operation:
    return Chain((GlobalPool(), Conv(features=4, bias=True), Conv(features=4, bias=True)))


@given(times=st.integers(1, 6), channels=st.integers(1, 8), side=st.integers(1, 9))
def test_a_repeat_costs_what_its_copies_cost(times: int, channels: int, side: int) -> None:
    block = Residual(branch=Chain((Conv(features=channels, kernel=3), Norm(), Activation(kind="relu"))))
    shape = (side, side, channels)
    repeated = count(Repeat(operation=block, drop_rates=(0.0,) * times), shape)
    assert repeated == count(Chain((block,) * times), shape)


@pytest.mark.parametrize("name", names())
def test_the_parts_add_up(name: str) -> None:
    network = baseline(name)
    total = FREE
    for _, part_cost in costs_by_part(network):
        total = total + part_cost
    assert total == cost(network)
    assert all(
        count(part.operation, part.inputs)[0] == part_cost for part, part_cost in costs_by_part(network)
    )


@pytest.mark.parametrize("name", names())
def test_shapes_join_from_part_to_part(name: str) -> None:
    network = baseline(name)
    found = parts(network)
    shape: tuple[int, int, int] = (network.resolution, network.resolution, network.channels)
    for part in found:
        assert part.inputs == shape
        shape = part.outputs
    assert count(operation_tree(network), found[0].inputs)[1] == shape == (1, 1, network.classes)


@pytest.mark.parametrize("name", names())
def test_more_pixels_never_cost_less(name: str) -> None:
    network = baseline(name)
    counted = [cost(network, network.resolution + step) for step in (0, 1, 33)]
    for smaller, larger in pairwise(counted):
        assert smaller.macs <= larger.macs
        assert smaller.activations <= larger.activations
        assert smaller.stored <= larger.stored
    assert counted[0].macs < counted[-1].macs


@settings(max_examples=20, deadline=None)
@given(side=st.integers(32, 400), step=st.integers(1, 64))
def test_macs_rise_with_resolution_and_parameters_do_not(side: int, step: int) -> None:
    network = baseline("efficientnet-b0")
    small, large = cost(network, side), cost(network, side + step)
    assert small.macs <= large.macs
    assert (small.parameters, small.batch_stats) == (large.parameters, large.batch_stats)


def test_cost_is_a_sum() -> None:
    some = Cost(1, 2, 3, 4, 5)
    assert some.times(3) == some + some + some
    assert some + FREE == some
