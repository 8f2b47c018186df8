"""The network of an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.errors import DeviceError, InputError
from scaling_search.export.graph import Node, chain_of
from scaling_search.export.recognise import network

_ACTIVATIONS = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "HardSwish": "hard_swish",
    "HardSigmoid": "hard_sigmoid",
    "Gelu": "gelu",
    "Tanh": "tanh",
    "Swish": "silu",
}
_JOINS = {"Add": "add", "Mul": "mul", "Concat": "concat"}
_NOTHING = ("Dropout", "Identity", "Flatten", "Reshape", "Squeeze")


def read(path: Path) -> Network:
    """The table of the network in an ONNX file. Errors: InputError naming the node that has no place in a table."""
    try:
        import onnx
        from onnx import numpy_helper
    except ModuleNotFoundError:
        raise DeviceError("ONNX files need the package onnx: pip install 'scaling-search[onnx]'") from None
    try:
        graph: Any = onnx.load(str(path)).graph
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except Exception as error:  # protobuf has no class of its own for a damaged message
        raise InputError(f"{path} is no ONNX file ({error})") from None
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    images = [one for one in graph.input if one.name not in weights]
    size = [dim.dim_value for dim in images[0].type.tensor_type.shape.dim] if len(images) == 1 else []
    if len(size) != 4 or size[2] != size[3] or size[2] < 1:
        raise InputError(
            f"{path}: expected one input (batch, channels, side, side), not {size or len(images)}"
        )
    places: dict[str, int] = {images[0].name: -1}
    nodes: list[Node] = []
    for node in graph.node:
        if node.op_type == "Constant":
            weights[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            continue
        inputs = tuple(places[name] for name in node.input if name in places)
        if node.op_type in _NOTHING:
            places[node.output[0]] = inputs[0]
            continue
        nodes.append(_node(node, inputs, weights, onnx))
        places[node.output[0]] = len(nodes) - 1
    steps, rule = chain_of(nodes, places[graph.output[0].name], (size[2], size[3], size[1]))
    return network(
        graph.name or path.stem, steps, rule, (size[2], size[3], size[1]), f"read from {path.name}"
    )


def _node(node: Any, inputs: tuple[int, ...], weights: dict[str, np.ndarray], onnx: Any) -> Node:
    given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    name = node.name or node.output[0]
    kind = node.op_type
    if kind in _ACTIVATIONS:
        return Node(ops.Activation(kind=_ACTIVATIONS[kind]), inputs, name)
    if kind in _JOINS and len(inputs) > 1:
        return Node(_JOINS[kind], inputs, name)  # type: ignore[arg-type]
    match kind:
        case "Conv":
            features, _, kernel, _ = weights[node.input[1]].shape
            conv = ops.Conv(
                features=features,
                kernel=kernel,
                stride=given.get("strides", [1])[0],
                groups=given.get("group", 1),
                bias=len(node.input) > 2,
            )
            return Node(conv, inputs, name, tuple(given.get("pads", [0] * 4)))
        case "BatchNormalization":
            norm = ops.Norm(
                epsilon=_short(given.get("epsilon", 1e-5)), momentum=_short(given.get("momentum", 0.9))
            )
            return Node(norm, inputs, name)
        case "Clip" if [float(weights[one]) for one in node.input[1:]] == [0.0, 6.0]:
            return Node(ops.Activation(kind="relu6"), inputs, name)
        case "MaxPool" | "AveragePool":
            pool = ops.Pool(
                kind="max" if kind == "MaxPool" else "average",
                kernel=given["kernel_shape"][0],
                stride=given.get("strides", [1])[0],
            )
            return Node(pool, inputs, name, tuple(given.get("pads", [0] * 4)))
        case "GlobalAveragePool" | "ReduceMean":
            return Node(ops.GlobalPool(), inputs, name)
        case "Gemm":
            features = weights[node.input[1]].shape[0 if given.get("transB") else 1]
            return Node(ops.Dense(features=features, bias=len(node.input) > 2), inputs, name)
    raise InputError(f"{name}: ONNX's {kind} has no block here")


def _short(value: float) -> float:
    """A float32 as the shortest decimal that is the same float32."""
    return float(str(np.float32(value)))
