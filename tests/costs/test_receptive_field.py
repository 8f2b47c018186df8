"""Receptive fields against published ones and against the definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.architecture.operations import (
    Auxiliary,
    Chain,
    Concat,
    Conv,
    Dense,
    Gate,
    GlobalPool,
    Mean,
    Operation,
    Pool,
    Repeat,
    Residual,
)
from scaling_search.baselines.load import baseline
from scaling_search.costs.layers import layers
from scaling_search.costs.receptive_field import Field, receptive_field

SHAPE = (64, 64, 8)


def field(*operations: Operation) -> Field:
    return receptive_field(Chain(operations), SHAPE, Field())


# The table of Araujo et al. 2019, last map before the head.
@pytest.mark.parametrize(("name", "size"), [("alexnet", 195), ("vgg-16", 212), ("mobilenetv1", 315)])
def test_published_networks(name: str, size: int) -> None:
    assert layers(baseline(name))[-2].receptive_field == size


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 2)), min_size=1, max_size=5))
def test_chain_is_the_sum_of_its_windows(windows: list[tuple[int, int]]) -> None:
    found = field(*(Conv(features=8, kernel=kernel, stride=stride) for kernel, stride in windows))
    size, jump = 1, 1
    for kernel, stride in windows:
        size, jump = size + (kernel - 1) * jump, jump * stride
    assert found == Field(size=size, jump=jump)


def test_where_paths_meet_the_largest_counts() -> None:
    small, large = Conv(features=8, kernel=3), Conv(features=8, kernel=7)
    assert field(Residual(branch=large)).size == 7
    assert field(Residual(branch=small, shortcut=large)).size == 7
    assert field(Mean(branches=(small, large))).size == 7
    assert field(Concat(branches=(large, small))).size == 7
    assert field(Concat(branches=(Chain(), Conv(features=4, kernel=5)), split=True)).size == 5


def test_a_gate_and_an_auxiliary_head_widen_nothing() -> None:
    everything = Chain((GlobalPool(), Conv(features=8)))
    assert field(Gate(branch=everything)).size == 1
    assert field(Auxiliary(branch=Chain((GlobalPool(), Dense(features=2))), weight=1.0)).size == 1


def test_a_repeat_is_its_copies_in_a_row() -> None:
    block = Conv(features=8, kernel=3)
    assert field(Repeat(operation=block, drop_rates=(0.0,) * 4)) == field(*[block] * 4) == Field(size=9)


def test_a_global_mean_sees_the_whole_map() -> None:
    pooled = field(Pool(kind="max", kernel=2, stride=2), GlobalPool())
    assert pooled.size == 2 + 31 * 2
