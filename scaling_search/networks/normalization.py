"""Batch normalisation with the activation that follows it."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "identity": lambda x: x,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "silu": jax.nn.silu,
    "hard_swish": jax.nn.hard_swish,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
}


def batch_norm(
    x: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    mean: jax.Array,
    variance: jax.Array,
    *,
    train: bool,
    momentum: float,
    epsilon: float,
    activation: str = "identity",
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`y = activation(scale·(x − μ)/√(σ² + ε) + bias)`, with the statistics that go on to the next step.

    Training: μ and σ² are the batch's (σ² biased), and `new = momentum·old + (1 − momentum)·batch`.
    Otherwise they are the running `mean` and `variance`, returned unchanged.
    Shapes: x (..., C); the rest (C,), float32. Statistics are float32 whatever x's type, y has x's type.
    """
    new_mean, new_variance = mean, variance
    if train:
        axes = tuple(range(x.ndim - 1))
        wide = x.astype(jnp.float32)
        batch_mean = jnp.mean(wide, axes)
        batch_variance = jnp.maximum(jnp.mean(wide * wide, axes) - batch_mean * batch_mean, 0.0)
        new_mean = momentum * mean + (1 - momentum) * lax.stop_gradient(batch_mean)
        new_variance = momentum * variance + (1 - momentum) * lax.stop_gradient(batch_variance)
        mean, variance = batch_mean, batch_variance
    factor = scale * lax.rsqrt(variance + epsilon)
    shape = (1,) * (x.ndim - 1) + (-1,)
    y = x * factor.reshape(shape) + (bias - mean * factor).reshape(shape)
    return ACTIVATIONS[activation](y).astype(x.dtype), new_mean, new_variance
