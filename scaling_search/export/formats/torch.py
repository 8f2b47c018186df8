"""A network as a PyTorch module: `model.py`, which needs torch and safetensors alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from safetensors.numpy import save

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import Operation, Padding, Shape
from scaling_search.architecture.shapes import output_shape
from scaling_search.errors import InputError
from scaling_search.export.blocks import Columns, ends, single, table
from scaling_search.export.job import Job
from scaling_search.export.layers import channels_first
from scaling_search.export.source import Call, Node, Pieces, keyword, layout, program

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
    """The text of `model.py`; `about` begins its docstring."""
    write = Writer(network)
    stem, head = ends(network)
    stages = table(network, write, "nn.Module")
    rows = Call("", tuple(Call("", stage) for stage in stages.stages), tall=True)
    body = [*stages.functions, layout(rows, before="STAGES = "), _stage(stages.shortcuts)]
    body += [_model(network, write, stem and single(write, stem), single(write, head))]
    pieces = Pieces.of("torch")
    last = [pieces.helpers[name] for name in ("load", "array", "check")]
    last += ['if __name__ == "__main__":\n    check()']
    constants = []
    if write.norm is not None:
        constants = [f"EPSILON = {write.norm.epsilon!r}", f"MOMENTUM = {round(1 - write.norm.momentum, 12)!r}"]
    return program(about, body, pieces, constants=constants, last=last)


def _stage(shortcuts: bool) -> str:
    """The function that makes a stage of its rows."""
    if not shortcuts:
        return '''def stage(rows: tuple) -> nn.Sequential:
    """Each row is a block function, how many blocks, and its arguments."""
    blocks = [block(*numbers) for block, depth, *numbers in rows for _ in range(depth)]
    return nn.Sequential(*blocks)'''
    return '''def stage(rows: tuple) -> nn.Sequential:
    """Each row is a block function, the blocks' drop rates (None: no shortcut), its arguments."""
    blocks = []
    for block, drops, *numbers in rows:
        for drop in drops:
            layer = block(*numbers)
            blocks.append(layer if drop is None else Residual(layer, drop=drop))
    return nn.Sequential(*blocks)'''


def _model(network: Network, write: Writer, stem: Node | None, head: Node) -> str:
    lines = [] if stem is None else [" " * 8 + layout(stem, indent=8, before="self.stem = ")]
    lines += ["        self.stages = nn.Sequential(*map(stage, STAGES))"]
    lines += [" " * 8 + layout(head, indent=8, before="self.head = ")]
    through = "self.stages(x)" if stem is None else "self.stages(self.stem(x))"
    side, channels = network.resolution, network.channels
    says = f"Normalised images (N, {channels}, {side}, {side}) to logits (N, {network.classes})"
    result = [f"        return self.head({through}).flatten(1)"]
    if write.heads:
        says += ";\n    in training (heads, N, classes), the main head first, for losses times HEAD_WEIGHTS"
        result = [
            f"        heads = [self.head({through})]",
            "        if self.training:",
            "            heads += [m.logits for m in self.modules() if isinstance(m, Auxiliary)]",
            "            return torch.stack([logits.flatten(1) for logits in heads])",
            "        return heads[0].flatten(1)",
        ]
    text = ["class Model(nn.Module):", f'    """{says}."""', "", "    def __init__(self) -> None:"]
    text += ["        super().__init__()", *lines, "", "    def forward(self, x: Tensor) -> Tensor:", *result]
    weights = ", ".join(map(repr, (1.0, *write.heads)))
    return "\n".join([*([f"HEAD_WEIGHTS = ({weights})", "", ""] if write.heads else []), *text])


class Writer:
    """The fold: one expression for the same operation of several blocks."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.norm: ops.Norm | None = None
        self.heads: list[float] = []

    def __call__(self, same: Sequence[Operation], shapes: Sequence[Shape], columns: Columns) -> Node:
        op: Any = same[0]
        every: Sequence[Any] = same
        match op:
            case ops.Conv():
                return _conv(every, shapes, columns)
            case ops.Norm():
                return self._norm(op, columns.width([shape[2] for shape in shapes], columns.inner))
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
                inputs = columns.width([shape[2] for shape in shapes], "inputs")
                features = columns.width([one.features for one in every], columns.inner)
                return Call("Dense", (inputs, features, *(() if op.bias else ("bias=False",))))
            case ops.Dropout():
                return Call("nn.Dropout", (columns.number([one.rate for one in every], "rate"),))
            case ops.ChannelShuffle():
                return Call("nn.ChannelShuffle", (columns.groups([one.groups for one in every]),))
            case ops.Chain():
                steps = self._steps(every, shapes, columns)
                return Call("nn.Sequential", steps) if steps else "nn.Identity()"
            case ops.Residual():
                rates = [one.drop_rate for one in every]
                drop = columns.number(rates, "drop") if any(rates) else None
                shortcut = op.shortcut != ops.Chain()
                return Call(
                    "Residual",
                    (
                        self([one.branch for one in every], shapes, columns),
                        *((self([one.shortcut for one in every], shapes, columns),) if shortcut else ()),
                        *(() if drop is None else (f"drop={drop}",)),
                    ),
                )
            case ops.Mean():
                rates = [one.drop_rate for one in every]
                drop = columns.number(rates, "drop") if any(rates) else None
                return Call(
                    "Mean",
                    (*self._branches(every, shapes, columns), *(() if drop is None else (f"drop={drop}",))),
                )
            case ops.Concat():
                inside = shapes
                if op.split:
                    inside = [(h, w, c // len(op.branches)) for h, w, c in shapes]
                branches = self._branches(every, inside, columns)
                return Call("Concat", (*branches, *(("split=True",) if op.split else ())))
            case ops.Gate():
                columns.inner = "squeezed"
                steps = self._steps([ops.chain(one.branch) for one in every], shapes, columns)
                columns.inner = "inner"
                return Call("Gate", steps)
            case ops.Auxiliary():
                self.heads += [one.weight for one in every]
                return Call("Auxiliary", (self([one.branch for one in every], shapes, columns),))
            case _:
                raise TypeError(f"no PyTorch for {type(op).__name__}")

    def _norm(self, op: ops.Norm, channels: str) -> Node:
        self.norm = self.norm or op
        if op != self.norm:
            raise TypeError("a network has one kind of norm")
        return f"Norm({channels})"

    def _branches(self, every: Sequence[Any], shapes: Sequence[Shape], columns: Columns) -> tuple[Node, ...]:
        return tuple(
            self(branches, shapes, columns)
            for branches in zip(*(one.branches for one in every), strict=True)
        )

    def _steps(
        self, every: Sequence[Any], shapes: Sequence[Shape], columns: Columns
    ) -> tuple[Node, ...]:
        steps: list[Node] = []
        for step in zip(*(one.operations for one in every), strict=True):
            steps.append(self(step, shapes, columns))
            shapes = [output_shape(one, shape) for one, shape in zip(step, shapes, strict=True)]
        return tuple(steps)


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
