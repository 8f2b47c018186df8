"""Equal blocks as one loop, compiled once however many they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
from jax import lax

from scaling_search.networks import vectors

Tree = Any
# (x, weights, the rest) → (x, results); no gradient flows through the rest and the results.
Block = Callable[[jax.Array, Tree, Tree], tuple[jax.Array, Tree]]

# Floats up to which an array joins the others that a block keeps; copying larger ones would be felt in every step.
_SMALL = 1 << 15


def loop(block: Block, x: jax.Array, weights: Tree, rest: Tree, *, platform: str) -> tuple[jax.Array, Tree]:
    """`lax.scan` of `block` over the leading axis of `weights` and `rest`: (the last x, the results stacked).

    Where XLA compiles a program for every array that a loop reads or stacks, a block's weights go in as one vector and
    their gradients come out as one, and so do the small arrays that it keeps for its backward pass.
    """
    if not vectors.in_kernel(platform):
        return lax.scan(lambda x, copy: block(x, *copy), x, (weights, rest))
    pack, unpack = vectors.packing(weights, platform=platform)
    pulls: list[Any] = []

    def on_row(x: jax.Array, row: Any, rest: Tree) -> tuple[jax.Array, Tree]:
        return block(x, unpack(row), rest)

    @jax.custom_vjp
    def run(x: jax.Array, rows: Any, rest: Tree) -> tuple[jax.Array, Tree]:
        return lax.scan(lambda x, copy: on_row(x, *copy), x, (rows, rest))

    def forward(x: jax.Array, rows: Any, rest: Tree) -> tuple[tuple[jax.Array, Tree], Any]:
        def one(x: jax.Array, copy: Any) -> tuple[jax.Array, Any]:
            row, others = copy
            y, pull, results = jax.vjp(lambda x, row: on_row(x, row, others), x, row, has_aux=True)
            kept = _Kept(pull)
            pulls[:] = [kept]
            return y, (results, kept.arrays())

        y, (results, arrays) = lax.scan(one, x, (rows, rest))
        return (y, results), arrays

    def backward(arrays: Any, gradients: tuple[jax.Array, Tree]) -> tuple[jax.Array, Any, None]:
        (kept,) = pulls
        gradient, rows = lax.scan(
            lambda g, kept_arrays: kept.pull(kept_arrays)(g), gradients[0], arrays, reverse=True
        )
        return gradient, rows, None

    run.defvjp(forward, backward)
    return run(x, pack(weights), rest)


class _Kept:
    """What a block keeps for its backward pass: small arrays of floats as one vector, the others as they are."""

    def __init__(self, pull: Any) -> None:
        self._leaves: list[jax.Array]
        self._tree: Any
        self._leaves, self._tree = jax.tree.flatten(pull)
        self._small = [leaf.dtype == "float32" and leaf.size <= _SMALL for leaf in self._leaves]
        self._shapes = [leaf.shape for leaf, small in zip(self._leaves, self._small, strict=True) if small]

    def arrays(self) -> tuple[jax.Array | None, list[jax.Array]]:
        """(the vector, the others)."""
        pairs = list(zip(self._leaves, self._small, strict=True))
        vector = vectors.join([leaf.ravel() for leaf, small in pairs if small]) if any(self._small) else None
        return vector, [leaf for leaf, small in pairs if not small]

    def pull(self, arrays: tuple[jax.Array | None, list[jax.Array]]) -> Any:
        """The backward pass, from arrays as above."""
        vector, others = arrays
        pieces = [] if vector is None else vectors.cut(vector, tuple(map(math.prod, self._shapes)))
        small = (piece.reshape(shape) for piece, shape in zip(pieces, self._shapes, strict=True))
        large = iter(others)
        return self._tree.unflatten([next(small if is_small else large) for is_small in self._small])
