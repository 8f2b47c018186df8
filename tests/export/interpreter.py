"""The operation tree once more, in NumPy and float64: the truth that exported numbers are held against.

It shares nothing with `scaling_search.networks` but the tree and the names of the arrays, so both are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import expit

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network, operation_tree, unrolled
from scaling_search.architecture.shapes import pads

NUMBER: type = np.float64
Arrays = dict[str, np.ndarray]

ACTIVATE = {
    "silu": lambda x: x * expit(x),
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": expit,
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "tanh": np.tanh,
    "identity": lambda x: x,
}


def logits(network: Network, layers: list[Arrays], images: np.ndarray, *, settle: bool = False) -> np.ndarray:
    """(B, classes) in float64. With `settle` each norm first takes a fifth of these images' own statistics.

    (All of them would let rounding errors grow from block to block; see `export.reference`.)
    """
    left = iter(layers)
    found = run(unrolled(operation_tree(network)), images.astype(NUMBER), left, settle)
    assert next(left, None) is None, "not every layer was used"
    return found.reshape(len(images), -1)


def run(op: Any, x: np.ndarray, left: Iterator[Arrays], settle: bool) -> np.ndarray:
    match op:
        case ops.Chain():
            for step in op.operations:
                x = run(step, x, left, settle)
            return x
        case ops.Conv():
            return convolve(op, x, next(left))
        case ops.Norm():
            norm = next(left)
            if settle:
                norm["mean"] = (0.2 * x.mean(axis=(0, 1, 2))).astype(np.float32)
                norm["variance"] = (0.8 + 0.2 * x.var(axis=(0, 1, 2))).astype(np.float32)
            mean, variance = norm["mean"].astype(NUMBER), norm["variance"].astype(NUMBER)
            return (x - mean) / np.sqrt(variance + op.epsilon) * norm["scale"] + norm["bias"]
        case ops.Dense():
            dense = next(left)
            return x @ dense["kernel"].astype(NUMBER) + dense.get("bias", 0)
        case ops.Activation():
            return ACTIVATE[op.kind](x)
        case ops.Pool():
            windows = slid(x, op, -np.inf if op.kind == "max" else np.nan)
            return windows.max(axis=(-2, -1)) if op.kind == "max" else np.nanmean(windows, axis=(-2, -1))
        case ops.GlobalPool():
            return x.mean(axis=(1, 2), keepdims=True)
        case ops.Flatten():
            return x.reshape(len(x), 1, 1, -1)
        case ops.Dropout() | ops.Auxiliary():
            for _ in range(weighted(op.branch) if isinstance(op, ops.Auxiliary) else 0):
                next(left)
            return x
        case ops.ChannelShuffle():
            apart = x.reshape(*x.shape[:3], op.groups, -1)
            return apart.swapaxes(-1, -2).reshape(x.shape)
        case ops.LocalResponseNorm():
            total = np.zeros_like(x)
            for channel in range(x.shape[3]):
                first = max(0, channel - op.size // 2)
                total[..., channel] = (x[..., first : channel + (op.size - 1) // 2 + 1] ** 2).sum(axis=-1)
            return x / (op.k + op.alpha / op.size * total) ** op.beta
        case ops.Residual():
            branch = run(op.branch, x, left, settle)
            return branch + run(op.shortcut, x, left, settle)
        case ops.Mean():
            return np.mean(columns(op, x, left, settle), axis=0)
        case ops.Concat():
            inputs = np.split(x, len(op.branches), axis=3) if op.split else [x] * len(op.branches)
            found = [run(one, y, left, settle) for one, y in zip(op.branches, inputs, strict=True)]
            return np.concatenate(found, axis=3)
        case ops.Gate():
            return x * run(op.branch, x, left, settle)
    raise TypeError(f"no NumPy for {op}")


def columns(op: Any, x: np.ndarray, left: Iterator[Arrays], settle: bool) -> list[np.ndarray]:
    match op:
        case ops.Mean():
            return [y for branch in op.branches for y in columns(branch, x, left, settle)]
        case ops.Chain(operations=(*before, last)):
            return columns(last, run(ops.Chain(tuple(before)), x, left, settle), left, settle)
    return [run(op, x, left, settle)]


def weighted(op: Any) -> int:
    """How many layers with weights an operation has."""
    if isinstance(op, ops.Conv | ops.Norm | ops.Dense):
        return 1
    inside = getattr(op, "operations", None) or getattr(op, "branches", None) or [getattr(op, "branch", None)]
    return sum(weighted(one) for one in inside if one is not None)


def slid(x: np.ndarray, op: ops.Conv | ops.Pool, value: float) -> np.ndarray:
    """The windows (B, H', W', C, k, k) of a padded map."""
    ceil = isinstance(op, ops.Pool) and op.ceil
    sides = [pads(size, op.kernel, op.stride, op.padding, ceil=ceil) for size in x.shape[1:3]]
    padded = np.pad(x, ((0, 0), *sides, (0, 0)), constant_values=value)
    return sliding_window_view(padded, (op.kernel, op.kernel), (1, 2))[:, :: op.stride, :: op.stride]


def convolve(op: ops.Conv, x: np.ndarray, layer: Arrays) -> np.ndarray:
    kernel = layer["kernel"].astype(NUMBER)
    windows = slid(x, op, 0.0)
    batch, height, width, channels = windows.shape[:4]
    windows = windows.reshape(batch * height * width, op.groups, channels // op.groups, -1)
    taps = kernel.reshape(op.kernel**2, channels // op.groups, op.groups, op.features // op.groups)
    found = np.einsum("ngck,kcgo->ngo", windows, taps, optimize=True)
    return found.reshape(batch, height, width, op.features) + layer.get("bias", 0)
