"""The layers that have weights: their names, and their arrays as channels-first frameworks lay them out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network, parts, unrolled
from scaling_search.architecture.operations import Operation, Shape, chain
from scaling_search.architecture.shapes import output_shape

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer with weights on a map of `inputs`, named by its place: "stages.1.0.branch.3".

    Numbers count the steps of a chain, as `torch.nn.Sequential` does. `flattened` is the map (H, W, C) that its input
    channels were flattened from, if they were: frameworks differ in the order. `gated`: it stands in a gate.
    """

    name: str
    operation: ops.Conv | ops.Norm | ops.Dense
    inputs: Shape
    flattened: Shape | None = None
    gated: bool = False


def layers(network: Network) -> tuple[Layer, ...]:
    """Every layer with weights, in the order of the operation tree. Repeated blocks come one by one."""
    found: list[Layer] = []
    flattened: Shape | None = None
    for part in parts(network):
        for layer, flattened in _walk(part_name(part.label), unrolled(part.operation), part.inputs, flattened):
            if layer is not None:
                found.append(layer)
    return tuple(found)


def part_name(label: str) -> str:
    """Stem, stage and head by the names that programs give them: "stage 2" is "stages.1"."""
    what, _, number = label.partition(" ")
    return f"stages.{int(number) - 1}" if number else what


Step = tuple[Layer | None, Shape | None]


def _walk(name: str, op: Operation, shape: Shape, flattened: Shape | None) -> Iterator[Step]:
    """The layers of an operation, each with the map that is flattened behind it; the last says it of the whole."""
    match op:
        case ops.Conv() | ops.Dense():
            yield Layer(name=name, operation=op, inputs=shape, flattened=flattened), None
        case ops.Norm():
            yield Layer(name=name, operation=op, inputs=shape, flattened=flattened), flattened
        case ops.Flatten():
            yield None, (flattened or shape)
        case ops.Chain():
            for number, step in enumerate(op.operations):
                for layer, flattened in _walk(f"{name}.{number}", step, shape, flattened):
                    yield layer, flattened
                shape = output_shape(step, shape)
        case ops.Residual():
            for branch in ("branch", "shortcut"):
                yield from _walk(f"{name}.{branch}", getattr(op, branch), shape, flattened)
        case ops.Mean() | ops.Concat():
            inside = shape
            if isinstance(op, ops.Concat) and op.split:
                inside = (shape[0], shape[1], shape[2] // len(op.branches))
            for number, branch in enumerate(op.branches):
                yield from _walk(f"{name}.{number}", branch, inside, flattened)
        case ops.Gate():
            for layer, _ in _walk(name, chain(op.branch), shape, flattened):
                yield layer and replace(layer, gated=True), flattened
        case ops.Auxiliary():
            for layer, _ in _walk(f"{name}.branch", op.branch, shape, flattened):
                yield layer, flattened
        case _:
            yield None, flattened


def channels_first(layer: Layer, arrays: Arrays) -> Arrays:
    """Our arrays as PyTorch has them: kernels (out, in/g, k, k) and (out, in), a norm's weight, bias and running moments.

    What was flattened here as (H, W, C) is flattened there as (C, H, W).
    """
    found: Arrays = {}
    for name, array in arrays.items():
        if name == "kernel":
            value = _order(array, layer.flattened, first=True) if layer.flattened else array
            found["weight"] = value.transpose((3, 2, 0, 1) if value.ndim == 4 else (1, 0))
        elif name == "bias" and not isinstance(layer.operation, ops.Norm):
            found["bias"] = array
        else:
            found[_NORM_NAMES[name]] = (
                _order(array, layer.flattened, first=True) if layer.flattened else array
            )
    return {name: np.ascontiguousarray(value) for name, value in found.items()}


def channels_last(layer: Layer, arrays: Arrays) -> Arrays:
    """PyTorch's arrays as ours: the inverse of `channels_first`."""
    found: Arrays = {}
    norm = isinstance(layer.operation, ops.Norm)
    for name, array in arrays.items():
        if name == "weight" and not norm:
            value = array.transpose((2, 3, 1, 0) if array.ndim == 4 else (1, 0))
            found["kernel"] = _order(value, layer.flattened, first=False) if layer.flattened else value
        elif norm:
            value = _order(array, layer.flattened, first=False) if layer.flattened else array
            found[_OUR_NAMES[name]] = value
        else:
            found[name] = array
    return {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}


_NORM_NAMES = {"scale": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}
_OUR_NAMES = {theirs: ours for ours, theirs in _NORM_NAMES.items()}


def _order(array: np.ndarray, flattened: Shape, *, first: bool) -> np.ndarray:
    """Rows in the order (H, W, C) into the order (C, H, W) with `first`, else back. A 1x1 kernel's rows are axis 2."""
    axis = array.ndim - 2 if array.ndim > 1 else 0
    rows = np.arange(np.prod(flattened)).reshape(flattened)
    order = rows.transpose(2, 0, 1).ravel()
    return np.take(array, order if first else np.argsort(order), axis=axis)
