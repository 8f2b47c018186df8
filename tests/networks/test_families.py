"""Every built-in network builds as counted, and every kind of block takes a step with finite gradients."""

from __future__ import annotations

import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_search.architecture.block import Stage
from scaling_search.architecture.network import Network
from scaling_search.baselines.load import baseline, names
from scaling_search.costs.count import cost
from scaling_search.errors import InputError
from scaling_search.networks.build import build
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.scale import scale

SIDE = 16
# Compiling is what these tests pay for, and the compiler's own work is not what they test.
FAST_COMPILE = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def structure(stage: Stage, network: Network) -> str:
    """The operations of one block without their numbers: what kind of block this is."""
    block = stage.operation(inputs=stage.width, stride=1, drop_rate=0.0, style=network.style)
    return re.sub(r"[\d.]+", "#", repr(block).replace("groups=1,", ""))


def each_kind() -> list[str]:
    """The networks that have a kind of block that none before them has."""
    seen: set[str] = set()
    found = []
    for name in names():
        network = baseline(name)
        kinds = {structure(stage, network) for stage in network.stages}
        if kinds - seen:
            found.append(name)
        seen |= kinds
    return found


def shortened(network: Network) -> Network:
    """One block a stage, one stage of each kind (and the last, where all are of one kind); all an eighth as wide."""
    kinds: dict[str, Stage] = {}
    for stage in network.stages:
        kinds.setdefault(structure(stage, network), stage)
    kept = list(kinds.values())
    if len(kept) == 1 and len(network.stages) > 1:
        kept.append(network.stages[-1])
    small = scale(network.model_copy(update={"stages": tuple(kept)}), depth=0.01, width=0.125)
    side = SIDE
    while True:
        try:
            return proxy(small, resolution=side, channels=3, classes=4)
        except InputError:
            if side > 64:
                raise
            side *= 2


def sizes(tree: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", names())
def test_the_built_network_has_the_counted_parameters(name: str) -> None:
    network = baseline(name)
    params, batch_stats = jax.eval_shape(build(network, platform="cpu").init, jax.random.key(0))
    counted = cost(network)
    assert (sizes(params), sizes(batch_stats)) == (counted.parameters, counted.batch_stats)


@pytest.mark.parametrize("name", each_kind())
def test_a_step_has_finite_gradients(name: str) -> None:
    network = shortened(baseline(name))
    model = build(network, platform="cpu")
    params, batch_stats = model.init(jax.random.key(0))
    counted = cost(network)
    assert (sizes(params), sizes(batch_stats)) == (counted.parameters, counted.batch_stats)
    random = np.random.default_rng(0)
    side = network.resolution
    images = random.normal(size=(2, side, side, network.channels)).astype(np.float32)

    def loss(params: Any, batch_stats: Any, images: jax.Array) -> tuple[jax.Array, Any]:
        logits, after = model.apply(params, batch_stats, images, train=True, key=jax.random.key(0))
        return jnp.mean((logits - 1) ** 2), after

    step = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=FAST_COMPILE)
    # On the host: jax would compile a comparison for every shape.
    batch_stats, (value, after), gradients = jax.device_get((batch_stats, *step(params, batch_stats, images)))
    assert np.isfinite(value)
    assert str(jax.tree.structure(gradients)) == str(jax.tree.structure(params))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((gradients, after)))
    moving = [np.any(leaf) for leaf in jax.tree.leaves(gradients)]
    assert np.mean(moving) > 0.5, "more than half of the weights get no gradient at all"
    if jax.tree.leaves(batch_stats):
        changed = jax.tree.map(lambda old, new: np.any(old != new), batch_stats, after)
        assert all(jax.tree.leaves(changed))
