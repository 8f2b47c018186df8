"""The network of a name in timm, read from what torch.fx traces of it. Both are the user's own."""

from __future__ import annotations

from typing import Any

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.architecture.shapes import pads
from scaling_search.errors import DeviceError, InputError
from scaling_search.export.graph import Node, chain_of
from scaling_search.export.recognise import network

_ACTIVATIONS = {
    "SiLU": "silu",
    "Swish": "silu",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "Sigmoid": "sigmoid",
    "Hardswish": "hard_swish",
    "Hardsigmoid": "hard_sigmoid",
    "Tanh": "tanh",
}
_NOTHING = {
    "Identity",
    "Dropout",
    "DropPath",
    "Flatten",
    "flatten",
    "dropout",
    "view",
    "squeeze",
    "contiguous",
}
_JOINS = {
    "add": "add",
    "iadd": "add",
    "add_": "add",
    "mul": "mul",
    "imul": "mul",
    "mul_": "mul",
    "cat": "concat",
}
_ACROSS = ((2, 3), (-2, -1), (-1, -2))
_LEAVES = {
    "SelectAdaptivePool2d",
    "BatchNormAct2d",
    "DropPath",
    "Conv2dSame",
    "MaxPool2dSame",
    "AvgPool2dSame",
}


def read(name: str) -> Network:
    """The table of timm's network of this name.

    Errors: DeviceError without torch and timm; InputError for an unknown name, or naming the layer without a block.
    """
    try:
        import timm
        import torch
        from torch import fx
        from torch.fx.passes.shape_prop import ShapeProp
    except ModuleNotFoundError as error:
        raise DeviceError(f"--from-timm needs {error.name}: pip install torch timm") from None

    class Tracer(fx.Tracer):  # type: ignore[misc] # torch is not here to be looked at
        def is_leaf_module(self, module: Any, place: str) -> bool:
            return type(module).__name__ in _LEAVES or super().is_leaf_module(module, place)

    try:
        model = timm.create_model(name, pretrained=False).eval()
    except Exception as error:  # timm's hub, its files and torch have classes of their own
        raise InputError(f"timm has no network {name!r} ({error})") from None
    channels, side, width = model.default_cfg["input_size"]
    if side != width:
        raise InputError(f"{name}: its images are {side}x{width}, not squares")
    try:
        graph = Tracer().trace(model)
    except (fx.proxy.TraceError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name}: torch.fx cannot follow what it does ({error})") from None
    traced = fx.GraphModule(model, graph)
    with torch.inference_mode():
        ShapeProp(traced).propagate(torch.zeros(1, channels, side, side))
    reader = _Reader(dict(traced.named_modules()))
    for node in graph.nodes:
        reader.add(node)
    steps, rule = chain_of(reader.nodes, reader.output, (side, side, channels))
    return network(name, steps, rule, (side, side, channels), f"timm {timm.__version__}, {name}")


