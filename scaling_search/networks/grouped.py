"""Pointwise and grouped convolutions as (batched) matrix products."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from scaling_search.networks.arrays import Kernel, Maps, NewMaps, Padding


def pointwise(
    x: Maps, kernel: Float[Array, "group_channels new_channels"], *, groups: int
) -> Float[Array, "batch height width new_channels"]:
    """Mix the channels of each pixel: x (B, H, W, C_in), kernel (C_in/groups, C_out) → (B, H, W, C_out)."""
    *batch, channels = x.shape
    group_channels, features = kernel.shape
    if groups == 1:
        product = jnp.matmul(x.reshape(-1, channels), kernel)
    else:
        product = jnp.einsum(
            "ngc,cgo->ngo",
            x.reshape(-1, groups, group_channels),
            kernel.reshape(group_channels, groups, features // groups),
        )
    return product.reshape(*batch, features)


def grouped(
    x: Maps,
    kernel: Kernel,
    *,
    stride: int,
    padding: Padding,
    groups: int,
) -> NewMaps:
    """Convolve every group by itself: gather the k·k shifted images, then one product per group.

    Shapes: x (B, H, W, C_in), kernel (kh, kw, C_in/groups, C_out) → (B, H', W', C_out).
    """
    padded = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    kh, kw, group_channels, features = kernel.shape
    height = (padded.shape[1] - kh) // stride + 1
    width = (padded.shape[2] - kw) // stride + 1
    batch = x.shape[0]
    patches = [
        lax.slice(
            padded,
            (0, i, j, 0),
            (batch, i + (height - 1) * stride + 1, j + (width - 1) * stride + 1, x.shape[-1]),
            (1, stride, stride, 1),
        ).reshape(batch, height, width, groups, group_channels)
        for i in range(kh)
        for j in range(kw)
    ]
    product = jnp.einsum(
        "bhwgtc,tcgo->bhwgo",
        jnp.stack(patches, axis=4),
        kernel.reshape(kh * kw, group_channels, groups, features // groups),
        preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
    )
    return product.reshape(batch, height, width, features).astype(x.dtype)
