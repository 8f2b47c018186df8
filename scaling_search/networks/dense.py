"""Dense and grouped k×k convolution on a CPU by kernels of ours, with its own gradient rule.

XLA runs the gradients of a dense convolution, and all of a grouped one, several times slower than their multiply-adds
take. The input gradient is itself a convolution: the gradient, spread out by the stride, with the kernel turned.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from scaling_search.networks import native
from scaling_search.networks.arrays import Kernel, Maps, NewMaps, Padding

# The kernel adds up weight gradients by groups of images, and XLA the groups: the same sum on any number of cores.
_PARTS = 4


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def dense(
    x: Maps,
    kernel: Kernel,
    stride: int,
    padding: Padding,
    groups: int,
) -> NewMaps:
    """x (B, H, W, C_in), kernel (kh, kw, C_in/groups, C_out) → (B, H', W', C_out), as `convolve` says."""
    return _forward(x, kernel, stride, padding, groups)[0]


def _forward(
    x: jax.Array, kernel: jax.Array, stride: int, padding: Padding, groups: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    sides = zip(x.shape[1:3], padding, kernel.shape[:2], strict=True)
    height, width = ((side + low + high - k) // stride + 1 for side, (low, high), k in sides)
    (top, _), (left, _) = padding
    y = _correlate(x, kernel, (height, width), stride=stride, groups=groups, top=top, left=left, dilation=1)
    return y.astype(x.dtype), (x, kernel)


def _backward(
    stride: int, padding: Padding, groups: int, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    (top, _), (left, _) = padding
    kh, kw = kernel.shape[:2]
    grad = grad.astype(jnp.float32)
    # The gradient with stride - 1 zeros between its pixels, correlated with the kernel turned.
    dx = _correlate(
        grad,
        _turned(kernel, groups),
        x.shape[1:3],
        stride=1,
        groups=groups,
        top=kh - 1 - top,
        left=kw - 1 - left,
        dilation=stride,
    )
    sums = jax.ShapeDtypeStruct((min(len(x), _PARTS), *kernel.shape), jnp.float32)
    attributes = {"stride": stride, "groups": groups, "top": top, "left": left}
    (dw,) = native.call("dense_weight_gradient", [sums], x.astype(jnp.float32), grad, **_integers(attributes))
    return dx.astype(x.dtype), dw.sum(axis=0).astype(kernel.dtype)


dense.defvjp(_forward, _backward)


def _correlate(x: jax.Array, kernel: jax.Array, out: tuple[int, ...], **attributes: int) -> jax.Array:
    """Float32 results of `out` (height, width) pixels; the kernel pads x as the attributes say."""
    shape = (len(x), *out, kernel.shape[-1])
    (y,) = native.call(
        "dense_forward",
        [jax.ShapeDtypeStruct(shape, jnp.float32)],
        x.astype(jnp.float32),
        kernel.astype(jnp.float32),
        **_integers(attributes),
    )
    return y


def _integers(attributes: dict[str, int]) -> dict[str, object]:
    return {name: np.int64(value) for name, value in attributes.items()}


def _turned(kernel: jax.Array, groups: int) -> jax.Array:
    """The kernel turned by 180°, its inputs and outputs exchanged within every group."""
    kh, kw, inputs, features = kernel.shape
    split = kernel[::-1, ::-1].reshape(kh, kw, inputs, groups, features // groups)
    return split.transpose(0, 1, 4, 3, 2).reshape(kh, kw, features // groups, groups * inputs)
