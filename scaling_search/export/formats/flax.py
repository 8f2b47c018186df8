"""A network as a flax nnx module: `model.py`, which needs flax alone. Channels are last, as they are here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from safetensors.numpy import save

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import Padding, Shape
from scaling_search.export.blocks import Columns
from scaling_search.export.job import Job
from scaling_search.export.source import Call, Node
from scaling_search.export.writer import Dialect
from scaling_search.export.writer import model as write_model

ACTIVATIONS = {
    "silu": "nnx.silu",
    "relu": "nnx.relu",
    "relu6": "nnx.relu6",
    "sigmoid": "nnx.sigmoid",
    "hard_swish": "nnx.hard_swish",
    "hard_sigmoid": "nnx.hard_sigmoid",
    "gelu": "nnx.gelu",
    "tanh": "nnx.tanh",
    "identity": "identity",
}


def files(job: Job) -> dict[str, bytes]:
    """`model.py` and its weights, named as flax names them."""
    tensors = {
        f"{layer.name}.{'var' if name == 'variance' else name}": np.ascontiguousarray(value)
        for layer, arrays in job.weights
        for name, value in arrays.items()
    }
    return {"model.py": model(job.network, job.about).encode(), "model.safetensors": save(tensors)}


def model(network: Network, about: str) -> str:
    """The text of `model.py`; `about` begins it."""
    side = network.resolution
    return write_model(network, about, DIALECT, _constants, f"(N, {side}, {side}, {network.channels})")


def _constants(norm: ops.Norm) -> tuple[str, ...]:
    return f"EPSILON = {norm.epsilon!r}", f"MOMENTUM = {norm.momentum!r}"


def _leaf(every: Sequence[Any], shapes: Sequence[Shape], columns: Columns) -> Node:
    op: Any = every[0]
    match op:
        case ops.Conv():
            return _conv(every, shapes, columns)
        case ops.Activation(kind=kind):
            return ACTIVATIONS[kind]
        case ops.LocalResponseNorm():
            return f"ResponseNorm({op.size}, {op.alpha!r}, {op.beta!r}, {op.k!r})"
        case ops.Pool():
            kernel = columns.number([one.kernel for one in every], "kernel")
            stride = columns.number([one.stride for one in every], "stride")
            padding = _padding(op.padding, [one.kernel for one in every], kernel)
            ceil = op.ceil and op.padding != "same"
            return Call("Pool", (f'"{op.kind}"', kernel, stride, padding, *(("ceil=True",) if ceil else ())))
        case ops.GlobalPool():
            return "global_pool"
        case ops.Flatten():
            return "flatten"
        case ops.Dense():
            inputs = columns.width([shape[2] for shape in shapes], columns.inner)
            features = columns.width([one.features for one in every], columns.inner)
            return Call("linear", (inputs, features, *(() if op.bias else ("bias=False",))))
        case ops.Dropout():
            return Call("dropout", (columns.number([one.rate for one in every], "rate"),))
        case ops.ChannelShuffle():
            return Call("Shuffle", (columns.groups([one.groups for one in every]),))
        case _:
            raise TypeError(f"no flax for {type(op).__name__}")


def _conv(every: Sequence[ops.Conv], shapes: Sequence[Shape], columns: Columns) -> Node:
    op = every[0]
    inputs = columns.width([shape[2] for shape in shapes], columns.inner)
    features = columns.width([one.features for one in every], columns.inner)
    kernel = columns.number([one.kernel for one in every], "kernel")
    arguments: list[Node] = [inputs, features, kernel]
    if any(one.stride > 1 for one in every):
        arguments.append(columns.number([one.stride for one in every], "stride"))
    if op.padding != "same" and any(one.kernel > 1 for one in every):
        arguments.append(f"padding={_padding(op.padding, [one.kernel for one in every], kernel)}")
    elif isinstance(op.padding, int) and op.padding:
        arguments.append(f"padding={op.padding}")
    if any(one.groups > 1 for one in every):
        arguments.append(f"groups={columns.groups([one.groups for one in every])}")
    if op.bias:
        arguments.append("bias=True")
    return Call("conv2d", tuple(arguments))


def _padding(padding: Padding, kernels: Sequence[int], kernel: str) -> str:
    """The pixels on each side as an expression, or XLA's name of the rule."""
    match padding:
        case "same":
            return '"SAME"'
        case "symmetric":
            return str(kernels[0] // 2) if kernel.isdigit() else f"{kernel} // 2"
        case "valid":
            return "0"
    return str(padding)


DIALECT = Dialect(
    pieces="flax",
    last=("load", "check"),
    sequential="nnx.Sequential",
    module="nnx.Module",
    array="Array",
    call="__call__",
    stack="jnp.stack",
    logits="{}.reshape(len(x), -1)",
    training="any(not aux.deterministic for aux in auxiliaries(self))",
    leaf=_leaf,
)
