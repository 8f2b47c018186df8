"""Dense, the layer of DenseNet."""

from scaling_search.architecture.network import parts
from scaling_search.architecture.operations import Activation, Chain, Concat, Conv, Norm, Pool, Repeat
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale


def test_operators_in_order() -> None:
    operation = parts(baseline("densenet-121"))[2].operation
    assert isinstance(operation, Chain) and isinstance(operation.operations[0], Chain)
    norm, act, squeeze, pool, layer = operation.operations[0].operations
    assert isinstance(norm, Norm) and isinstance(act, Activation)
    assert isinstance(squeeze, Conv) and squeeze.features == 128
    assert pool == Pool(kind="average", kernel=2, stride=2, padding="valid")
    assert isinstance(layer, Concat) and layer.branches[0] == Chain()
    new = layer.branches[1]
    assert isinstance(new, Chain)
    assert [type(step) for step in new.operations] == [Norm, Activation, Conv, Norm, Activation, Conv]


def test_maps_are_the_papers() -> None:
    shapes = [part.outputs for part in parts(baseline("densenet-121"))]
    assert shapes[:-1] == [(56, 56, 64), (56, 56, 256), (28, 28, 512), (14, 14, 1024), (7, 7, 1024)]


def test_growing_layers_are_not_folded_into_a_loop() -> None:
    operation = parts(baseline("densenet-121"))[1].operation
    assert isinstance(operation, Chain)
    assert len(operation.operations) == 6
    assert not any(isinstance(step, Repeat) for step in operation.operations)


def test_other_published_depths_and_growth_rates() -> None:
    # torchvision: DenseNet-169 and DenseNet-201 differ in depth alone, 161 in growth rate and stem.
    dense = baseline("densenet-121")
    for depths, parameters in (((6, 12, 32, 32), 14_149_480), ((6, 12, 48, 32), 20_013_928)):
        stages = tuple(
            stage.model_copy(update={"depth": depth})
            for stage, depth in zip(dense.stages, depths, strict=True)
        )
        assert cost(dense.model_copy(update={"stages": stages})).parameters == parameters
    wide = scale(dense, width=1.5)
    stages = tuple(
        stage.model_copy(update={"depth": depth})
        for stage, depth in zip(wide.stages, (6, 12, 36, 24), strict=True)
    )
    assert cost(wide.model_copy(update={"stages": stages})).parameters == 28_681_000


def test_wider_is_the_growth_rate() -> None:
    wide = scale(baseline("densenet-121"), width=1.1, rounding=Rounding(divisor=1))
    assert wide.widths == (35, 35, 35, 35)
    assert parts(wide)[1].outputs[2] == 70 + 6 * 35


def test_compression_rounds_down() -> None:
    odd = scale(baseline("densenet-121"), width=1.1, rounding=Rounding(divisor=1))
    entering = parts(odd)[2].inputs[2]
    assert parts(odd)[2].outputs[2] == entering // 2 + 12 * 35
