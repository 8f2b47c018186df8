"""Plain convolutions, stems of layers, flattening and map heads."""

import pytest

from scaling_search.architecture.network import Network, fingerprint, parts
from scaling_search.architecture.operations import (
    Activation,
    Chain,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalPool,
    LocalResponseNorm,
    Operation,
    Pool,
    Repeat,
)
from scaling_search.architecture.toml import parse, write
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost
from scaling_search.errors import InputError
from scaling_search.scaling.proxy import without_first_stride
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale


def leaves(operation: Operation) -> list[Operation]:
    assert isinstance(operation, Chain)
    return [
        leaf
        for step in operation.operations
        for leaf in (leaves(step) if isinstance(step, Chain) else [step])
    ]


def network(stages: str, *, head: str = "{}", extra: str = "") -> Network:
    return parse(
        f'name = "n"\nresolution = 32\nactivation = "relu"\nnorm = "none"\npadding = "symmetric"\n{extra}\n'
        f"stages = [{stages}]\nhead = {head}\n"
    )


def test_alexnet_maps_are_the_papers() -> None:
    shapes = [part.outputs for part in parts(baseline("alexnet"))]
    assert shapes == [(27, 27, 96), (13, 13, 256), (13, 13, 384), (13, 13, 384), (6, 6, 256), (1, 1, 1000)]


def test_alexnet_first_layer_is_convolution_activation_response_norm_pooling() -> None:
    steps = leaves(parts(baseline("alexnet"))[0].operation)
    assert [type(step) for step in steps] == [Conv, Activation, LocalResponseNorm, Pool]
    assert steps[0] == Conv(features=96, kernel=11, stride=4, bias=True, padding="valid")
    # The paper's alpha multiplies the sum over 5 neighbours, ours their mean.
    assert steps[2] == LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2.0)


def test_zfnet_pools_before_it_normalises_and_has_the_papers_maps() -> None:
    found = parts(baseline("zfnet"))
    assert [type(step) for step in leaves(found[0].operation)] == [Conv, Activation, Pool, LocalResponseNorm]
    assert [part.outputs[0] for part in found] == [55, 13, 13, 6, 1]


def test_lenet_maps_are_the_papers() -> None:
    shapes = [part.outputs for part in parts(baseline("lenet-5"))]
    assert shapes == [(14, 14, 6), (5, 5, 16), (1, 1, 120), (1, 1, 10)]


def test_deeper_repeats_the_convolution_and_keeps_map_and_pooling() -> None:
    lenet = scale(baseline("lenet-5"), depth=3)
    stage = leaves(parts(lenet)[1].operation)
    assert parts(lenet)[1].outputs == (5, 5, 16)
    assert isinstance(stage[2], Repeat) and len(stage[2].drop_rates) == 2
    assert isinstance(stage[3], Pool)


def test_wider_keeps_groups_and_the_groups_of_the_next_stage() -> None:
    for factor in (0.27, 1.13, 1.9):
        wide = scale(baseline("alexnet"), width=factor, rounding=Rounding(divisor=1))
        assert all(width % 2 == 0 for width in wide.widths)
        assert cost(wide).parameters > 0


def test_wider_scales_the_hidden_dense_layers() -> None:
    vgg = scale(baseline("vgg-16"), width=0.5)
    dense = [step for step in leaves(parts(vgg)[-1].operation) if isinstance(step, Dense)]
    assert [layer.features for layer in dense] == [2048, 2048, 1000]


def test_flatten_head_takes_any_resolution() -> None:
    vgg = baseline("vgg-16")
    assert parts(vgg, 256)[-1].inputs == (8, 8, 512)
    # 7x7 -> 8x8: 15 * 512 * 4096 more weights in the first dense layer, nothing else.
    assert cost(vgg, 256).parameters - cost(vgg).parameters == 15 * 512 * 4096


def test_flatten_head_operators_in_order() -> None:
    steps = leaves(parts(baseline("vgg-16"))[-1].operation)
    assert [type(step) for step in steps] == [
        Flatten, Dense, Activation, Dropout, Dense, Activation, Dropout, Dense,
    ]  # fmt: skip


def test_maps_head_operators_in_order() -> None:
    steps = leaves(parts(baseline("squeezenet-1.0"))[-1].operation)
    assert [type(step) for step in steps] == [Dropout, Conv, Activation, GlobalPool]


def test_strides_leave_from_the_front_stride_before_pooling() -> None:
    alexnet = baseline("alexnet")
    sides = []
    while (shorter := without_first_stride(alexnet)) is not None:
        alexnet = shorter
        sides.append(parts(alexnet, 64)[-1].inputs[0])
    assert sides == [5, 12, 26, 54]
    assert all(part.operation for part in parts(alexnet))


def test_without_a_norm_there_are_biases_with_one_there_are_none() -> None:
    plain = network('{ block = "plain", width = 8 }')
    assert cost(plain).parameters == 27 * 8 + 8 + 8 * 1000 + 1000
    normed = plain.model_copy(update={"norm": "batch"})
    assert cost(normed).parameters == 27 * 8 + 2 * 8 + 8 * 1000 + 1000


def test_groups_that_do_not_divide_name_the_stage() -> None:
    odd = network('{ block = "plain", width = 9 }, { block = "plain", width = 8, groups = 2 }')
    with pytest.raises(InputError, match=r"stage 2 \(plain\): 2 groups do not divide 9 input and 8 output"):
        parts(odd)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ('{ block = "plain", width = 8, squeeze = 2 }', "stage 1: unknown key 'squeeze'"),
        ('{ block = "plain", width = 8, pool = { kernel = 2, stirde = 2 } }', "did you mean 'stride'"),
        ('{ block = "plain", width = 8, pool = { kernel = "2" } }', r"stage 1\.pool\.kernel: .*whole number"),
        ('{ block = "plain", width = 8, padding = -1 }', "padding"),
    ],
)
def test_unknown_and_illegal_options_name_the_key(stage: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        network(stage)


def test_nested_tables_survive_writing() -> None:
    for name in ("alexnet", "zfnet", "googlenet"):
        known = baseline(name)
        assert parse(write(known)) == known
        assert fingerprint(parse(write(known))) == fingerprint(known)


def test_a_map_that_vanishes_names_resolution_and_stage() -> None:
    small = network('{ block = "plain", width = 8, pool = { kernel = 2 } }').model_copy(
        update={"resolution": 1}
    )
    with pytest.raises(InputError, match=r"n at 1 px: stage 1 \(plain\): a 2x2 window .* 1x1 map"):
        parts(small)
