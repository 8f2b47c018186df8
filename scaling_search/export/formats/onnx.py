"""A network as an ONNX graph for inference, (batch, C, H, W) in, logits out; the batch may have any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import parts, unrolled
from scaling_search.architecture.operations import Operation, Shape
from scaling_search.architecture.shapes import output_shape, pads
from scaling_search.export.job import Job
from scaling_search.export.layers import Arrays, channels_first, part_name

# The newest that the tested onnxruntime runs; of an older onnx package its own newest.
OPSET = min(28, onnx.defs.onnx_opset_version())
INPUT, OUTPUT = "images", "logits"


def files(job: Job) -> dict[str, bytes]:
    """`model.onnx`, and the same weights as `model.safetensors`."""
    tensors = {layer.name: channels_first(layer, arrays) for layer, arrays in job.weights}
    flat = {f"{layer}.{name}": value for layer, values in tensors.items() for name, value in values.items()}
    return {
        "model.onnx": graph(job, tensors).SerializeToString(),
        "model.safetensors": save(flat, {"format": "pt"}),
    }


def graph(job: Job, tensors: dict[str, Arrays]) -> onnx.ModelProto:
    """The whole model. Errors: onnx's checker for a graph that is none."""
    network = job.network
    writer = Writer(tensors)
    value = INPUT
    if job.normalise is not None:
        mean, std = (moment.reshape(1, -1, 1, 1) for moment in job.normalise)
        value = writer.node("Sub", value, writer.constant("normalise.mean", mean))
        value = writer.node("Div", value, writer.constant("normalise.std", std))
    for part in parts(network):
        value = writer.write(unrolled(part.operation), part.inputs, value, part_name(part.label))
    writer.nodes.append(helper.make_node("Flatten", [value], [OUTPUT], name=OUTPUT, axis=1))
    side = network.resolution
    made = helper.make_model(
        helper.make_graph(
            writer.nodes,
            "".join(letter for letter in network.name if letter.isprintable()),
            [
                helper.make_tensor_value_info(
                    INPUT, TensorProto.FLOAT, ["batch", network.channels, side, side]
                )
            ],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", network.classes])],
            writer.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=helper.OP_SET_ID_VERSION_MAP["ai.onnx", OPSET],
        producer_name="scaling-search",
    )
    onnx.checker.check_model(made, full_check=True)
    return made


class Writer:
    """The fold: nodes for an operation on the tensor named `value`, and the name of what comes out."""

    def __init__(self, tensors: dict[str, Arrays]) -> None:
        self.tensors = tensors
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def weights(self, layer: str, *names: str) -> list[str]:
        """The arrays of a layer, by the names that they have in `model.safetensors`."""
        arrays = self.tensors[layer]
        return [self.constant(f"{layer}.{name}", arrays[name]) for name in names if name in arrays]

    def write(self, op: Operation, shape: Shape, value: str, at: str) -> str:
        match op:
            case ops.Conv():
                return self.node(
                    "Conv",
                    value,
                    *self.weights(at, "weight", "bias"),
                    kernel_shape=[op.kernel] * 2,
                    strides=[op.stride] * 2,
                    group=op.groups,
                    pads=_pads(op, shape),
                )
            case ops.Norm():
                moments = self.weights(at, "weight", "bias", "running_mean", "running_var")
                return self.node(
                    "BatchNormalization", value, *moments, epsilon=op.epsilon, momentum=op.momentum
                )
            case ops.LocalResponseNorm():
                return self._response_norm(op, value)
            case ops.Activation(kind=kind):
                return self._activation(kind, value)
            case ops.Pool():
                window = {
                    "kernel_shape": [op.kernel] * 2,
                    "strides": [op.stride] * 2,
                    "pads": _pads(op, shape),
                }
                return self.node("MaxPool" if op.kind == "max" else "AveragePool", value, **window)
            case ops.GlobalPool():
                return self.node("GlobalAveragePool", value)
            case ops.Flatten():
                return self._reshape(value, [0, math.prod(shape), 1, 1])
            case ops.Dense():
                flat = self.node("Flatten", value, axis=1)
                product = self.node("Gemm", flat, *self.weights(at, "weight", "bias"), transB=1)
                return self._reshape(product, [0, op.features, 1, 1])
            case ops.Dropout():
                return value
            case ops.ChannelShuffle():
                height, width, channels = shape
                apart = self._reshape(value, [0, op.groups, channels // op.groups, height, width])
                turned = self.node("Transpose", apart, perm=[0, 2, 1, 3, 4])
                return self._reshape(turned, [0, channels, height, width])
            case ops.Chain():
                for number, step in enumerate(op.operations):
                    value = self.write(step, shape, value, f"{at}.{number}")
                    shape = output_shape(step, shape)
                return value
            case ops.Residual():
                branch = self.write(op.branch, shape, value, f"{at}.branch")
                return self.node("Add", self.write(op.shortcut, shape, value, f"{at}.shortcut"), branch)
            case ops.Mean():
                return self.node("Mean", *self._columns(op, shape, value, at))
            case ops.Concat():
                inputs, inside = [value] * len(op.branches), shape
                if op.split:
                    count = len(op.branches)
                    inside = (shape[0], shape[1], shape[2] // count)
                    inputs = [f"Split_{len(self.nodes)}_{number}" for number in range(count)]
                    self.nodes.append(
                        helper.make_node("Split", [value], inputs, name=inputs[0], axis=1, num_outputs=count)
                    )
                branches = [
                    self.write(branch, inside, one, f"{at}.{number}")
                    for number, (branch, one) in enumerate(zip(op.branches, inputs, strict=True))
                ]
                return self.node("Concat", *branches, axis=1)
            case ops.Gate():
                return self.node("Mul", value, self.write(ops.chain(op.branch), shape, value, at))
            case ops.Auxiliary():
                return value
            case _:
                raise TypeError(f"no ONNX for {type(op).__name__}")

    def _columns(self, op: Operation, shape: Shape, value: str, at: str) -> list[str]:
        """What comes out of an operation: of one that ends in a mean, all the columns of that."""
        match op:
            case ops.Mean():
                return [
                    column
                    for number, branch in enumerate(op.branches)
                    for column in self._columns(branch, shape, value, f"{at}.{number}")
                ]
            case ops.Chain(operations=(*before, last)):
                for number, step in enumerate(before):
                    value = self.write(step, shape, value, f"{at}.{number}")
                    shape = output_shape(step, shape)
                return self._columns(last, shape, value, f"{at}.{len(before)}")
            case _:
                return [self.write(op, shape, value, at)]

    def _reshape(self, value: str, shape: Sequence[int]) -> str:
        name = f"shape_{len(self.nodes)}"
        return self.node("Reshape", value, self.constant(name, np.array(shape, np.int64)))

    def _activation(self, kind: str, value: str) -> str:
        match kind:
            case "identity":
                return value
            case "silu":
                return self.node("Mul", value, self.node("Sigmoid", value))
            case "relu6":
                number = len(self.nodes)
                low, high = (
                    self.constant(f"limit_{number}_{limit}", np.array(limit, np.float32)) for limit in (0, 6)
                )
                return self.node("Clip", value, low, high)
            case "hard_sigmoid":
                return self.node("HardSigmoid", value, alpha=1 / 6, beta=0.5)
            case "gelu":
                return self.node("Gelu", value, approximate="tanh")
        return self.node(_ACTIVATIONS[kind], value)

    def _response_norm(self, op: ops.LocalResponseNorm, value: str) -> str:
        if op.size % 2:
            return self.node("LRN", value, size=op.size, alpha=op.alpha, beta=op.beta, bias=op.k)
        # ONNX takes the odd neighbour from the other side, and onnxruntime none: a mean over windows of channels,
        # which have to stand where pixels stand.
        last = self.node("Transpose", self.node("Mul", value, value), perm=[0, 2, 3, 1])
        after = (op.size - 1) // 2
        means = self.node(
            "AveragePool",
            last,
            kernel_shape=[1, op.size],
            pads=[0, op.size - 1 - after, 0, after],
            count_include_pad=1,
        )
        first = self.node("Transpose", means, perm=[0, 3, 1, 2])
        number = len(self.nodes)
        alpha, k, beta = (
            self.constant(f"response_{number}_{name}", np.array(each, np.float32))
            for name, each in (("alpha", op.alpha), ("k", op.k), ("beta", op.beta))
        )
        total = self.node("Add", self.node("Mul", first, alpha), k)
        return self.node("Div", value, self.node("Pow", total, beta))


_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "hard_swish": "HardSwish", "tanh": "Tanh"}


def _pads(op: ops.Conv | ops.Pool, shape: Shape) -> list[int]:
    """(top, left, bottom, right), pixels."""
    ceil = isinstance(op, ops.Pool) and op.ceil
    sides = [pads(size, op.kernel, op.stride, op.padding, ceil=ceil) for size in shape[:2]]
    return [before for before, _ in sides] + [behind for _, behind in sides]


def logits(files: dict[str, bytes], images: np.ndarray) -> np.ndarray:
    """What the model's file makes of images (B, C, H, W) in onnxruntime, on a CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(files["model.onnx"], providers=["CPUExecutionProvider"])
    (found,) = session.run([OUTPUT], {INPUT: images})
    return np.asarray(found)
