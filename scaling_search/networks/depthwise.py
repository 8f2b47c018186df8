"""Depthwise convolution on a CPU, with its own gradient rule: by a kernel of ours, else as shift-and-add.

XLA fuses the k·k shifted, weighted slices into one pass over memory. Its own derivative of that would not be
fast: the weight gradient becomes reductions fused with shifted slices, ten times slower than adding rows.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from scaling_search.networks import native
from scaling_search.networks.arrays import Maps, Padding, shifts, wide


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def depthwise(
    x: Maps, kernel: Float[Array, "rows columns channels"], stride: int, padding: Padding
) -> Float[Array, "batch new_height new_width channels"]:
    """Convolve each channel with its own filter: x (B, H, W, C), kernel (kh, kw, C) → (B, H', W', C)."""
    if native.version() is None:
        return shift_and_add(x, kernel, stride, padding)
    sizes = zip(x.shape[1:3], kernel.shape[:2], padding, strict=True)
    height, width = ((size + sum(sides) - k) // stride + 1 for size, k, sides in sizes)
    result = jax.ShapeDtypeStruct((x.shape[0], height, width, x.shape[3]), jnp.float32)
    (y,) = native.call("depthwise_forward", [result], *_wide(x, kernel), **_attributes(stride, padding))
    return y.astype(x.dtype)


def shift_and_add(
    x: Maps, kernel: Float[Array, "rows columns channels"], stride: int, padding: Padding
) -> Float[Array, "batch new_height new_width channels"]:
    """The same in XLA's own operations, with the derivative that JAX gives it."""
    return _shift_and_add(_pad(x, padding), kernel, stride, x.dtype)


def _forward(
    x: jax.Array, kernel: jax.Array, stride: int, padding: Padding
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return depthwise(x, kernel, stride, padding), (x, kernel)


def _backward(
    stride: int, padding: Padding, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    if native.version() is not None:
        results = [jax.ShapeDtypeStruct(array.shape, jnp.float32) for array in (x, kernel)]
        dx, dw = native.call(
            "depthwise_backward", results, *_wide(x, kernel, grad), **_attributes(stride, padding)
        )
        return dx.astype(x.dtype), dw.astype(kernel.dtype)
    # Correlate the gradient, spread out by the stride, with the kernel turned by 180°.
    spread = _spread(grad, kernel.shape, stride, padding, x.shape)
    dx = _shift_and_add(spread, kernel[::-1, ::-1], 1, x.dtype)
    return dx, _weight_gradient(_pad(x, padding), grad, kernel, stride)


depthwise.defvjp(_forward, _backward)


def _wide(*arrays: jax.Array) -> list[jax.Array]:
    return [array.astype(jnp.float32) for array in arrays]


def _attributes(stride: int, padding: Padding) -> dict[str, np.int64]:
    (top, _), (left, _) = padding
    return {"stride": np.int64(stride), "top": np.int64(top), "left": np.int64(left)}


def _pad(x: jax.Array, padding: Padding) -> jax.Array:
    return jnp.pad(x, ((0, 0), *padding, (0, 0)))


def _shift_and_add(padded: jax.Array, kernel: jax.Array, stride: int, dtype: jnp.dtype) -> jax.Array:
    window = kernel.shape[:2]
    total = jnp.zeros((), jnp.float32)
    for place, image in zip(np.ndindex(*window), shifts(padded, window, stride), strict=True):
        total = total + wide(image) * wide(kernel[place])[None, None, None]
    return total.astype(dtype)


def _weight_gradient(padded: jax.Array, grad: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Scan the images, adding whole rows of products elementwise; sum over the width only at the end."""
    kh, kw, channels = kernel.shape
    _, height, width, _ = grad.shape

    def add_image(totals: jax.Array, image_and_grad: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        image, image_grad = (a.astype(jnp.float32) for a in image_and_grad)
        taps = []
        for i in range(kh):
            for j in range(kw):
                tap = totals[i * kw + j]
                for row in range(height):
                    columns = slice(j, j + (width - 1) * stride + 1, stride)
                    tap = tap + image[i + row * stride, columns] * image_grad[row]
                taps.append(tap)
        return jnp.stack(taps), None

    totals, _ = lax.scan(add_image, jnp.zeros((kh * kw, width, channels), jnp.float32), (padded, grad))
    return totals.sum(axis=1).reshape(kh, kw, channels).astype(kernel.dtype)


def _spread(
    grad: jax.Array, kernel: tuple[int, ...], stride: int, padding: Padding, x: tuple[int, ...]
) -> jax.Array:
    """The output's gradient with stride − 1 zeros between pixels, and padded so that a correlation has x's size."""
    config = [(0, 0, 0)]
    for size, out, k, (low, _) in zip(x[1:3], grad.shape[1:3], kernel[:2], padding, strict=True):
        config.append((k - 1 - low, size + low - (out - 1) * stride - 1, stride - 1))
    return lax.pad(grad, jnp.zeros((), grad.dtype), [*config, (0, 0, 0)])
