"""Residual blocks, with activation behind and in front; groups; and MobileNetV1's separable block."""

from __future__ import annotations

import pytest

from scaling_search.architecture.block import Rounder, Style
from scaling_search.architecture.blocks.preact import PreactBasic, PreactBottleneck
from scaling_search.architecture.blocks.resnet import Basic, Bottleneck
from scaling_search.architecture.blocks.separable import Separable
from scaling_search.architecture.operations import Activation, Chain, Conv, Dropout, Norm, Operation, Residual
from scaling_search.architecture.shapes import output_shape
from scaling_search.architecture.toml import parse
from scaling_search.costs.count import count
from scaling_search.errors import InputError
from scaling_search.scaling.rounding import round_width

STYLE = Style(activation="relu", norm=Norm(), padding="symmetric", classes=10)


def rounder(factor: float, divisor: int) -> Rounder:
    def rounded(base: int, *, multiple: int = 1) -> int:
        step = divisor * multiple
        return round_width(base * factor, step)

    return rounded


def kinds(operation: Operation) -> str:
    """C convolution, N norm, A activation, D dropout, in order."""
    letters = {Conv: "C", Norm: "N", Activation: "A", Dropout: "D"}
    if isinstance(operation, Chain):
        return "".join(kinds(step) for step in operation.operations)
    return letters.get(type(operation), "?")


def residual(operation: Operation) -> Residual:
    if isinstance(operation, Residual):
        return operation
    assert isinstance(operation, Chain)
    return next(step for step in operation.operations if isinstance(step, Residual))


def test_basic_and_bottleneck_activate_behind_the_addition() -> None:
    for stage, order in [
        (Basic(block="basic", width=64), "CNACN"),
        (Bottleneck(block="bottleneck", width=64, inner=16), "CNACNACN"),
    ]:
        operation = stage.operation(inputs=64, stride=1, drop_rate=0.1, style=STYLE)
        assert isinstance(operation, Chain)
        assert kinds(operation.operations[-1]) == "A"
        assert kinds(residual(operation).branch) == order
        assert residual(operation).shortcut == Chain()


@pytest.mark.parametrize(("inputs", "stride"), [(32, 1), (64, 2)])
def test_the_shortcut_is_projected_where_shapes_differ(inputs: int, stride: int) -> None:
    for stage in (Basic(block="basic", width=64), Bottleneck(block="bottleneck", width=64, inner=16)):
        operation = stage.operation(inputs=inputs, stride=stride, drop_rate=0.0, style=STYLE)
        assert kinds(residual(operation).shortcut) == "CN"
        assert output_shape(operation, (8, 8, inputs)) == (8 // stride, 8 // stride, 64)


def test_preactivation_normalises_in_front() -> None:
    identity = PreactBottleneck(block="preact-bottleneck", width=64, inner=16).operation(
        inputs=64, stride=1, drop_rate=0.0, style=STYLE
    )
    assert isinstance(identity, Residual)  # nothing but the sum on the way through
    assert kinds(identity.branch) == "NACNACNAC"
    assert identity.shortcut == Chain()
    strided = PreactBasic(block="preact-basic", width=64, dropout=0.3).operation(
        inputs=32, stride=2, drop_rate=0.0, style=STYLE
    )
    assert isinstance(strided, Chain)
    assert kinds(strided) == "NA?"  # shared by branch and shortcut
    assert kinds(residual(strided).branch) == "CNADC"
    assert kinds(residual(strided).shortcut) == "C"


def test_the_squeeze_is_of_the_output() -> None:
    plain = Bottleneck(block="bottleneck", width=256, inner=64)
    squeezed = Bottleneck(block="bottleneck", width=256, inner=64, squeeze=0.0625)
    extra = [
        count(stage.operation(inputs=256, stride=1, drop_rate=0.0, style=STYLE), (7, 7, 256))[0].parameters
        for stage in (plain, squeezed)
    ]
    assert extra[1] - extra[0] == 256 * 16 + 16 + 16 * 256 + 256


@pytest.mark.parametrize("factor", [0.05, 0.3, 0.9, 1.1, 1.7])
@pytest.mark.parametrize("divisor", [1, 8])
def test_inner_widths_stay_multiples_of_the_groups(factor: float, divisor: int) -> None:
    stage = Bottleneck(block="bottleneck", width=256, inner=128, groups=32).wider(rounder(factor, divisor))
    assert stage.groups == 32
    assert stage.inner % 32 == 0
    output_shape(stage.operation(inputs=64, stride=1, drop_rate=0.0, style=STYLE), (4, 4, 64))


def test_groups_that_do_not_divide_are_named_with_stage_and_key() -> None:
    table = """
name = "x"
resolution = 32
activation = "relu"
stages = [
  { block = "basic", width = 8 },
  { block = "bottleneck", width = 64, inner = 50, groups = 32 },
]
head = {}
"""
    with pytest.raises(
        InputError, match=r"stage 2.*inner = 50 is no multiple of groups \(32\): use 32 or 64"
    ):
        parse(table)


def test_separable_is_depthwise_then_pointwise() -> None:
    stage = Separable(block="separable", width=64, kernel=5)
    operation = stage.operation(inputs=32, stride=2, drop_rate=0.0, style=STYLE)
    assert kinds(operation) == "CNACNA"
    counted, shape = count(operation, (8, 8, 32))
    assert shape == (4, 4, 64)
    assert counted.macs == 16 * (25 * 32 + 32 * 64)


def test_wider_and_deeper() -> None:
    double = rounder(2.0, 8)
    assert Basic(block="basic", width=16).wider(double).width == 32
    assert Separable(block="separable", width=16).wider(double).width == 32
    assert PreactBottleneck(block="preact-bottleneck", width=64, inner=16).wider(double).inner == 32
    assert Basic(block="basic", depth=2, width=16).deeper(lambda depth: 3 * depth).depth == 6
