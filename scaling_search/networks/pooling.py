"""Pooling over windows as the maximum or sum of shifted images.

XLA's CPU backend runs window reductions and their gradients (select-and-scatter) one element at a time;
shifted slices fuse into a pass or two over memory.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from scaling_search.networks.arrays import Maps, Padding, shifts, wide


def max_pool(
    x: Maps, *, kernel: tuple[int, int], stride: int, padding: Padding
) -> Float[Array, "batch new_height new_width channels"]:
    """The greatest value in each window, outside the image counting as -∞: (B, H, W, C) → (B, H', W', C)."""
    sides = ((0, 0), *padding, (0, 0))
    first, *others = shifts(jnp.pad(x, sides, constant_values=-jnp.inf), kernel, stride)
    for other in others:
        first = jnp.maximum(first, other)
    return first


def avg_pool(
    x: Maps, *, kernel: tuple[int, int], stride: int, padding: Padding
) -> Float[Array, "batch new_height new_width channels"]:
    """The mean of each window, the padding left out: (B, H, W, C) → (B, H', W', C)."""
    sides = ((0, 0), *padding, (0, 0))
    total = sum(list(shifts(jnp.pad(wide(x), sides), kernel, stride)), jnp.zeros(()))
    inside = jnp.pad(jnp.ones((1, *x.shape[1:3], 1)), sides)
    return (total / sum(list(shifts(inside, kernel, stride)), jnp.zeros(()))).astype(x.dtype)
