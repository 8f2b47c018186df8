"""A network as a PyTorch module: `model.py`, which needs torch and safetensors alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from safetensors.numpy import save

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import Padding, Shape
from scaling_search.errors import InputError
from scaling_search.export.blocks import Columns
from scaling_search.export.job import Job
from scaling_search.export.layers import channels_first
from scaling_search.export.source import Call, Node
from scaling_search.export.writer import Dialect
from scaling_search.export.writer import model as write_model

ACTIVATIONS = {
    "silu": "nn.SiLU()",
    "relu": "nn.ReLU()",
    "relu6": "nn.ReLU6()",
    "sigmoid": "nn.Sigmoid()",
    "hard_swish": "nn.Hardswish()",
    "hard_sigmoid": "nn.Hardsigmoid()",
    "gelu": 'nn.GELU(approximate="tanh")',
    "tanh": "nn.Tanh()",
    "identity": "nn.Identity()",
}


def files(job: Job) -> dict[str, bytes]:
    """`model.py` and its weights, named as PyTorch names them."""
    tensors = {}
    for layer, arrays in job.weights:
        for name, value in channels_first(layer, arrays).items():
            tensors[f"{layer.name}.{name}"] = value
        if isinstance(layer.operation, ops.Norm):
            tensors[f"{layer.name}.num_batches_tracked"] = np.array(0)
    return {
        "model.py": model(job.network, job.about).encode(),
        "model.safetensors": save(tensors, {"format": "pt"}),
    }


def model(network: Network, about: str) -> str:
    """The text of `model.py`; `about` begins it."""
    side = network.resolution
    return write_model(network, about, DIALECT, _constants, f"(N, {network.channels}, {side}, {side})")


def _constants(norm: ops.Norm) -> tuple[str, ...]:
    """PyTorch's momentum is the share of the new."""
    return f"EPSILON = {norm.epsilon!r}", f"MOMENTUM = {round(1 - norm.momentum, 12)!r}"


def _leaf(every: Sequence[Any], shapes: Sequence[Shape], columns: Columns) -> Node:
    op: Any = every[0]
    match op:
        case ops.Conv():
            return _conv(every, shapes, columns)
        case ops.Activation(kind=kind):
            return ACTIVATIONS[kind]
        case ops.LocalResponseNorm():
            return f"nn.LocalResponseNorm({op.size}, {op.alpha!r}, {op.beta!r}, {op.k!r})"
        case ops.Pool():
            return _pool(every, columns)
        case ops.GlobalPool():
            return "nn.AdaptiveAvgPool2d(1)"
        case ops.Flatten():
            return "Flatten()"
        case ops.Dense():
            inputs = columns.width([shape[2] for shape in shapes], columns.inner)
            features = columns.width([one.features for one in every], columns.inner)
            return Call("Dense", (inputs, features, *(() if op.bias else ("bias=False",))))
        case ops.Dropout():
            return Call("nn.Dropout", (columns.number([one.rate for one in every], "rate"),))
        case ops.ChannelShuffle():
            return Call("nn.ChannelShuffle", (columns.groups([one.groups for one in every]),))
        case _:
            raise TypeError(f"no PyTorch for {type(op).__name__}")


def _conv(every: Sequence[ops.Conv], shapes: Sequence[Shape], columns: Columns) -> Node:
    op = every[0]
    inputs = columns.width([shape[2] for shape in shapes], columns.inner)
    features = columns.width([one.features for one in every], columns.inner)
    kernel = columns.number([one.kernel for one in every], "kernel")
    arguments: list[Node] = [inputs, features, kernel]
    if any(one.stride > 1 for one in every):
        arguments.append(columns.number([one.stride for one in every], "stride"))
    fixed = all(is_fixed(one.padding, one.kernel, one.stride) for one in every)
    if fixed and (side := _side(op.padding, [one.kernel for one in every], kernel)):
        arguments.append(f"padding={side}")
    if any(one.groups > 1 for one in every):
        arguments.append(f"groups={columns.groups([one.groups for one in every])}")
    if not op.bias:
        arguments.append("bias=False")
    return Call("nn.Conv2d" if fixed else "Conv", tuple(arguments))


def is_fixed(padding: Padding, kernel: int, stride: int) -> bool:
    """Whether the padding is the same on all sides whatever the size of the input."""
    return padding != "same" or kernel == 1 or (stride == 1 and kernel % 2 == 1)


def _side(padding: Padding, kernels: Sequence[int], kernel: str) -> str | None:
    """The pixels on each side as an expression; None for none."""
    if padding in ("same", "symmetric"):
        if all(one == 1 for one in kernels):
            return None
        return str(int(kernel) // 2) if kernel.isdigit() else f"{kernel} // 2"
    return None if padding in ("valid", 0) else str(padding)


def _pool(every: Sequence[ops.Pool], columns: Columns) -> Node:
    op = every[0]
    kernel = columns.number([one.kernel for one in every], "kernel")
    arguments: list[Node] = [kernel, columns.number([one.stride for one in every], "stride")]
    fixed = all(is_fixed(one.padding, one.kernel, one.stride) for one in every)
    if fixed and (side := _side(op.padding, [one.kernel for one in every], kernel)):
        if isinstance(op.padding, int) and any(2 * op.padding > one.kernel for one in every):
            raise InputError(
                f"PyTorch pads no pooling by more than half of its window: not {op.kernel}x{op.kernel} by {op.padding}"
            )
        arguments.append(f"padding={side}")
    if op.ceil and op.padding != "same":
        arguments.append("ceil_mode=True")
    if op.kind == "average" and fixed and len(arguments) > 2:
        arguments.append("count_include_pad=False")
    plain, padded = ("nn.MaxPool2d", "MaxPool") if op.kind == "max" else ("nn.AvgPool2d", "AvgPool")
    return Call(plain if fixed else padded, tuple(arguments))


DIALECT = Dialect(
    pieces="torch",
    last=("load", "array", "check"),
    sequential="nn.Sequential",
    module="nn.Module",
    array="Tensor",
    call="forward",
    stack="torch.stack",
    logits="{}.flatten(1)",
    training="self.training",
    leaf=_leaf,
)
