"""What a network costs, by one fold over its operation tree.

Convention: MACs are multiply-adds for one image, forward. Every convolution and dense layer counts
(k*k*c_in/groups)*c_out*h_out*w_out, plus one per output element with a bias; squeeze-and-excite counts; normalisation,
activation, pooling, addition and gating count zero. Parameters are trainable scalars; batch-norm running statistics are
`batch_stats`. Activations are the outputs of every convolution, dense and spatial pooling layer (not the global mean).
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, fields, replace
from itertools import zip_longest

from scaling_search.architecture.network import Network, Part, operation_tree, parts
from scaling_search.architecture.operations import (
    Activation,
    Auxiliary,
    Chain,
    ChannelShuffle,
    Concat,
    Conv,
    Dense,
    Flatten,
    Gate,
    GlobalPool,
    LocalResponseNorm,
    Mean,
    Norm,
    Operation,
    Pool,
    Repeat,
    Residual,
    Shape,
)
from scaling_search.architecture.shapes import agree, output_shape, pads


@dataclass(frozen=True, slots=True)
class Cost:
    """Figures for one image. `stored` are the map elements that a backward pass keeps (see `memory`)."""

    parameters: int = 0
    batch_stats: int = 0
    macs: int = 0
    activations: int = 0
    stored: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*map(operator.add, _figures(self), _figures(other)))

    def times(self, count: int) -> Cost:
        """`count` of the same."""
        return Cost(*(figure * count for figure in _figures(self)))


_figures = operator.attrgetter(*(field.name for field in fields(Cost)))
FREE = Cost()
# The squares, their sum, its power and the quotient.
_RESPONSE_NORM_MAPS = 4


def size(shape: Shape) -> int:
    """Elements of a map."""
    return shape[0] * shape[1] * shape[2]


def count(operation: Operation, shape: Shape) -> tuple[Cost, Shape]:
    """Cost of `operation` on a map of `shape`, and the shape behind it."""
    match operation:
        case Chain():
            total = FREE
            for step, behind in zip_longest(operation.operations, operation.operations[1:]):
                cost, shape = count(step, shape)
                if isinstance(step, Norm) and isinstance(behind, Activation):
                    cost = replace(cost, stored=0)
                total = total + cost
            return total, shape
        case Conv():
            outputs = output_shape(operation, shape)
            weights = operation.kernel**2 * (shape[2] // operation.groups) * operation.features
            bias = operation.features if operation.bias else 0
            macs = weights * outputs[0] * outputs[1] + (size(outputs) if operation.bias else 0)
            return Cost(
                weights + bias, 0, macs, size(outputs), size(outputs) + _rim(operation, shape)
            ), outputs
        case Norm():
            return Cost(2 * shape[2], 2 * shape[2], 0, 0, size(shape)), shape
        case Dense():
            outputs = output_shape(operation, shape)
            bias = operation.features if operation.bias else 0
            weights = shape[2] * operation.features
            return Cost(weights + bias, 0, weights + bias, operation.features, operation.features), outputs
        case Pool():
            outputs = output_shape(operation, shape)
            masks = operation.kernel**2 if operation.kind == "max" else 1
            return Cost(0, 0, 0, size(outputs), size(outputs) * masks), outputs
        case Residual():
            branch, outputs = _joined(operation.branch, shape)
            shortcut, beside = _joined(operation.shortcut, shape)
            agree("residual", [outputs, beside])
            return branch + shortcut + Cost(stored=size(outputs)), outputs
        case Mean() | Concat():
            inside = operation.inside(shape) if isinstance(operation, Concat) else shape
            total = FREE
            for branch_operation in operation.branches:
                total = total + _joined(branch_operation, inside)[0]
            outputs = output_shape(operation, shape)
            return total + Cost(stored=size(outputs)), outputs
        case Gate():
            branch, _ = count(operation.branch, shape)
            return branch + Cost(stored=size(shape)), shape
        case Auxiliary():
            branch, _ = count(operation.branch, shape)
            return replace(branch, macs=0, activations=0), shape
        case Repeat():
            once, shape = count(operation.operation, shape)
            return once.times(len(operation.drop_rates)), shape
        case GlobalPool() | Flatten() | ChannelShuffle():
            return FREE, output_shape(operation, shape)
        case LocalResponseNorm():
            return Cost(stored=_RESPONSE_NORM_MAPS * size(shape)), shape
        case _:
            return Cost(stored=size(shape)), output_shape(operation, shape)


def _joined(branch: Operation, shape: Shape) -> tuple[Cost, Shape]:
    """Of a branch that is added to others or copied beside them: neither has use for its last map afterwards."""
    cost, outputs = count(branch, shape)
    return replace(cost, stored=max(0, cost.stored - size(outputs))), outputs


def _rim(conv: Conv, shape: Shape) -> int:
    """Elements by which the padded input, which is what a dense convolution keeps, exceeds the map itself."""
    if conv.stride > 1 or conv.groups == shape[2] > 1:
        return 0
    height, width = (side + sum(pads(side, conv.kernel, 1, conv.padding)) for side in shape[:2])
    return (height * width - shape[0] * shape[1]) * shape[2]


def cost(network: Network, resolution: int | None = None) -> Cost:
    """Cost of the whole network at `resolution` pixels (its own unless given)."""
    side = network.resolution if resolution is None else resolution
    return count(operation_tree(network, side), (side, side, network.channels))[0]


def costs_by_part(network: Network) -> list[tuple[Part, Cost]]:
    """Each stem, stage and head with its cost; they add up to `cost(network)`."""
    return [(part, count(part.operation, part.inputs)[0]) for part in parts(network)]
