"""Batch normalisation with the activation that follows it."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from scaling_search.networks import native
from scaling_search.networks.activations import activate
from scaling_search.networks.arrays import PerChannel, along_channels, wide

# In the order of `enum Activation` in kernels/normalization.h.
_IN_KERNEL = ("identity", "relu", "relu6", "silu", "hard_swish")


def batch_norm(
    x: Float[Array, "*batch channels"],
    scale: PerChannel,
    bias: PerChannel,
    mean: PerChannel,
    variance: PerChannel,
    *,
    train: bool,
    momentum: float,
    epsilon: float,
    activation: str = "identity",
    platform: str,
) -> tuple[Float[Array, "*batch channels"], PerChannel, PerChannel]:
    """`y = activation(scale·(x − μ)/√(σ² + ε) + bias)`, with the statistics that go on to the next step.

    Training: μ and σ² are the batch's (σ² biased), and `new = momentum·old + (1 − momentum)·batch`; no gradient
    flows through these. Otherwise they are the running `mean` and `variance`, returned unchanged.
    Statistics are float32 whatever x's type, y has x's type.
    """
    if native.serves(platform):
        kind = activation if activation in _IN_KERNEL else "identity"
        arrays = (x.astype(jnp.float32), scale, bias, mean, variance)
        if train:
            y, mean, variance = _fused(*arrays, epsilon, momentum, kind)
        else:
            shape = jax.ShapeDtypeStruct(x.shape, jnp.float32)
            (y,) = native.call("batch_norm_apply", [shape], *arrays, **_attributes(epsilon, kind))
        y = y if kind == activation else activate(y, activation)
        return y.astype(x.dtype), mean, variance
    if not train:
        y = _scale_and_shift(x, scale, bias, mean, variance, epsilon)
        return activate(y, activation).astype(x.dtype), mean, variance
    # On a CPU computing y's inside anew takes longer (by a fifth, B0 at 32 px) than reading it again.
    given = (x, scale, bias, mean, variance, epsilon, momentum, activation)
    return _plain(*given)[0] if platform == "cpu" else _lean(*given)


def _scale_and_shift(
    x: jax.Array, scale: jax.Array, bias: jax.Array, mean: jax.Array, variance: jax.Array, epsilon: float
) -> jax.Array:
    factor = scale * lax.rsqrt(variance + epsilon)
    return x * along_channels(factor, x) + along_channels(bias - mean * factor, x)


def _plain(
    x: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    mean: jax.Array,
    variance: jax.Array,
    epsilon: float,
    momentum: float,
    activation: str,
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    """((y, new mean, new variance), what the backward pass needs)."""
    axes = tuple(range(x.ndim - 1))
    values = wide(x)
    # About the first row, or a mean far from zero would eat the digits of the variance.
    pivot = lax.stop_gradient(values[(0,) * (x.ndim - 1)])
    offset = values - along_channels(pivot, x)
    mean_offset = jnp.mean(offset, axes)
    batch_mean = pivot + mean_offset
    batch_variance = jnp.maximum(jnp.mean(offset * offset, axes) - mean_offset * mean_offset, 0.0)
    y = activate(_scale_and_shift(x, scale, bias, batch_mean, batch_variance, epsilon), activation)
    new_mean = momentum * mean + (1 - momentum) * lax.stop_gradient(batch_mean)
    new_variance = momentum * variance + (1 - momentum) * lax.stop_gradient(batch_variance)
    return (y.astype(x.dtype), new_mean, new_variance), (x, scale, bias, batch_mean, batch_variance)


@partial(jax.custom_vjp, nondiff_argnums=(5, 6, 7))
def _lean(*arguments: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`_plain` that keeps x alone for the backward pass, in x's type: JAX's own derivative keeps float32 maps too.

    Of B0 at 224 px, compiled for an H100, a step reads and writes a tenth less (`make compiled`).
    """
    return _plain(*arguments)[0]


def _lean_backward(
    epsilon: float,
    momentum: float,  # noqa: ARG001
    activation: str,
    saved: tuple[jax.Array, ...],
    grads: tuple[jax.Array, jax.Array, jax.Array],
) -> tuple[jax.Array, ...]:
    """With x̂ = (x − μ)/√(σ² + ε), z = scale·x̂ + bias, g the gradient of z and means over all but channels:

    dbias = Σ g, dscale = Σ g·x̂, dx = scale/√(σ² + ε)·(g − mean(g) − x̂·mean(g·x̂)) (Ioffe & Szegedy 2015, section 3).
    """
    x, *vectors = saved
    scale, bias, mean, variance = (along_channels(vector, x) for vector in vectors)
    axes = tuple(range(x.ndim - 1))
    deviation = lax.rsqrt(variance + epsilon)

    def inside(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """x̂ and g."""
        normal = (wide(x) - mean) * deviation
        _, pull = jax.vjp(partial(activate, kind=activation), normal * scale + bias)
        return normal, pull(wide(grads[0]))[0]

    normal, grad = inside(x)
    bias_gradient, scale_gradient = jnp.sum(grad, axes), jnp.sum(grad * normal, axes)
    # Anew, behind a barrier: shared with the sums, both would be written to memory and read again, in float32.
    normal, grad = inside(lax.optimization_barrier(x))
    count = x.size // x.shape[-1]
    sums = along_channels(bias_gradient, x) + normal * along_channels(scale_gradient, x)
    dx = scale * deviation * (grad - sums / count)
    nothing = jnp.zeros_like(bias_gradient)
    return dx.astype(x.dtype), scale_gradient, bias_gradient, nothing, nothing


_lean.defvjp(_plain, _lean_backward)


@partial(jax.custom_vjp, nondiff_argnums=(5, 6, 7))
def _fused(*arguments: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`_forward` without what it saves. Two passes over memory; the backward pass computes y's inside anew from x."""
    return _forward(*arguments)[0]


def _forward(
    x: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    mean: jax.Array,
    variance: jax.Array,
    epsilon: float,
    momentum: float,
    activation: str,
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple[jax.Array, ...]]:
    """((y, new mean, new variance), what the backward pass needs)."""
    channel = jax.ShapeDtypeStruct(scale.shape, jnp.float32)
    y, batch_mean, batch_variance, new_mean, new_variance = native.call(
        "batch_norm_forward",
        [jax.ShapeDtypeStruct(x.shape, jnp.float32), *[channel] * 4],
        *(x, scale, bias, mean, variance),
        **_attributes(epsilon, activation),
        momentum=np.float32(momentum),
    )
    return (y, new_mean, new_variance), (x, scale, bias, batch_mean, batch_variance)


def _backward(
    epsilon: float,
    momentum: float,  # noqa: ARG001
    activation: str,
    saved: tuple[jax.Array, ...],
    grads: tuple[jax.Array, jax.Array, jax.Array],
) -> tuple[jax.Array, ...]:
    x, scale, bias, mean, variance = saved
    channel = jax.ShapeDtypeStruct(scale.shape, jnp.float32)
    dx = jax.ShapeDtypeStruct(x.shape, jnp.float32)
    results = native.call(
        "batch_norm_backward",
        [dx, channel, channel],
        *(x, grads[0], scale, bias, mean, variance),
        **_attributes(epsilon, activation),
    )
    # The running statistics are no parameters: nobody asks for their gradients.
    return (*results, jnp.zeros_like(mean), jnp.zeros_like(variance))


_fused.defvjp(_forward, _backward)


def _attributes(epsilon: float, activation: str) -> dict[str, object]:
    return {"activation": np.int64(_IN_KERNEL.index(activation)), "epsilon": np.float32(epsilon)}
