"""MBConv and Fused-MBConv: operators in order, residuals where shapes agree, the squeeze of the input."""

from __future__ import annotations

import pytest

from scaling_search.architecture.block import Style
from scaling_search.architecture.blocks.mbconv import FusedMBConv, MBConv
from scaling_search.architecture.operations import Chain, Conv, Gate, Norm, Operation, Residual
from scaling_search.costs.count import count

STYLE = Style(activation="silu", norm=Norm(), padding="same", classes=10)


def convolutions(operation: Operation) -> list[tuple[int, int, int, int]]:
    """(features, kernel, stride, groups) of every convolution outside gates, in order."""
    match operation:
        case Conv():
            return [(operation.features, operation.kernel, operation.stride, operation.groups)]
        case Chain():
            return [found for step in operation.operations for found in convolutions(step)]
        case Residual():
            return convolutions(operation.branch)
    return []


def gate(operation: Operation) -> Gate | None:
    steps = operation.branch if isinstance(operation, Residual) else operation
    assert isinstance(steps, Chain)
    return next((step for step in steps.operations if isinstance(step, Gate)), None)


def test_mbconv_expands_filters_and_projects() -> None:
    stage = MBConv(block="mbconv", width=24, kernel=5, expand=6)
    operation = stage.operation(inputs=16, stride=2, drop_rate=0.2, style=STYLE)
    assert convolutions(operation) == [(96, 1, 1, 1), (96, 5, 2, 96), (24, 1, 1, 1)]
    assert not isinstance(operation, Residual)
    assert gate(operation) is None


def test_mbconv_without_expansion_starts_with_the_depthwise_convolution() -> None:
    operation = MBConv(block="mbconv", width=16, expand=1).operation(
        inputs=32, stride=1, drop_rate=0.0, style=STYLE
    )
    assert convolutions(operation) == [(32, 3, 1, 32), (16, 1, 1, 1)]


def test_the_squeeze_is_of_the_input_and_never_nothing() -> None:
    for inputs, squeezed in [(24, 6), (3, 1), (30, 7)]:
        stage = MBConv(block="mbconv", width=inputs, squeeze=0.25)
        operation = stage.operation(inputs=inputs, stride=1, drop_rate=0.0, style=STYLE)
        found = gate(operation)
        assert found is not None
        assert [c[0] for c in convolutions(found.branch)] == [squeezed, 6 * inputs]


@pytest.mark.parametrize(("inputs", "stride", "residual"), [(24, 1, True), (24, 2, False), (16, 1, False)])
def test_a_residual_only_where_shapes_agree(inputs: int, stride: int, residual: bool) -> None:
    for stage in (MBConv(block="mbconv", width=24), FusedMBConv(block="fused-mbconv", width=24)):
        operation = stage.operation(inputs=inputs, stride=stride, drop_rate=0.3, style=STYLE)
        assert isinstance(operation, Residual) == residual
        if isinstance(operation, Residual):
            assert operation.drop_rate == 0.3


def test_fused_mbconv_is_one_convolution_without_expansion() -> None:
    stage = FusedMBConv(block="fused-mbconv", width=24, expand=1)
    assert convolutions(stage.operation(inputs=32, stride=2, drop_rate=0.0, style=STYLE)) == [(24, 3, 2, 1)]
    stage = FusedMBConv(block="fused-mbconv", width=48, expand=4)
    operation = stage.operation(inputs=24, stride=2, drop_rate=0.0, style=STYLE)
    assert convolutions(operation) == [(96, 3, 2, 1), (48, 1, 1, 1)]


def test_fused_mbconv_squeezes_where_asked() -> None:
    for expand, channels in [(1, 24), (4, 96)]:
        stage = FusedMBConv(block="fused-mbconv", width=24, expand=expand, squeeze=0.25)
        found = gate(stage.operation(inputs=24, stride=1, drop_rate=0.0, style=STYLE))
        assert found is not None
        assert [c[0] for c in convolutions(found.branch)] == [6, channels]


def test_without_a_norm_convolutions_have_a_bias() -> None:
    bare = Style(activation="silu", norm=None, padding="same", classes=10)
    stage = MBConv(block="mbconv", width=16, expand=1)
    counted, _ = count(stage.operation(inputs=8, stride=1, drop_rate=0.0, style=bare), (4, 4, 8))
    assert (counted.parameters, counted.batch_stats) == (9 * 8 + 8 + 8 * 16 + 16, 0)
