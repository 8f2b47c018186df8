"""Class activation maps against what defines them: averaged, and with the bias, they are the logit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from scaling_search.architecture.toml import parse
from scaling_search.networks.build import LOOP_FROM, build
from scaling_search.networks.maps import activation_maps

NETWORK = """
name = "small"
resolution = 8
channels = 1
classes = 3
activation = "silu"
stem = {{ width = 8 }}
stages = [{stages}]
head = {head}
"""
STAGES = {
    "batch norm": '{ block = "basic", width = 8 }',
    "a loop": f'{{ block = "basic", width = 8, depth = {LOOP_FROM + 1} }}',
    "gates": '{ block = "mbconv", width = 8, squeeze = 0.25 }',
}


@pytest.mark.parametrize("stages", STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("head", ["{}", "{ width = 16 }"])
def test_the_mean_of_a_map_and_the_bias_are_the_logit(stages: str, head: str) -> None:
    network = parse(NETWORK.format(stages=stages, head=head))
    model = build(network, platform="cpu")
    params, batch_stats = jax.tree.map(jnp.asarray, model.init(jax.random.key(3)))
    images = jax.random.normal(jax.random.key(1), (4, 8, 8, 1))
    expected, _ = model.apply(params, batch_stats, images, train=False, key=jax.random.key(0))

    classes = jnp.array([0, 1, 2, 1])
    maps, logits = activation_maps(network, platform="cpu")(params, batch_stats, images, classes)
    assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    assert maps.shape == (4, 4, 4) and float(jnp.std(maps)) > 0
    # Biases begin at 0.
    chosen = np.take_along_axis(np.asarray(logits), np.asarray(classes)[:, None], axis=1)[:, 0]
    assert_allclose(np.asarray(maps).mean(axis=(1, 2)), chosen, rtol=1e-3, atol=1e-5)
