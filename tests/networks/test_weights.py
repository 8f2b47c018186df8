"""Weights layer by layer and back, and the plain formulation against the others."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from scaling_search.architecture.operations import Conv, Dense, Norm
from scaling_search.baselines.load import baseline
from scaling_search.export.layers import layers
from scaling_search.export.reference import logits, noise
from scaling_search.networks.build import build
from scaling_search.networks.weights import stack, unstack
from tests.export.cases import case, relative, small


@pytest.mark.parametrize("name", ["efficientnet-b4", "preact-resnet-164", "fractalnet", "googlenet"])
def test_layers_come_in_the_order_of_the_tree_and_go_back(name: str) -> None:
    network = baseline(name)
    trees = build(network, platform="cpu").init(jax.random.key(0))
    found = unstack(network, *trees)
    for layer, arrays in zip(layers(network), found, strict=True):
        channels = layer.inputs[2]
        match layer.operation:
            case Conv() as conv:
                kernel = (conv.kernel, conv.kernel, channels // conv.groups, conv.features)
                assert arrays["kernel"].shape == kernel and ("bias" in arrays) == conv.bias
            case Dense() as dense:
                assert arrays["kernel"].shape == (channels, dense.features)
            case Norm():
                assert {array.shape for array in arrays.values()} == {(channels,)} and len(arrays) == 4
    again = stack(network, found)
    assert jax.tree.structure(again) == jax.tree.structure(trees)
    assert all(map(np.array_equal, jax.tree.leaves(again), jax.tree.leaves(trees)))


def test_names_are_unique() -> None:
    names = [layer.name for layer in layers(baseline("fractalnet"))]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["mobilenetv2", "shufflenetv1-1.0", "lenet-5", "resnext-50-32x4d"])
def test_the_plain_formulation_is_exact_in_float64_and_close_in_float32(name: str) -> None:
    network = small(name)
    stages = tuple(stage.model_copy(update={"depth": min(stage.depth, 2)}) for stage in network.stages[:2])
    given = case(network.model_copy(update={"stages": stages}))
    double = logits(given.network, *given.trees, given.images, double=True)
    assert double.dtype == np.float64 and relative(double, given) < 1e-11
    single = logits(given.network, *given.trees, given.images)
    assert single.dtype == np.float32 and relative(single, given) < 1e-5


def test_images_come_in_groups_and_in_their_order() -> None:
    given = case(small("lenet-5"), count=5)
    large = given.network.model_copy(update={"resolution": 200})
    trees = build(large, platform="plain").init(jax.random.key(0))
    images = noise(large, 2, 5)
    together = logits(large, *trees, images)
    apart = np.concatenate([logits(large, *trees, image[None]) for image in images])
    assert np.allclose(together, apart, atol=1e-4)
