"""The arrays that networks pass on, by the names of their axes. Channels are last, as XLA likes them on a CPU."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
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


def shifts(padded: Maps, kernel: tuple[int, ...], stride: int) -> Iterator[NewMaps]:
    """For each place in a window of (rows, columns), row by row, the image of what the windows hold there."""
    height, width = ((side - k) // stride + 1 for side, k in zip(padded.shape[1:3], kernel, strict=True))
    for i, j in np.ndindex(*kernel):
        rows = slice(i, i + (height - 1) * stride + 1, stride)
        yield padded[:, rows, j : j + (width - 1) * stride + 1 : stride]
