"""Dense and grouped k×k convolution on a CPU by kernels of ours, with its own gradient rule.

XLA runs the gradients of a dense convolution, and all of a grouped one, several times slower than their multiply-adds
take. The input gradient is itself a convolution: the gradient, spread out by the stride, with the kernel turned.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from scaling_search.networks import native

# The kernel adds up weight gradients by groups of images, and XLA the groups: the same sum on any number of cores.
_PARTS = 4

Padding = tuple[tuple[int, int], tuple[int, int]]


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def dense(x: jax.Array, kernel: jax.Array, stride: int, padding: Padding, groups: int) -> jax.Array:
    """x (B, H, W, C_in), kernel (kh, kw, C_in/groups, C_out) → (B, H', W', C_out), as `convolve` says."""
    return _forward(x, kernel, stride, padding, groups)[0]


def _forward(
    x: jax.Array, kernel: jax.Array, stride: int, padding: Padding, groups: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    # The padded images are kept rather than x: to pad again would cost the backward pass another trip through memory.
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    return _correlate(padded.astype(jnp.float32), kernel, stride, groups).astype(x.dtype), (padded, kernel)


def _backward(
    stride: int, padding: Padding, groups: int, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    padded, kernel = saved
    (top, bottom), (left, right) = padding
    batch, height, width, channels = padded.shape
    shape = (batch, height - top - bottom, width - left - right, channels)
    grad = grad.astype(jnp.float32)
    dx = _correlate(spread(grad, kernel.shape, stride, padding, shape), _turned(kernel, groups), 1, groups)
    sums = jax.ShapeDtypeStruct((min(batch, _PARTS), *kernel.shape), jnp.float32)
    attributes = {"stride": np.int64(stride), "groups": np.int64(groups)}
    (dw,) = native.call("dense_weight_gradient", [sums], padded.astype(jnp.float32), grad, **attributes)
    return dx.astype(padded.dtype), dw.sum(axis=0).astype(kernel.dtype)


dense.defvjp(_forward, _backward)


def _correlate(padded: jax.Array, kernel: jax.Array, stride: int, groups: int) -> jax.Array:
    kh, kw, _, features = kernel.shape
    batch, *sides, _ = padded.shape
    height, width = ((side - k) // stride + 1 for side, k in zip(sides, (kh, kw), strict=True))
    (y,) = native.call(
        "dense_forward",
        [jax.ShapeDtypeStruct((batch, height, width, features), jnp.float32)],
        padded,
        kernel.astype(jnp.float32),
        stride=np.int64(stride),
        groups=np.int64(groups),
    )
    return y


def _turned(kernel: jax.Array, groups: int) -> jax.Array:
    """The kernel turned by 180°, its inputs and outputs exchanged within every group."""
    kh, kw, inputs, features = kernel.shape
    split = kernel[::-1, ::-1].reshape(kh, kw, inputs, groups, features // groups)
    return split.transpose(0, 1, 4, 3, 2).reshape(kh, kw, features // groups, groups * inputs)


def spread(
    grad: jax.Array, kernel: tuple[int, ...], stride: int, padding: Padding, x: tuple[int, ...]
) -> jax.Array:
    """The output's gradient with stride − 1 zeros between pixels, and padded so that a correlation has x's size."""
    config = [(0, 0, 0)]
    for size, out, k, (low, _) in zip(x[1:3], grad.shape[1:3], kernel[:2], padding, strict=True):
        config.append((k - 1 - low, size + low - (out - 1) * stride - 1, stride - 1))
    return lax.pad(grad, jnp.zeros((), grad.dtype), [*config, (0, 0, 0)])
