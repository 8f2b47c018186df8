"""The network of an ONNX file."""

from __future__ import annotations

from collections.abc import Sequence
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
# With a constant, and before all else: what normalises the images.
_NORMALISES = ("Sub", "Div", "Mul", "Add")
_ACROSS = ([2, 3], [-2, -1])
# The attributes that a table has no place for, with the values at which they change nothing.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "auto_pad": (b"NOTSET", b"VALID"),
    "dilations": ([1, 1],),
    "ceil_mode": (0,),
    "count_include_pad": (0,),
    "storage_order": (0, 1),
    "keepdims": (0, 1),
    "noop_with_empty_axes": (0,),
    "training_mode": (0,),
    "spatial": (1,),
    "transA": (0,),
    "alpha": (1.0,),
    "beta": (1.0,),
    "approximate": (b"tanh",),
    "axis": (1, -3),
    "axes": _ACROSS,
    "HardSigmoid.alpha": (float(np.float32(1 / 6)),),
    "HardSigmoid.beta": (0.5,),
}
# What ONNX takes an attribute for where it is not given, if that is none of these values.
_UNSAID: dict[str, dict[str, Any]] = {"HardSigmoid": {"alpha": 0.2}, "Gelu": {"approximate": b"none"}}


def read(path: Path) -> Network:
    """The table of the network in an ONNX file. Errors: InputError naming the node that has no place in a table."""
    try:
        import onnx
    except ModuleNotFoundError:
        raise DeviceError("ONNX files need the package onnx: pip install 'scaling-search[onnx]'") from None
    try:
        graph: Any = onnx.load(str(path), load_external_data=False).graph
        onnx.checker.check_model(str(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except Exception as error:  # protobuf has no class of its own for a damaged message
        said = str(error).strip().partition("\n")[0]
        raise InputError(f"{path} is no ONNX file that can be read ({said})") from None
    tensors: dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
    images = [one for one in graph.input if one.name not in tensors]
    size = [dim.dim_value for dim in images[0].type.tensor_type.shape.dim] if len(images) == 1 else []
    if len(size) != 4 or size[2] != size[3] or min(size[1:]) < 1:
        raise InputError(
            f"{path}: expected one input (batch, channels, side, side), not {size or len(images)}"
        )
    places: dict[str, int] = {images[0].name: -1}
    nodes: list[Node] = []
    for node in graph.node:
        name, kind = node.name or next(iter(node.output), ""), node.op_type
        if node.domain not in ("", "ai.onnx"):
            raise InputError(f"{name}: {kind} of {node.domain} has no block here")
        if kind == "Constant" and node.attribute:
            tensors |= dict.fromkeys(node.output, onnx.helper.get_attribute_value(node.attribute[0]))
            continue
        if kind == "Identity" and node.input[0] in tensors:
            tensors[node.output[0]] = tensors[node.input[0]]
            continue
        inputs = tuple(places[one] for one in node.input if one in places)
        if not inputs:
            raise InputError(f"{name}: ONNX's {kind}, of what is no image, has no block here")
        if kind in _NOTHING or (kind in _NORMALISES and inputs == (-1,)):
            places[node.output[0]] = inputs[0]
            continue
        given = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        given_to = [tensors.get(one) for one in node.input]
        nodes.append(_node(name, kind, _UNSAID.get(kind, {}) | given, inputs, given_to))
        places[node.output[0]] = len(nodes) - 1
    if not graph.output or graph.output[0].name not in places:
        raise InputError(f"{path}: its output does not depend on the image")
    shape = (size[2], size[3], size[1])
    steps, rule = chain_of(nodes, places[graph.output[0].name], shape)
    return network((graph.name or path.stem)[:200], steps, rule, shape, f"read from {path.name}")


def _node(
    name: str, kind: str, given: dict[str, Any], inputs: tuple[int, ...], tensors: Sequence[Any]
) -> Node:
    """One node; `tensors` are its inputs that are constants. Errors: InputError for what has no place in a table."""

    def square(what: str, values: Sequence[int], least: int = 1) -> int:
        if len(set(values)) != 1 or len(values) != 2 or not isinstance(values[0], int) or values[0] < least:
            raise InputError(f"{name}: ONNX's {kind} with {what} {list(values)} has no block here")
        return values[0]

    def weights(dimensions: int) -> list[int]:
        dims = list(getattr(tensors[1], "dims", ())) if len(tensors) > 1 else []
        if len(dims) != dimensions:
            raise InputError(f"{name}: ONNX's {kind} with weights of shape {dims} has no block here")
        return dims

    what: ops.Operation | None = None
    sides: tuple[int, ...] | None = None
    taken: tuple[str, ...] = ()
    match kind:
        case _ if kind in _ACTIVATIONS:
            what = ops.Activation(kind=_ACTIVATIONS[kind])
        case "Conv":
            features, _, *kernel = weights(4)
            what = ops.Conv(
                features=features,
                kernel=square("a kernel of", kernel),
                stride=square("strides", given.get("strides", [1, 1])),
                groups=given.get("group", 1),
                bias=len(tensors) > 2,
            )
            taken = ("kernel_shape", "strides", "group", "pads")
        case "BatchNormalization":
            what = ops.Norm(
                epsilon=_short(given.get("epsilon", 1e-5)), momentum=_short(given.get("momentum", 0.9))
            )
            taken = ("epsilon", "momentum")
        case "Clip" if [_list(one) for one in tensors[1:]] == [[0.0], [6.0]]:
            what = ops.Activation(kind="relu6")
        case "MaxPool" | "AveragePool":
            what = ops.Pool(
                kind="max" if kind == "MaxPool" else "average",
                kernel=square("a kernel of", given["kernel_shape"]),
                stride=square("strides", given.get("strides", [1, 1])),
            )
            # Where nothing is padded there is nothing to count.
            counted = () if any(given.get("pads", ())) else ("count_include_pad",)
            taken = ("kernel_shape", "strides", "pads", *counted)
        case "GlobalAveragePool":
            what = ops.GlobalPool()
        case "ReduceMean" if "axes" in given or (len(tensors) > 1 and _list(tensors[1]) in _ACROSS):
            what = ops.GlobalPool()
        case "Gemm":
            features = weights(2)[0 if given.get("transB") else 1]
            what = ops.Dense(features=features, bias=len(tensors) > 2)
            taken = ("transB",)
    joins = kind in _JOINS and len(inputs) == len(tensors) > 1
    if what is None and not joins:
        raise InputError(f"{name}: ONNX's {kind} has no block here")
    for key, value in given.items():
        if key not in taken and value not in _PLAIN.get(f"{kind}.{key}", _PLAIN.get(key, ())):
            shown = _short(value) if isinstance(value, float) else value
            shown = shown.decode(errors="replace") if isinstance(shown, bytes) else shown
            raise InputError(f"{name}: ONNX's {kind} with {key} {shown} has no block here")
    if what is None:
        return Node(_JOINS[kind], inputs, name)  # type: ignore[arg-type]
    if isinstance(what, ops.Conv | ops.Pool):
        sides = tuple(given.get("pads", [0] * 4))
        if len(sides) != 4:
            raise InputError(f"{name}: ONNX's {kind} with pads {list(sides)} has no block here")
    return Node(what, inputs[:1], name, sides)


def _list(constant: Any) -> list[float]:
    """The numbers of a constant, an ONNX tensor or an attribute's value; none where they cannot be read."""
    from onnx import TensorProto, numpy_helper

    try:
        array = numpy_helper.to_array(constant) if isinstance(constant, TensorProto) else constant
        return [float(one) for one in np.atleast_1d(array)]
    except (ValueError, TypeError, KeyError):
        return []


def _short(value: float) -> float:
    """A float32 as the shortest decimal that is the same float32."""
    return float(str(np.float32(value)))
