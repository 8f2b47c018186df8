"""Where each layer's weights lie in the trees of `build`, in the order of the operation tree and with no loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx

from scaling_search.architecture.network import Network
from scaling_search.networks import combinators, modules
from scaling_search.networks.build import LOOP_FROM, abstract
from scaling_search.networks.initial import nested

Tree = dict[str, Any]
Layer = dict[str, np.ndarray]
_STATS = ("mean", "variance")


@dataclass(frozen=True, kw_only=True)
class Place:
    """One convolution, norm or dense layer. In loops `copies` are its indices along the leading axes."""

    path: tuple[str, ...]
    copies: tuple[int, ...]


def places(network: Network, *, loop_from: int = LOOP_FROM) -> tuple[Place, ...]:
    """Every layer with weights, in the order of the operation tree; a block in a loop comes once for each copy."""
    return tuple(_walk(abstract(network, "reference", loop_from)[0], (), ()))


def _walk(module: nnx.Module, path: tuple[str, ...], copies: tuple[int, ...]) -> Iterator[Place]:
    match module:
        case modules.Conv() | modules.Norm() | modules.Dense():
            yield Place(path=path, copies=copies)
        case combinators.Chain():
            for name in module.names:
                yield from _walk(getattr(module, name), (*path, name), copies)
        case combinators.Residual():
            yield from _walk(module.branch, (*path, "branch"), copies)
            yield from _walk(module.shortcut, (*path, "shortcut"), copies)
        case combinators.Mean() | combinators.Concat():
            yield from _walk(module.branches, (*path, "branches"), copies)
        case combinators.Gate() | combinators.Auxiliary():
            yield from _walk(module.branch, (*path, "branch"), copies)
        case combinators.Loop():
            for copy in range(len(module.drop_rates)):
                yield from _walk(module.block, (*path, "block"), (*copies, copy))
        case modules.Pool() | modules.Plain():
            return
        case _:
            raise TypeError(f"no weights are known of {type(module).__name__}")


def unstack(network: Network, params: Tree, batch_stats: Tree) -> list[Layer]:
    """The arrays of each of `places`, by name: kernel, bias, scale, mean, variance as far as it has them."""
    trees = [jax.tree.map(np.asarray, tree) for tree in (params, batch_stats)]
    return [
        {name: leaf[place.copies] for tree in trees for name, leaf in _at(tree, place.path).items()}
        for place in places(network)
    ]


def stack(network: Network, layers: list[Layer]) -> tuple[Tree, Tree]:
    """(params, batch_stats) of these arrays: the inverse of `unstack`."""
    found: dict[tuple[str, ...], list[tuple[tuple[int, ...], np.ndarray]]] = {}
    for place, layer in zip(places(network), layers, strict=True):
        for name, value in layer.items():
            found.setdefault((*place.path, name), []).append((place.copies, value))
    params: dict[tuple[Any, ...], np.ndarray] = {}
    stats: dict[tuple[Any, ...], np.ndarray] = {}
    for path, copies in found.items():
        sizes = tuple(max(axis) + 1 for axis in zip(*(indices for indices, _ in copies), strict=True))
        whole = np.empty((*sizes, *copies[0][1].shape), np.float32)
        for indices, value in copies:
            whole[indices] = value
        (stats if path[-1] in _STATS else params)[path] = whole
    return nested(params), nested(stats)


def _at(tree: Tree, path: tuple[str, ...]) -> Tree:
    """What lies at a path; {} where this tree has nothing there (a convolution has no statistics)."""
    for part in path:
        tree = tree.get(part, {})
    return tree