class _Reader:
    """Makes `Node`s of a traced graph."""

    def __init__(self, modules: dict[str, Any]) -> None:
        self.modules = modules
        self.nodes: list[Node] = []
        self.places: dict[Any, int] = {}
        self.output = -1

    def add(self, node: Any) -> None:
        inputs = tuple(self.places[one] for one in node.all_input_nodes if one in self.places)
        if node.op == "placeholder":
            self.places[node] = -1
        elif node.op == "output":
            (self.output,) = inputs
        elif node.op == "call_module":
            self.places[node] = self._module(node, self.modules[node.target], inputs)
        elif node.op in ("call_function", "call_method"):
            name = node.target if isinstance(node.target, str) else node.target.__name__
            self.places[node] = self._call(node, name.strip("_") if name != "add_" else name, inputs)
        elif node.op == "get_attr":
            raise InputError(f"{node.target}: a weight outside of a layer has no block here")

    def _put(
        self, what: Any, inputs: tuple[int, ...], name: str, sides: tuple[int, ...] | None = None
    ) -> int:
        self.nodes.append(Node(what, inputs, name, sides))
        return len(self.nodes) - 1

    def _call(self, node: Any, name: str, inputs: tuple[int, ...]) -> int:
        if name in _NOTHING:
            return inputs[0]
        if name in _JOINS and len(inputs) > 1 and (name != "cat" or _dimensions(node) in (1, -3)):
            return self._put(_JOINS[name], inputs, node.name)
        if name == "mean" and _dimensions(node) in _ACROSS:
            return self._put(ops.GlobalPool(), inputs, node.name)
        for kind, activation in _ACTIVATIONS.items():
            if name == kind.lower():
                return self._put(ops.Activation(kind=activation), inputs, node.name)
        raise InputError(f"{node.name}: {name} has no block here")

    def _module(self, node: Any, module: Any, inputs: tuple[int, ...]) -> int:
        kind, name = type(module).__name__, str(node.target)
        if kind in _NOTHING or kind.startswith("Drop"):
            return inputs[0]
        if kind in _ACTIVATIONS:
            return self._put(ops.Activation(kind=_ACTIVATIONS[kind]), inputs, name)
        match kind:
            case "Conv2d" | "Conv2dSame":
                conv = ops.Conv(
                    features=module.out_channels,
                    kernel=_square(module.kernel_size, name),
                    stride=_square(module.stride, name),
                    groups=module.groups,
                    bias=module.bias is not None,
                )
                if _square(module.dilation, name) != 1:
                    raise InputError(f"{name}: a dilated convolution has no block here")
                return self._put(conv, inputs, name, self._sides(node, module, conv))
            case "BatchNorm2d" | "BatchNormAct2d":
                momentum = 0.9 if module.momentum is None else round(1 - module.momentum, 9)
                place = self._put(ops.Norm(epsilon=module.eps, momentum=momentum), inputs, name)
                act = type(getattr(module, "act", None)).__name__
                if act in ("NoneType", "Identity"):
                    return place
                if act not in _ACTIVATIONS:
                    raise InputError(f"{name}: the activation {act} has no place here")
                return self._put(ops.Activation(kind=_ACTIVATIONS[act]), (place,), name)
            case "MaxPool2d" | "AvgPool2d" | "MaxPool2dSame" | "AvgPool2dSame":
                if module.ceil_mode:
                    raise InputError(f"{name}: pooling that rounds its size up has no block here")
                if getattr(module, "count_include_pad", False) and module.padding not in (0, (0, 0)):
                    raise InputError(f"{name}: a mean that counts the padding has no block here")
                pool = ops.Pool(
                    kind="max" if kind.startswith("Max") else "average",
                    kernel=_square(module.kernel_size, name),
                    stride=_square(module.stride, name),
                )
                return self._put(pool, inputs, name, self._sides(node, module, pool))
            case "SelectAdaptivePool2d" if module.pool_type in ("avg", "fast", "fastavg"):
                return self._put(ops.GlobalPool(), inputs, name)
            case "AdaptiveAvgPool2d" if module.output_size in (1, (1, 1)):
                return self._put(ops.GlobalPool(), inputs, name)
            case "Linear":
                dense = ops.Dense(features=module.out_features, bias=module.bias is not None)
                return self._put(dense, inputs, name)
        raise InputError(f"{name} ({kind}): no block here has such a layer")

    @staticmethod
    def _sides(node: Any, module: Any, op: ops.Conv | ops.Pool) -> tuple[int, ...]:
        """(top, left, bottom, right), pixels."""
        if type(module).__name__.endswith("Same"):
            height, width = node.all_input_nodes[0].meta["tensor_meta"].shape[2:]
            (top, bottom), (left, right) = (
                pads(size, op.kernel, op.stride, "same") for size in (height, width)
            )
            return top, left, bottom, right
        return (_square(module.padding, str(node.target)),) * 4


def _dimensions(node: Any) -> Any:
    """What a function that goes along dimensions is given as these; PyTorch's default is the first."""
    found = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
    return tuple(found) if isinstance(found, list | tuple) else found


def _square(value: Any, name: str) -> int:
    """The one number of a pair. Errors: InputError naming the layer where they differ."""
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(set(pair)) != 1 or not isinstance(pair[0], int):
        raise InputError(f"{name}: {value} is not the same in both directions, which no block here can be")
    return pair[0]
