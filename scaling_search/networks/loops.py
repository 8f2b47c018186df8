"""Equal blocks as one loop, compiled once however many they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
from jax import lax

from scaling_search.networks import native, vectors

Tree = Any
# (x, weights, the rest) → (x, results); no gradient flows through the rest and the results.
Block = Callable[[jax.Array, Tree, Tree], tuple[jax.Array, Tree]]
Arrays = tuple[jax.Array | None, list[jax.Array]]

# Floats up to which an array joins the others that a block keeps; copying larger ones would be felt in every step.
_SMALL = 1 << 15


def loop(block: Block, x: jax.Array, weights: Tree, rest: Tree, *, platform: str) -> tuple[jax.Array, Tree]:
    """`lax.scan` of `block` over the leading axis of `weights` and `rest`: (the last x, the results stacked).

    Where XLA compiles a program for every array that a loop reads or stacks, a block's weights go in as one vector and
    their gradients come out as one, and so do the small arrays that it keeps for its backward pass.
    """
    if not native.serves(platform):
        return lax.scan(lambda x, copy: block(x, *copy), x, (weights, rest))
    pack, unpack = vectors.packing(weights, platform=platform)
    restore: list[
        Callable[[Arrays], Any]
    ] = []  # set as the forward pass is traced, before the backward pass is

    def on_row(x: jax.Array, row: Any, rest: Tree) -> tuple[jax.Array, Tree]:
        return block(x, unpack(row), rest)

    @jax.custom_vjp
    def run(x: jax.Array, rows: Any, rest: Tree) -> tuple[jax.Array, Tree]:
        return lax.scan(lambda x, copy: on_row(x, *copy), x, (rows, rest))

    def forward(x: jax.Array, rows: Any, rest: Tree) -> tuple[tuple[jax.Array, Tree], Any]:
        def one(x: jax.Array, copy: Any) -> tuple[jax.Array, Any]:
            row, others = copy
            y, pull, results = jax.vjp(lambda x, row: on_row(x, row, others), x, row, has_aux=True)
            arrays, restored = _kept(pull)
            restore[:] = [restored]
            return y, (results, arrays)

        y, (results, arrays) = lax.scan(one, x, (rows, rest))
        return (y, results), arrays

    def backward(arrays: Any, gradients: tuple[jax.Array, Tree]) -> tuple[jax.Array, Any, None]:
        (pull,) = restore
        gradient, rows = lax.scan(lambda g, kept: pull(kept)(g), gradients[0], arrays, reverse=True)
        return gradient, rows, None

    run.defvjp(forward, backward)
    return run(x, pack(weights), rest)


def _kept(pull: Any) -> tuple[Arrays, Callable[[Arrays], Any]]:
    """What a block keeps for its backward pass, and how that is made of it again.

    Small arrays of floats are one vector, the others stay as they are.
    """
    leaves: list[jax.Array]
    tree: Any
    leaves, tree = jax.tree.flatten(pull)
    small = [leaf.dtype == "float32" and leaf.size <= _SMALL for leaf in leaves]
    few = [leaf for leaf, is_small in zip(leaves, small, strict=True) if is_small]
    large = [leaf for leaf, is_small in zip(leaves, small, strict=True) if not is_small]
    shapes = [leaf.shape for leaf in few]

    def restored(arrays: Arrays) -> Any:
        vector, others = arrays
        pieces = [] if vector is None else vectors.cut(vector, tuple(map(math.prod, shapes)))
        few = (piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True))
        large = iter(others)
        return tree.unflatten([next(few if is_small else large) for is_small in small])

    return (vectors.join([leaf.ravel() for leaf in few]) if few else None, large), restored
