"""Fire, the module of SqueezeNet."""

import pytest

from scaling_search.architecture.blocks.fire import Fire
from scaling_search.architecture.network import parts
from scaling_search.architecture.operations import Chain, Concat, Conv
from scaling_search.architecture.toml import parse
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost, costs_by_part
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale


def test_operators_in_order() -> None:
    operation = parts(baseline("squeezenet-1.0"))[3].operation
    assert isinstance(operation, Chain) and isinstance(operation.operations[0], Chain)
    squeeze, _, expand = operation.operations[0].operations
    assert squeeze == Conv(features=32, bias=True, padding="symmetric")
    assert isinstance(expand, Concat)
    assert [branch.operations[0] for branch in expand.branches if isinstance(branch, Chain)] == [
        Conv(features=128, bias=True, padding="symmetric"),
        Conv(features=128, kernel=3, bias=True, padding=1),
    ]


def test_maps_are_the_papers() -> None:
    assert [part.outputs[0] for part in parts(baseline("squeezenet-1.0"))][:-1] == [
        54,
        54,
        27,
        27,
        27,
        13,
        13,
    ]


def test_fire_2_and_3_have_the_parameters_of_the_papers_table() -> None:
    _, counted = costs_by_part(baseline("squeezenet-1.0"))[1]
    # Table 1 of the paper, before compression: 11,920 and 12,432 parameters.
    assert counted.parameters == 11_920 + 12_432


def test_wider_scales_squeeze_and_expand() -> None:
    stage = scale(baseline("squeezenet-1.0"), width=1.5).stages[0]
    assert isinstance(stage, Fire)
    assert (stage.squeeze, stage.width) == (24, 192)


@pytest.mark.parametrize("factor", [0.01, 0.33, 1.013])
def test_any_width_builds_odd_ones_included(factor: float) -> None:
    small = scale(baseline("squeezenet-1.0"), width=factor, rounding=Rounding(divisor=1))
    assert [part.outputs[2] for part in parts(small)][1:-1] == list(small.widths)


def test_with_a_norm_every_convolution_has_one() -> None:
    network = parse(
        'name = "n"\nresolution = 16\nactivation = "relu"\nclasses = 2\n'
        'stages = [{ block = "fire", width = 8, squeeze = 2 }]\nhead = {}\n'
    )
    # squeeze 3*2, expansions 2*4 and 9*2*4, norms of 2, 4 and 4 channels, dense 8*2 + 2
    assert cost(network).parameters == 6 + 8 + 72 + 2 * (2 + 4 + 4) + 18
    assert cost(network).batch_stats == 20
