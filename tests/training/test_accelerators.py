"""The program for a GPU or TPU without one: what it computes in, what it hands over, what it gives."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_search.baselines.load import load
from scaling_search.networks.build import build
from scaling_search.scaling.scale import scale
from scaling_search.training import recipe, steps

# B0's stem and second stage with their strides, on odd sides: 13, 7, 4 pixels.
WHOLE = scale(load("efficientnet-b0"), width=0.25, depth=0.5)
NETWORK = WHOLE.model_copy(
    update={"stages": WHOLE.stages[1:2], "resolution": 13, "channels": 1, "classes": 10}
)


def program(platform: str) -> str:
    """Any number of training steps, lowered for a platform that need not be here."""
    trial = steps.plan(build(NETWORK, platform="gpu"), recipe.named("fast"), steps_per_epoch=10)
    images, labels = (
        jax.ShapeDtypeStruct((640, 13, 13, 1), jnp.uint8),
        jax.ShapeDtypeStruct((640,), jnp.int32),
    )
    channel: Any = jax.ShapeDtypeStruct((1,), jnp.float32)
    pixels = steps.Pixels(images=images, labels=labels, mean=channel, std=channel)  # type: ignore[arg-type]

    def advance(state: steps.State, key: Any, order: Any, pixels: Any, count: Any) -> steps.State:
        def step(_: Any, state: steps.State) -> steps.State:
            return steps.train_step(trial, key, order, pixels, state)

        after: steps.State = jax.lax.fori_loop(0, count, step, state)
        return after

    key = jax.eval_shape(lambda: steps.seed_key(0))
    count = jax.ShapeDtypeStruct((), jnp.int32)
    traced = jax.jit(advance, donate_argnums=0).trace(steps.abstract_state(trial), key, labels, pixels, count)
    state = jax.tree.leaves(steps.abstract_state(trial))
    assert all(leaf.dtype in (jnp.float32, jnp.bool) for leaf in state if leaf.ndim)
    text: str = traced.lower(lowering_platforms=(platform,)).as_text()
    donated = len(re.findall(r"tf\.aliasing_output|jax\.buffer_donor", text))
    assert donated == len(state)
    return text


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_steps_are_one_program_in_bfloat16_with_nothing_of_the_host(platform: str) -> None:
    lines = program(platform).splitlines()
    convolutions = [line for line in lines if "stablehlo.convolution" in line]
    assert convolutions
    assert all(line.count("bf16") >= 3 and "f32" not in line for line in convolutions)
    calls = [line for line in lines if "custom_call" in line or "infeed" in line or "outfeed" in line]
    assert calls == []
    # One loop over steps; a second would be a stage's.
    assert sum("stablehlo.while" in line for line in lines) == 1


def test_the_bfloat16_network_is_the_float32_one() -> None:
    """Logits, statistics and gradients of one batch, to the precision of bfloat16: 8 bits."""
    images = jnp.asarray(np.random.default_rng(0).normal(size=(4, 13, 13, 1)), jnp.float32)
    labels = jnp.arange(4)
    key = steps.seed_key(1)

    def run(platform: str) -> Any:
        model = build(NETWORK.model_copy(update={"stochastic_depth": 0.0}), platform=platform)
        params, stats = model.init(steps.seed_key(0))

        def loss(params: Any, stats: Any) -> Any:
            logits, after = model.apply(params, stats, images, train=True, key=key)
            return steps.cross_entropy(logits, labels, 0.0).mean(), (logits, after)

        return jax.jit(jax.value_and_grad(loss, has_aux=True))(params, stats)

    (loss, (logits, stats)), gradients = run("cpu")
    (loss16, (logits16, stats16)), gradients16 = run("gpu")
    kinds = {leaf.dtype for leaf in jax.tree.leaves([loss16, logits16, stats16, gradients16])}
    assert kinds == {jnp.dtype("float32")}
    assert loss16 == pytest.approx(float(loss), rel=0.02)
    assert _cosine(logits16, logits) > 0.995
    assert _cosine(stats16, stats) > 0.9999
    assert _cosine(gradients16, gradients) > 0.98


def _cosine(one: Any, other: Any) -> float:
    """Of two trees of arrays, as vectors."""
    a, b = (np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)]) for tree in (one, other))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))
