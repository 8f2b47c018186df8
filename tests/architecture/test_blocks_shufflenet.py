"""ShuffleNet units: what is split, shuffled, concatenated and added, and widths that their groups divide."""

from __future__ import annotations

import pytest

from scaling_search.architecture.block import Style
from scaling_search.architecture.blocks.shufflenet import ShuffleV1, ShuffleV2
from scaling_search.architecture.network import operation_tree
from scaling_search.architecture.operations import Chain, ChannelShuffle, Concat, Norm, Operation, Residual
from scaling_search.architecture.shapes import output_shape
from scaling_search.architecture.toml import parse
from scaling_search.errors import InputError
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale

STYLE = Style(activation="relu", norm=Norm(), padding="symmetric", classes=10)
V1 = ShuffleV1(block="shuffle-v1", width=240, groups=3)
V2 = ShuffleV2(block="shuffle-v2", width=116)


def first(operation: Operation) -> Operation:
    assert isinstance(operation, Chain)
    return operation.operations[0]


def test_v1_adds_where_it_keeps_the_shape_and_concatenates_where_it_strides() -> None:
    kept = V1.operation(inputs=240, stride=1, drop_rate=0.2, style=STYLE)
    assert isinstance(first(kept), Residual)
    strided = V1.operation(inputs=24, stride=2, drop_rate=0.0, style=STYLE)
    joined = first(strided)
    assert isinstance(joined, Concat)
    assert [output_shape(branch, (8, 8, 24))[2] for branch in joined.branches] == [24, 216]
    assert output_shape(strided, (8, 8, 24)) == (4, 4, 240)


@pytest.mark.parametrize(("inputs", "stride"), [(240, 2), (480, 1), (480, 2), (24, 1)])
def test_v1_keeps_its_width_whatever_comes_in(inputs: int, stride: int) -> None:
    operation = V1.operation(inputs=inputs, stride=stride, drop_rate=0.0, style=STYLE)
    assert output_shape(operation, (8, 8, inputs)) == (8 // stride, 8 // stride, 240)


def test_v1_shuffles_between_its_grouped_convolutions() -> None:
    residual = first(V1.operation(inputs=240, stride=1, drop_rate=0.0, style=STYLE))
    assert isinstance(residual, Residual)
    assert isinstance(residual.branch, Chain)
    assert ChannelShuffle(groups=3) in residual.branch.operations


def test_v2_splits_in_halves_and_shuffles() -> None:
    kept = V2.operation(inputs=116, stride=1, drop_rate=0.0, style=STYLE)
    joined = first(kept)
    assert isinstance(joined, Concat)
    assert joined.split
    assert joined.branches[0] == Chain()
    assert isinstance(kept, Chain)
    assert kept.operations[-1] == ChannelShuffle(groups=2)
    strided = first(V2.operation(inputs=24, stride=2, drop_rate=0.0, style=STYLE))
    assert isinstance(strided, Concat)
    assert not strided.split
    assert [output_shape(branch, (8, 8, 24)) for branch in strided.branches] == [(4, 4, 58), (4, 4, 58)]


TABLE = """
name = "x"
resolution = 32
activation = "relu"
stem = {{ width = 24, stride = 1, multiple = 3 }}
stages = [
  {{ block = "{block}", depth = 2, width = {width}, stride = 2{options} }},
]
head = {{}}
"""


def test_widths_that_cannot_be_split_are_named_with_stage_and_key() -> None:
    with pytest.raises(InputError, match=r"stage 1.*width = 116 is no multiple of 4 \* groups \(12\)"):
        parse(TABLE.format(block="shuffle-v1", width=116, options=", groups = 3"))
    with pytest.raises(InputError, match=r"stage 1.*width = 115 is no multiple of its branches \(2\)"):
        parse(TABLE.format(block="shuffle-v2", width=115, options=""))


@pytest.mark.parametrize("divisor", [1, 3, 8])
@pytest.mark.parametrize("factor", [0.01, 0.1, 0.37, 1.1, 1.9])
def test_scaled_widths_can_always_be_split(divisor: int, factor: float) -> None:
    for network in (
        parse(TABLE.format(block="shuffle-v1", width=240, options=", groups = 3")),
        parse(TABLE.format(block="shuffle-v2", width=116, options="")),
    ):
        scaled = scale(network, width=factor, rounding=Rounding(divisor=divisor))
        assert output_shape(operation_tree(scaled), (32, 32, 3)) == (1, 1, 1000)
