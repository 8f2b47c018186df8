"""The arrays that networks pass on, by the names of their axes. Channels are last, as XLA likes them on a CPU."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Maps = Float[Array, "batch height width channels"]
# Of the same images, of another size.
NewMaps = Float[Array, "batch new_height new_width new_channels"]
Kernel = Float[Array, "rows columns group_channels new_channels"]
PerChannel = Float[Array, " channels"]

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, right)), pixels


def along_channels(vector: PerChannel, x: jax.Array) -> jax.Array:
    """The vector as an array of x's rank, whose other axes have one place."""
    return vector.reshape((1,) * (x.ndim - 1) + (-1,))


def wide(x: jax.Array) -> jax.Array:
    """x in float32 at least: sums in bfloat16 lose digits."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
