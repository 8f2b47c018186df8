"""Weights as vectors: cut into the arrays that lie in them, and put together again.

XLA for a CPU compiles a program of its own for every array that is cut out, written into a stack or read from one: most
of the work for a small network. One kernel cuts them all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scaling_search.networks import native

Tree = Any
Sizes = tuple[int, ...]


def split(vector: jax.Array, places: Sequence[int], *, platform: str) -> list[jax.Array]:
    """`jnp.split` of a float32 vector at these places; on a CPU one kernel."""
    if not native.serves(platform):
        return jnp.split(vector, list(places))
    return list(cut(vector, tuple(np.diff([0, *places, vector.shape[-1]]).tolist())))


def packing(tree: Tree, *, platform: str) -> tuple[Callable[[Tree], Any], Callable[[Any], Tree]]:
    """(pack, unpack): trees like `tree`, whose leaves have one leading axis more or none, as one array and back.

    Where arrays are better left alone, both give back what they are given.
    """
    leaves: list[jax.Array]
    treedef: Any
    leaves, treedef = jax.tree.flatten(tree)
    if not native.serves(platform) or not leaves:
        return lambda tree: tree, lambda tree: tree
    shapes = [leaf.shape[1:] for leaf in leaves]
    sizes = tuple(math.prod(shape) for shape in shapes)

    def pack(tree: Tree) -> jax.Array:
        rows = [
            leaf.reshape(*leaf.shape[: leaf.ndim - len(shape)], -1)
            for leaf, shape in zip(treedef.flatten_up_to(tree), shapes, strict=True)
        ]
        return join(rows)

    def unpack(packed: jax.Array) -> Tree:
        pieces = zip(cut(packed, sizes), shapes, strict=True)
        return treedef.unflatten([piece.reshape(*packed.shape[:-1], *shape) for piece, shape in pieces])

    return pack, unpack


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def cut(vector: jax.Array, sizes: Sizes) -> tuple[jax.Array, ...]:
    """(..., n) → (..., size) for each of the sizes, which add up to n; needs the kernel."""
    results = [jax.ShapeDtypeStruct((*vector.shape[:-1], size), jnp.float32) for size in sizes]
    return tuple(native.call("split", results, vector))


@jax.custom_vjp
def join(pieces: list[jax.Array]) -> jax.Array:
    """`cut` undone."""
    return jnp.concatenate(pieces, axis=-1)


cut.defvjp(
    lambda vector, sizes: (cut(vector, sizes), None),
    lambda sizes, _, grads: (join(list(grads)),),  # noqa: ARG005
)
join.defvjp(
    lambda pieces: (join(pieces), tuple(piece.shape[-1] for piece in pieces)),
    lambda sizes, grad: (list(cut(grad, sizes)),),
)
