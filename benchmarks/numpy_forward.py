"""A training pass in NumPy: the operation tree once more, without XLA, which takes minutes to compile all networks.

Batch norm takes the batch's own statistics; dropout and stochastic depth are off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from scaling_search.architecture import operations as ops
from scaling_search.architecture.operations import Operation
from scaling_search.architecture.shapes import pads

Tree = Any
Maps = np.ndarray  # (images, height, width, channels)


def sigmoid(x: Maps) -> Maps:
    return 0.5 * (np.tanh(0.5 * x) + 1)


ACTIVATE = {
    "silu": lambda x: x * sigmoid(x),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": sigmoid,
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "tanh": np.tanh,
    "identity": lambda x: x,
}


def forward(op: Operation, tree: Tree, x: Maps, heads: list[Maps]) -> Maps:
    """What the operation makes of a batch; logits of auxiliary heads are appended to `heads`."""
    match op:
        case ops.Conv():
            return _conv(op, tree, x)
        case ops.Norm():
            mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
            return (x - mean) / np.sqrt(variance + op.epsilon) * tree["scale"] + tree["bias"]
        case ops.Dense():
            return x @ tree["kernel"] + tree.get("bias", 0)
        case ops.Pool():
            return _pool(op, x)
        case ops.GlobalPool():
            return x.mean((1, 2), keepdims=True)
        case ops.Flatten():
            return x.reshape(len(x), 1, 1, -1)
        case ops.Activation(kind=kind):
            return ACTIVATE[kind](x)
        case ops.Dropout():
            return x
        case ops.ChannelShuffle(groups=groups):
            apart = x.reshape(*x.shape[:3], groups, -1)
            return apart.swapaxes(-1, -2).reshape(x.shape)
        case ops.LocalResponseNorm():
            before = (op.size - 1) // 2
            squares = np.pad(x**2, ((0, 0), (0, 0), (0, 0), (op.size - 1 - before, before)))
            total = sum(squares[..., i : i + x.shape[-1]] for i in range(op.size))
            return x / (op.k + op.alpha / op.size * total) ** op.beta
        case ops.Chain():
            return _chain(op, tree, x, heads)
        case ops.Residual():
            shortcut = forward(op.shortcut, tree.get("shortcut", {}), x, heads)
            return shortcut + forward(op.branch, tree["branch"], x, heads)
        case ops.Mean():
            return np.mean(_columns(op, tree, x, heads), axis=0)
        case ops.Concat():
            parts = np.split(x, len(op.branches), axis=-1) if op.split else [x] * len(op.branches)
            branches = zip(_named(op.branches), op.branches, parts, strict=True)
            found = [forward(o, tree["branches"].get(name, {}), part, heads) for name, o, part in branches]
            return np.concatenate(found, axis=-1)
        case ops.Gate():
            return x * forward(op.branch, tree["branch"], x, heads)
        case ops.Auxiliary():
            heads.append(forward(op.branch, tree["branch"], x, heads))
            return x
        case ops.Repeat():
            for own in _copies(op, tree):
                x = forward(op.operation, own, x, heads)
            return x
    raise TypeError(f"no NumPy for {op}")


def layers(op: Operation, tree: Tree) -> Iterator[tuple[Operation, Tree]]:
    """Every convolution, norm and dense layer with its weights, branches before shortcuts, in the order of the tree."""
    match op:
        case ops.Conv() | ops.Norm() | ops.Dense():
            yield op, tree
        case ops.Chain():
            for step, own in _steps(op, tree):
                # A norm and its activation share a place; an activation has no weights.
                yield from layers(step.operations[0] if _fused(step) else step, own)
        case ops.Residual():
            yield from layers(op.branch, tree["branch"])
            yield from layers(op.shortcut, tree.get("shortcut", {}))
        case ops.Gate():
            yield from layers(op.branch, tree["branch"])
        case ops.Repeat():
            for own in _copies(op, tree):
                yield from layers(op.operation, own)
        case ops.Mean() | ops.Concat() | ops.Auxiliary():
            raise TypeError(f"no order of layers for {type(op).__name__}")


def _named(steps: Any) -> list[str]:
    """The names that `networks.combinators.Chain` gives its steps."""
    kinds = {
        ops.Activation,
        ops.GlobalPool,
        ops.Flatten,
        ops.Dropout,
        ops.ChannelShuffle,
        ops.LocalResponseNorm,
    }
    short = [
        "plain" if type(op) in kinds else "loop" if _loops(op) else "chain" if isinstance(op, ops.Repeat)
        else type(op).__name__.lower()
        for op in steps
    ]  # fmt: skip
    return [f"{index:02d}_{name}" for index, name in enumerate(short)]


def _loops(op: Operation) -> bool:
    from scaling_search.networks.build import LOOP_FROM

    return isinstance(op, ops.Repeat) and len(op.drop_rates) >= LOOP_FROM


def _copies(op: ops.Repeat, tree: Tree) -> list[Tree]:
    """The weights of each copy: stacked in a loop, or one after the other."""
    if "block" in tree:
        return [_copy(tree["block"], index) for index in range(len(op.drop_rates))]
    return [tree[name] for name in _named([op.operation] * len(op.drop_rates))]


def _copy(tree: Tree, index: int) -> Tree:
    return {key: _copy(leaf, index) if isinstance(leaf, dict) else leaf[index] for key, leaf in tree.items()}


def _fused(op: Operation) -> bool:
    """A norm and the activation after it, which the networks build as one module."""
    return isinstance(op, ops.Chain) and [type(step) for step in op.operations] == [ops.Norm, ops.Activation]


def _steps(op: ops.Chain, tree: Tree) -> list[tuple[Operation, Tree]]:
    """The steps of a chain with their weights, norms and activations together."""
    steps: list[Operation] = []
    for step in op.operations:
        if steps and isinstance(step, ops.Activation) and isinstance(steps[-1], ops.Norm):
            steps[-1] = ops.Chain((steps[-1], step))
        else:
            steps.append(step)
    names = _named([ops.Norm() if _fused(step) else step for step in steps])
    return [(step, tree.get(name, {})) for name, step in zip(names, steps, strict=True)]


def _chain(op: ops.Chain, tree: Tree, x: Maps, heads: list[Maps]) -> Maps:
    for step, own in _steps(op, tree):
        if _fused(step):
            norm, activation = step.operations
            x = forward(activation, {}, forward(norm, own, x, heads), heads)
        else:
            x = forward(step, own, x, heads)
    return x


def _columns(op: Operation, tree: Tree, x: Maps, heads: list[Maps]) -> list[Maps]:
    """FractalNet's joins: a branch that ends in a mean gives all of its columns."""
    match op:
        case ops.Mean():
            names = _named(op.branches)
            return [
                column
                for name, branch in zip(names, op.branches, strict=True)
                for column in _columns(branch, tree["branches"].get(name, {}), x, heads)
            ]
        case ops.Chain(operations=(*before, ops.Mean() as last)):
            name = _named([*before, last])[-1]
            return _columns(last, tree[name], _chain(ops.Chain(tuple(before)), tree, x, heads), heads)
    return [forward(op, tree, x, heads)]


