"""Mlpconv, the layer of Network in Network."""

from scaling_search.architecture.blocks.mlpconv import Mlpconv
from scaling_search.architecture.network import parts
from scaling_search.architecture.operations import Chain, Conv, Dropout, Pool
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost
from scaling_search.scaling.scale import scale


def test_operators_in_order() -> None:
    operation = parts(baseline("network-in-network"))[0].operation
    assert isinstance(operation, Chain)
    block, behind = operation.operations
    assert isinstance(block, Chain) and isinstance(behind, Chain)
    convs = [step for step in block.operations if isinstance(step, Conv)]
    assert [(conv.features, conv.kernel) for conv in convs] == [(192, 5), (160, 1), (96, 1)]
    assert [type(step) for step in behind.operations] == [Pool, Dropout]


def test_maps_round_up_as_in_the_authors_model() -> None:
    assert [part.outputs[0] for part in parts(baseline("network-in-network"))] == [16, 8, 8, 1]


def test_wider_scales_every_convolution() -> None:
    stage = scale(baseline("network-in-network"), width=0.5).stages[0]
    assert isinstance(stage, Mlpconv)
    assert (stage.inner, stage.width) == ((96, 80), 48)


def test_deeper_adds_mlpconv_layers_before_the_pooling() -> None:
    nin, deep = baseline("network-in-network"), scale(baseline("network-in-network"), depth=2)
    assert [part.outputs for part in parts(deep)] == [part.outputs for part in parts(nin)]
    extra = 25 * 96 * 192 + 192 + 192 * 160 + 160 + 160 * 96 + 96  # stage 1, on its own 96 channels
    extra += 25 * 192 * 192 + 192 + 2 * (192 * 192 + 192)
    extra += 9 * 192 * 192 + 192 + 192 * 192 + 192
    assert cost(deep).parameters - cost(nin).parameters == extra
