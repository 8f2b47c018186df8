"""A network as a PyTorch module: `model.py`, which needs torch and safetensors alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from safetensors.numpy import save

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.errors import InputError
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
    names = [layer.name for layer, _ in job.weights]
    return {"model.py": model(job.network, job.about).encode(), "model.safetensors": weights(job, names)}


def weights(job: Job, names: Sequence[str]) -> bytes:
    """`model.safetensors` for PyTorch, its layers by these names."""
    tensors = {}
    for (layer, arrays), name in zip(job.weights, names, strict=True):
        for tensor, value in channels_first(layer, arrays).items():
            tensors[f"{name}.{tensor}"] = value
        if isinstance(layer.operation, ops.Norm):
            tensors[f"{name}.num_batches_tracked"] = np.array(0)
    return save(tensors, {"format": "pt"})


def model(network: Network, about: str) -> str:
    """The text of `model.py`; `about` begins it."""
    return write_model(network, about, DIALECT)


def _fixed(every: Sequence[ops.Conv | ops.Pool]) -> bool:
    """Whether the padding is the same on all sides whatever the size of the input."""
    return all(
        one.padding != "same" or one.kernel == 1 or (one.stride == 1 and one.kernel % 2 == 1) for one in every
    )


def _padding(every: Sequence[ops.Conv | ops.Pool], kernel: str) -> str | None:
    """The pixels on each side as an expression; None for none, and where they follow the input."""
    padding, one_pixel = every[0].padding, all(one.kernel == 1 for one in every)
    if padding in ("valid", 0) or not _fixed(every):
        return None
    if isinstance(padding, int):
        return str(padding)
    half = str(int(kernel) // 2) if kernel.isdigit() else f"{kernel} // 2"
    return None if one_pixel else half


def _pool(every: Sequence[ops.Pool], kernel: str, stride: str) -> Node:
    op, fixed, arguments = every[0], _fixed(every), [kernel, stride]
    if side := _padding(every, kernel):
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
    images="(N, {channels}, {side}, {side})",
    momentum=lambda momentum: round(1 - momentum, 12),  # PyTorch's is the share of the new
    activations=ACTIVATIONS,
    layers={
        ops.LocalResponseNorm: "nn.LocalResponseNorm",
        ops.GlobalPool: "nn.AdaptiveAvgPool2d(1)",
        ops.Flatten: "Flatten()",
        ops.Dense: "Dense",
        ops.Dropout: "nn.Dropout",
        ops.ChannelShuffle: "nn.ChannelShuffle",
    },
    bias=True,
    conv=lambda every: "nn.Conv2d" if _fixed(every) else "Conv",
    padding=_padding,
    pool=_pool,
)