def _windows(x: Maps, op: ops.Conv | ops.Pool, fill: float, *, ceil: bool = False) -> Maps:
    """(images, height', width', channels, k, k)."""
    sides = [pads(size, op.kernel, op.stride, op.padding, ceil=ceil) for size in x.shape[1:3]]
    padded = np.pad(x, ((0, 0), *sides, (0, 0)), constant_values=fill)
    every = np.lib.stride_tricks.sliding_window_view(padded, (op.kernel, op.kernel), axis=(1, 2))
    return every[:, :: op.stride, :: op.stride]


def _conv(op: ops.Conv, tree: Tree, x: Maps) -> Maps:
    kernel = tree["kernel"]
    if op.kernel == 1 and op.groups == 1 and op.stride == 1 and op.padding != 1:
        y = x @ kernel[0, 0]
    else:
        windows = _windows(x, op, 0.0)
        if op.groups == x.shape[-1] == op.features:
            taps = [(i, j) for i in range(op.kernel) for j in range(op.kernel)]
            y = sum(windows[..., i, j] * kernel[i, j, 0] for i, j in taps)
        else:
            inputs, outputs = x.shape[-1] // op.groups, op.features // op.groups
            y = np.concatenate(
                [
                    np.tensordot(
                        windows[..., g * inputs : (g + 1) * inputs, :, :],
                        kernel[..., g * outputs : (g + 1) * outputs],
                        axes=((3, 4, 5), (2, 0, 1)),
                    )
                    for g in range(op.groups)
                ],
                axis=-1,
            )
    return y + tree["bias"] if op.bias else y


def _pool(op: ops.Pool, x: Maps) -> Maps:
    if op.kind == "max":
        return _windows(x, op, -np.inf, ceil=op.ceil).max((-1, -2))
    inside = _windows(np.ones((1, *x.shape[1:3], 1), np.float32), op, 0.0, ceil=op.ceil).sum((-1, -2))
    return _windows(x, op, 0.0, ceil=op.ceil).sum((-1, -2)) / inside
