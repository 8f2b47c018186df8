"""Shape inference: the size of every map, from the tree alone."""

from __future__ import annotations

from typing import TypeVar

from scaling_search.architecture.operations import (
    Activation,
    Auxiliary,
    Chain,
    ChannelShuffle,
    Concat,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Gate,
    GlobalPool,
    LocalResponseNorm,
    Mean,
    Norm,
    Operation,
    Padding,
    Pool,
    Repeat,
    Residual,
    Shape,
)
from scaling_search.errors import InputError

T = TypeVar("T")


def pads(size: int, kernel: int, stride: int, padding: Padding, *, ceil: bool = False) -> tuple[int, int]:
    """Pixels added (before, behind) one axis.

    "same" (TensorFlow): total = max((ceil(size / stride) - 1) * stride + kernel - size, 0), the odd one behind.
    With `ceil` (PyTorch's ceil_mode) the far side gets as many as the last window needs, if it starts inside.
    """
    if padding == "same":
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        return total // 2, total - total // 2
    side = kernel // 2 if padding == "symmetric" else 0 if padding == "valid" else int(padding)
    if not ceil:
        return side, side
    windows = -(-(size + 2 * side - kernel) // stride) + 1
    if (windows - 1) * stride >= size + side:
        windows -= 1
    return side, max((windows - 1) * stride + kernel - size - side, 0)


def output_size(size: int, kernel: int, stride: int, padding: Padding, *, ceil: bool = False) -> int:
    """floor((size + before + behind - kernel) / stride) + 1; 0 or less when the map is smaller than the kernel."""
    before, behind = pads(size, kernel, stride, padding, ceil=ceil)
    return (size + before + behind - kernel) // stride + 1


def window_output(
    shape: Shape, kernel: int, stride: int, padding: Padding, *, ceil: bool = False
) -> tuple[int, int]:
    """(height, width) after a sliding window. Errors: InputError when nothing is left of the map."""
    height = output_size(shape[0], kernel, stride, padding, ceil=ceil)
    square = shape[0] == shape[1]
    width = height if square else output_size(shape[1], kernel, stride, padding, ceil=ceil)
    if height < 1 or width < 1:
        raise InputError(
            f"a {kernel}x{kernel} window of stride {stride} leaves nothing of a {shape[0]}x{shape[1]} map: "
            "use a higher resolution or a smaller stride"
        )
    return height, width


def output_shape(operation: Operation, shape: Shape) -> Shape:
    """Shape (H, W, C) behind `operation`.

    Errors: InputError when groups do not divide channels, branches disagree, or the map vanishes.
    """
    match operation:
        case Norm() | LocalResponseNorm() | Activation() | Dropout():
            return shape
        case Conv():
            check_groups(shape[2], operation.features, operation.groups)
            return (
                *window_output(shape, operation.kernel, operation.stride, operation.padding),
                operation.features,
            )
        case Pool():
            size = window_output(
                shape, operation.kernel, operation.stride, operation.padding, ceil=operation.ceil
            )
            return (*size, shape[2])
        case GlobalPool():
            return (1, 1, shape[2])
        case Flatten():
            return (1, 1, shape[0] * shape[1] * shape[2])
        case Dense():
            if shape[:2] != (1, 1):
                raise InputError(f"a dense layer needs a flat input, not a {shape[0]}x{shape[1]} map")
            return (1, 1, operation.features)
        case ChannelShuffle():
            check_groups(shape[2], shape[2], operation.groups)
            return shape
        case Chain():
            for step in operation.operations:
                shape = output_shape(step, shape)
            return shape
        case Residual():
            return agree(
                "residual", [output_shape(operation.branch, shape), output_shape(operation.shortcut, shape)]
            )
        case Mean():
            return agree("mean", [output_shape(branch, shape) for branch in operation.branches])
        case Gate():
            gate = output_shape(operation.branch, shape)
            if gate[2] != shape[2]:
                raise InputError(f"a gate of {gate[2]} channels cannot scale {shape[2]} channels")
            return shape
        case Concat():
            if operation.split:
                check_groups(shape[2], shape[2], len(operation.branches))
            outputs = [output_shape(branch, operation.inside(shape)) for branch in operation.branches]
            agree("concatenation", [output[:2] for output in outputs])
            return (*outputs[0][:2], sum(output[2] for output in outputs))
        case Auxiliary():
            output_shape(operation.branch, shape)
            return shape
        case Repeat():
            if operation.drop_rates:
                agree("repeat", [shape, output_shape(operation.operation, shape)])
            return shape


def agree(what: str, shapes: list[T]) -> T:
    """The one shape that all branches have. Errors: InputError when they differ."""
    if any(shape != shapes[0] for shape in shapes):
        raise InputError(f"the branches of a {what} give different shapes: {', '.join(map(str, shapes))}")
    return shapes[0]


def check_groups(inputs: int, outputs: int, groups: int) -> None:
    """Errors: InputError when `groups` does not divide both channel counts."""
    if inputs % groups or outputs % groups:
        raise InputError(f"{groups} groups do not divide {inputs} input and {outputs} output channels")
