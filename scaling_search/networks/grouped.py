"""Pointwise and grouped convolutions as (batched) matrix products."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from scaling_search.networks.arrays import Kernel, Maps, NewMaps, Padding, shifts


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
    patches = [
        image.reshape(*image.shape[:3], groups, group_channels) for image in shifts(padded, (kh, kw), stride)
    ]
    product = jnp.einsum(
        "bhwgtc,tcgo->bhwgo",
        jnp.stack(patches, axis=4),
        kernel.reshape(kh * kw, group_channels, groups, features // groups),
        preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
    )
    return product.reshape(*product.shape[:3], features).astype(x.dtype)
