"""A network as a flax nnx module: `model.py`, which needs flax alone. Channels are last, as they are here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from safetensors.numpy import save

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import Padding
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
    return write_model(network, about, DIALECT)


def _pool(every: Sequence[ops.Pool], kernel: str, stride: str) -> Node:
    op = every[0]
    padding = _padding(op.padding, [one.kernel for one in every], kernel)
    ceil = ("ceil=True",) if op.ceil and op.padding != "same" else ()
    return Call("Pool", (f'"{op.kind}"', kernel, stride, padding, *ceil))


def _conv_padding(every: Sequence[ops.Conv], kernel: str) -> str | None:
    padding, kernels = every[0].padding, [one.kernel for one in every]
    nothing = padding == "same" or (max(kernels) == 1 and padding in ("symmetric", "valid", 0))
    return None if nothing else _padding(padding, kernels, kernel)


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
    images="(N, {side}, {side}, {channels})",
    momentum=lambda momentum: momentum,
    activations=ACTIVATIONS,
    layers={
        ops.LocalResponseNorm: "ResponseNorm",
        ops.GlobalPool: "global_pool",
        ops.Flatten: "flatten",
        ops.Dense: "linear",
        ops.Dropout: "dropout",
        ops.ChannelShuffle: "Shuffle",
    },
    bias=False,
    conv=lambda _: "conv2d",
    padding=_conv_padding,
    pool=_pool,
)
