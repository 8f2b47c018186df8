"""A vector of weights cut into the arrays that lie in it."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from scaling_search.networks import native


def split(vector: jax.Array, places: Sequence[int], *, platform: str) -> list[jax.Array]:
    """`jnp.split` of a float32 vector at these places; on a CPU one kernel.

    XLA compiles a program of its own for every piece, which was half of all that it compiled for a small network.
    """
    if platform != "cpu" or native.version() is None:
        return jnp.split(vector, list(places))
    sizes = np.diff([0, *places, vector.shape[-1]]).tolist()
    return native.call("split", [jax.ShapeDtypeStruct((size,), jnp.float32) for size in sizes], vector)
