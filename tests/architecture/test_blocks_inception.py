"""Inception, the module of GoogLeNet, and its auxiliary heads."""

import pytest

from scaling_search.architecture.blocks.inception import AuxiliaryHead, Inception
from scaling_search.architecture.blocks.pooled import Pooling
from scaling_search.architecture.network import Network, parts
from scaling_search.architecture.operations import Auxiliary, Chain, Concat, Conv, Pool
from scaling_search.architecture.toml import parse, write
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost
from scaling_search.errors import InputError
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale


def with_auxiliary_heads() -> Network:
    """Behind 4a and 4d, as in the paper: 5x5 mean pooling of stride 3, 128 channels, 1024 units."""
    google = baseline("googlenet")
    head = AuxiliaryHead(pool=Pooling(kind="average", kernel=5, stride=3))
    stages = tuple(
        stage.model_copy(update={"auxiliary": head}) if number in (2, 5) else stage
        for number, stage in enumerate(google.stages)
    )
    return google.model_copy(update={"stages": stages})


def test_operators_in_order() -> None:
    operation = parts(baseline("googlenet"))[1].operation
    assert isinstance(operation, Chain) and isinstance(operation.operations[0], Concat)
    shown = [
        [
            (step.features, step.kernel) if isinstance(step, Conv) else "pool"
            for step in branch.operations
            if isinstance(step, Conv | Pool)
        ]
        for branch in operation.operations[0].branches
        if isinstance(branch, Chain)
    ]
    assert shown == [[(64, 1)], [(96, 1), (128, 3)], [(16, 1), (32, 5)], ["pool", (32, 1)]]


def test_maps_are_the_papers() -> None:
    shapes = [part.outputs for part in parts(baseline("googlenet"))]
    assert shapes[:3] == [(28, 28, 192), (28, 28, 256), (14, 14, 480)]
    assert shapes[7:10] == [(7, 7, 832), (7, 7, 832), (7, 7, 1024)]


def test_pooling_branch_takes_what_is_left_of_the_width() -> None:
    last = baseline("googlenet").stages[-1]
    assert isinstance(last, Inception) and last.pooled == 128


def test_wider_scales_every_branch_and_the_width_is_their_sum() -> None:
    for divisor in (1, 8):
        wide = scale(baseline("googlenet"), width=1.37, rounding=Rounding(divisor=divisor))
        for stage in wide.stages:
            assert isinstance(stage, Inception)
            assert Inception.model_validate(stage.model_dump()) == stage
        assert [part.outputs[2] for part in parts(wide)][1:-1] == list(wide.widths)
    first = scale(baseline("googlenet"), width=2).stages[0]
    assert isinstance(first, Inception)
    assert (first.one, first.three, first.five, first.pooled) == (128, (192, 256), (32, 64), 64)


def test_a_width_that_leaves_the_pooling_branch_nothing_is_refused() -> None:
    text = write(baseline("googlenet")).replace("width = 256, one = 64", "width = 224, one = 64")
    with pytest.raises(InputError, match=r"stage 1: width 224.*other branches make 224 channels"):
        parse(text)


def test_auxiliary_heads_count_as_weights_but_not_as_multiply_adds() -> None:
    google, trained = cost(baseline("googlenet")), cost(with_auxiliary_heads())
    # 4x4 maps: 1x1 convolution to 128, dense to 1024, dense to 1000, on 512 and on 528 channels.
    extra = [c * 128 + 128 + 16 * 128 * 1024 + 1024 + 1024 * 1000 + 1000 for c in (512, 528)]
    assert trained.parameters - google.parameters == sum(extra)
    assert trained.parameters == 13_378_280  # the published Caffe model with its auxiliary heads
    assert (trained.macs, trained.activations) == (google.macs, google.activations)


def test_auxiliary_heads_stand_behind_4a_and_4d_and_survive_writing() -> None:
    network = with_auxiliary_heads()
    assert parse(write(network)) == network
    found = [
        part.label
        for part in parts(network)
        if isinstance(part.operation, Chain)
        and isinstance(behind := part.operation.operations[-1], Chain)
        and any(isinstance(step, Auxiliary) for step in behind.operations)
    ]
    assert found == ["stage 3", "stage 6"]


def test_auxiliary_heads_scale_with_the_width() -> None:
    stage = scale(with_auxiliary_heads(), width=0.5).stages[2]
    assert isinstance(stage, Inception) and stage.auxiliary is not None
    assert (stage.auxiliary.width, stage.auxiliary.hidden) == (64, 512)
