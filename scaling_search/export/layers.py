"""The layers that have weights: their names, and their arrays as channels-first frameworks lay them out."""

from __future__ import annotations

from dataclasses import dataclass

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
    walk = _Walk()
    for part in parts(network):
        walk.visit(part_name(part.label), unrolled(part.operation), part.inputs)
    return tuple(walk.found)


def part_name(label: str) -> str:
    """Stem, stage and head by the names that programs give them: "stage 2" is "stages.1"."""
    what, _, number = label.partition(" ")
    return f"stages.{int(number) - 1}" if number else what


class _Walk:
    """Collects layers; `flattened` is the map whose elements are the channels at this point, if they are any's."""

    def __init__(self) -> None:
        self.found: list[Layer] = []
        self.flattened: Shape | None = None
        self.gated = False

    def visit(self, name: str, op: Operation, shape: Shape) -> None:
        match op:
            case ops.Conv() | ops.Dense() | ops.Norm():
                layer = Layer(
                    name=name, operation=op, inputs=shape, flattened=self.flattened, gated=self.gated
                )
                self.found.append(layer)
                if not isinstance(op, ops.Norm):
                    self.flattened = None
            case ops.Flatten():
                self.flattened = self.flattened or shape
            case ops.Chain():
                for number, step in enumerate(op.operations):
                    self.visit(f"{name}.{number}", step, shape)
                    shape = output_shape(step, shape)
            case ops.Residual():
                self._beside([(f"{name}.branch", op.branch), (f"{name}.shortcut", op.shortcut)], shape)
            case ops.Mean() | ops.Concat():
                inside = shape
                if isinstance(op, ops.Concat) and op.split:
                    inside = (shape[0], shape[1], shape[2] // len(op.branches))
                self._beside([(f"{name}.{i}", branch) for i, branch in enumerate(op.branches)], inside)
            case ops.Gate():
                before = self.flattened, self.gated
                self.gated = True
                self.visit(name, chain(op.branch), shape)
                self.flattened, self.gated = before
            case ops.Auxiliary():
                before_branch = self.flattened
                self.visit(f"{name}.branch", op.branch, shape)
                self.flattened = before_branch
            case ops.Activation() | ops.Dropout() | ops.Pool() | ops.GlobalPool():
                pass
            case ops.LocalResponseNorm() | ops.ChannelShuffle():
                pass
            case _:
                raise TypeError(f"no names for {type(op).__name__}")

    def _beside(self, branches: list[tuple[str, Operation]], shape: Shape) -> None:
        before = self.flattened
        for name, branch in branches:
            self.flattened = before
            self.visit(name, branch, shape)


def tensor_shapes(layer: Layer) -> dict[str, tuple[int, ...]]:
    """The tensors that a layer has in PyTorch, and their shapes."""
    op, channels = layer.operation, layer.inputs[2]
    match op:
        case ops.Norm():
            return dict.fromkeys(_OUR_NAMES, (channels,))
        case ops.Conv():
            weight: tuple[int, ...] = (op.features, channels // op.groups, op.kernel, op.kernel)
        case ops.Dense():
            weight = (op.features, channels)
    return {"weight": weight, **({"bias": (op.features,)} if op.bias else {})}


def channels_first(layer: Layer, arrays: Arrays) -> Arrays:
    """Our arrays as PyTorch has them: kernels (out, in/g, k, k) and (out, in), a norm's weight and running moments.

    What was flattened here as (H, W, C) is flattened there as (C, H, W).
    """
    found: Arrays = {}
    for name, array in arrays.items():
        if name == "kernel":
            value = _order(array, layer.flattened, first=True)
            found["weight"] = value.transpose((3, 2, 0, 1) if value.ndim == 4 else (1, 0))
        elif name == "bias" and not isinstance(layer.operation, ops.Norm):
            found["bias"] = array
        else:
            found[_NORM_NAMES[name]] = _order(array, layer.flattened, first=True)
    return {name: np.ascontiguousarray(value) for name, value in found.items()}


def channels_last(layer: Layer, arrays: Arrays) -> Arrays:
    """PyTorch's arrays as ours: the inverse of `channels_first`."""
    found: Arrays = {}
    norm = isinstance(layer.operation, ops.Norm)
    for name, array in arrays.items():
        if name == "weight" and not norm:
            value = array.transpose((2, 3, 1, 0) if array.ndim == 4 else (1, 0))
            found["kernel"] = _order(value, layer.flattened, first=False)
        elif norm:
            found[_OUR_NAMES[name]] = _order(array, layer.flattened, first=False)
        else:
            found[name] = array
    return {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}


_NORM_NAMES = {"scale": "weight", "bias": "bias", "mean": "running_mean", "variance": "running_var"}
_OUR_NAMES = {theirs: ours for ours, theirs in _NORM_NAMES.items()}


def _order(array: np.ndarray, flattened: Shape | None, *, first: bool) -> np.ndarray:
    """Rows in the order (H, W, C) into the order (C, H, W) with `first`, else back. A 1x1 kernel's rows are axis 2."""
    if flattened is None:
        return array
    axis = array.ndim - 2 if array.ndim > 1 else 0
    rows = np.arange(np.prod(flattened)).reshape(flattened)
    order = rows.transpose(2, 0, 1).ravel()
    return np.take(array, order if first else np.argsort(order), axis=axis)
