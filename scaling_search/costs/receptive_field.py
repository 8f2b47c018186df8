"""How much of the image one element of a map can see: a fold over the operation tree.

Behind a window of k and stride s, size' = size + (k - 1) * jump and jump' = jump * s. Where paths meet the largest
counts. In pixels of the image, which it may exceed: padding is not cut off. A gate's branch (squeeze-and-excite) sees
the whole map but only scales it, and is left out, as are auxiliary heads.
Source: Araujo, Norris & Sim 2019, "Computing receptive fields of convolutional neural networks", Distill.
"""

from __future__ import annotations

from dataclasses import dataclass

from scaling_search.architecture.operations import (
    Chain,
    Concat,
    Conv,
    Flatten,
    GlobalPool,
    Mean,
    Operation,
    Pool,
    Repeat,
    Residual,
    Shape,
)
from scaling_search.architecture.shapes import output_shape


@dataclass(frozen=True, kw_only=True)
class Field:
    """`size` pixels are seen by one element; neighbouring elements are `jump` pixels apart. The image itself: 1, 1."""

    size: int = 1
    jump: int = 1

    def behind(self, kernel: int, stride: int) -> Field:
        """Behind a sliding window."""
        return Field(size=self.size + (kernel - 1) * self.jump, jump=self.jump * stride)


def receptive_field(operation: Operation, shape: Shape, field: Field) -> Field:
    """The field behind `operation` on a map of `shape`, from the one before it."""
    match operation:
        case Conv() | Pool():
            return field.behind(operation.kernel, operation.stride)
        case GlobalPool() | Flatten():
            side = max(shape[:2])
            return field.behind(side, side)
        case Chain():
            for step in operation.operations:
                field = receptive_field(step, shape, field)
                shape = output_shape(step, shape)
            return field
        case Residual():
            return _widest((operation.branch, operation.shortcut), shape, field)
        case Mean():
            return _widest(operation.branches, shape, field)
        case Concat():
            return _widest(operation.branches, operation.inside(shape), field)
        case Repeat():
            for _ in operation.drop_rates:
                field = receptive_field(operation.operation, shape, field)
            return field
        case _:
            return field


def _widest(branches: tuple[Operation, ...], shape: Shape, field: Field) -> Field:
    return max((receptive_field(branch, shape, field) for branch in branches), key=lambda found: found.size)
