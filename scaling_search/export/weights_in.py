"""Weights from files, by timm's, torchvision's, the official and our own names, as trees of `networks.build`.

Strictly: every tensor of the file is used once, or the first that does not fit is named.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.errors import DamagedError, InputError
from scaling_search.export import pickles
from scaling_search.export.layers import Arrays, channels_first, channels_last, layers, tensor_shapes
from scaling_search.export.names import candidates
from scaling_search.networks.weights import stack
from scaling_search.system.files import Folder

Tree = dict[str, Any]
_OF_FLAX = {"kernel": "kernel", "scale": "scale", "bias": "bias", "mean": "mean", "var": "variance"}
_DIMENSIONS = {"scale": (1,), "kernel": (2, 4)}
# safetensors' names of types. Whole numbers are read, as counters are such, but are no weights.
_NUMBERS: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    **{f"{sign}{bits}": f"{sign.lower()}{bits // 8}" for sign in "IU" for bits in (8, 16, 32, 64)},
    "BOOL": np.bool_,
}
_FLOATING = tuple(np.dtype(_NUMBERS[name]) for name in ("F64", "F32", "F16", "BF16"))
# PyTorch's count of training batches: no weight, and of no use where the momentum is fixed.
_COUNTER = ".num_batches_tracked"


def read(path: Folder, network: Network) -> tuple[Tree, Tree]:
    """(params, batch_stats) of a `.safetensors` file, or a `.bin` or `.pth` file of PyTorch's, which is not executed.

    Errors: InputError naming the first tensor that does not fit the network, or a file of another kind; DamagedError
    for one that is cut short.
    """
    return stack(network, by_layer(parse(contents(path), str(path)), network, str(path)))


def contents(path: Folder) -> bytes:
    """A file's bytes. Errors: InputError where it cannot be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # no path has a zero byte
        why = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read weights {path}: {why}") from None


def parse(data: bytes, what: str) -> Arrays:
    """Every tensor of a file's bytes by its name. Errors: InputError, DamagedError."""
    try:
        if data[:2] == b"PK" or data.startswith(pickles.LEGACY_MAGIC):
            found = pickles.read(data)
        elif data[8:9] == b"{":
            found = _safetensors(data)
        else:
            raise InputError("it is neither a .safetensors file nor one of PyTorch's")
    except (InputError, DamagedError) as error:
        raise type(error)(f"weights {what}: {error}") from None
    return {name: np.asarray(value) for name, value in found.items()}


def _safetensors(data: bytes) -> Arrays:
    from safetensors import SafetensorError, deserialize

    try:
        found = deserialize(data)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise DamagedError(f"it is damaged or cut short ({error})") from None
    for name, one in found:
        if one["dtype"] not in _NUMBERS:
            raise InputError(f"{name} is of type {one['dtype']}; legal are {', '.join(_NUMBERS)}")
    return {
        name: np.frombuffer(one["data"], _NUMBERS[one["dtype"]]).reshape(one["shape"]) for name, one in found
    }


def as_trained(found: Arrays, network: Network, what: str) -> Network:
    """The network with as many channels and classes as the file's. Errors: InputError where no name is known."""
    given = _given(found, network)
    _, names = _scheme(network, given, what)
    changed: dict[str, int] = {}
    first, last = (given.get(f"{names[end]}.weight") for end in (0, -1))
    stem = layers(network)[0].operation
    if first is not None and first.ndim == 4 and isinstance(stem, ops.Conv):
        changed["channels"] = first.shape[1] * stem.groups
    if last is not None and last.ndim > 1:
        changed["classes"] = last.shape[0]
    return network.model_copy(update={key: count for key, count in changed.items() if count > 0})


def by_layer(found: Arrays, network: Network, what: str) -> list[Arrays]:
    """The arrays of each of `layers`, as ours, from tensors by name.

    Errors: InputError naming the first that does not fit.
    """
    given = _given(found, network)
    scheme, names = _scheme(network, given, what)
    used: set[str] = set()
    arrays: list[Arrays] = []
    for layer, module in zip(layers(network), names, strict=True):
        taken: Arrays = {}
        for tensor, shape in tensor_shapes(layer).items():
            name = f"{module}.{tensor}"
            if name not in given:
                raise InputError(
                    f"weights {what}: no {name} {_size(shape)}, which {network.name} needs at {layer.name} "
                    f"(by the names of {scheme})"
                )
            if not _same(given[name].shape, shape):
                raise InputError(
                    f"weights {what}: {name} is {_size(given[name].shape)}, but {network.name} needs {_size(shape)} "
                    f"at {layer.name}"
                )
            if given[name].dtype not in _FLOATING:
                raise InputError(
                    f"weights {what}: {name} holds {given[name].dtype}, not floating-point numbers"
                )
            with np.errstate(over="ignore"):
                values = given[name].astype(np.float32)
            if not np.isfinite(values).all():
                raise InputError(f"weights {what}: {name} holds values that are not finite in float32")
            if tensor == "running_var" and values.min(initial=0.0) < 0:
                raise InputError(f"weights {what}: {name} holds a variance under 0")
            taken[tensor] = values.reshape(shape)
            used.add(name)
        arrays.append(channels_last(layer, taken))
    unused = [name for name in given if name not in used]
    if unused:
        raise InputError(
            f"weights {what}: {unused[0]} {_size(given[unused[0]].shape)} has no place in {network.name}"
            + (f", nor have {len(unused) - 1} more" if len(unused) > 1 else "")
        )
    return arrays


def _given(found: Arrays, network: Network) -> Arrays:
    """The tensors that are weights, in PyTorch's layout: those that an exported flax folder has are brought into it."""
    given = {name: value for name, value in found.items() if not name.endswith(_COUNTER)}
    for layer in layers(network):
        first = "scale" if isinstance(layer.operation, ops.Norm) else "kernel"
        found_first = given.get(f"{layer.name}.{first}")
        if found_first is None or found_first.ndim not in _DIMENSIONS[first]:
            continue
        own = {
            ours: given.pop(f"{layer.name}.{flax}")
            for flax, ours in _OF_FLAX.items()
            if f"{layer.name}.{flax}" in given
        }
        rows = found_first.shape[-2:-1]
        fits = layer.flattened is None or not rows or rows == (math.prod(layer.flattened),)
        turned = channels_first(layer if fits else replace(layer, flattened=None), own)
        given |= {f"{layer.name}.{name}": value for name, value in turned.items()}
    return given


def _scheme(network: Network, given: Arrays, what: str) -> tuple[str, list[str]]:
    """The way of naming that most of the file's tensors follow. Errors: InputError where none do."""
    modules = {name.rpartition(".")[0] for name in given}
    known = candidates(network)
    best = max(known, key=lambda scheme: len(modules.intersection(known[scheme])))
    if not modules.intersection(known[best]):
        why = "it holds no tensors"
        if given:
            why = f"{next(iter(given))} is by no known name of a layer of {network.name}"
        raise InputError(f"weights {what}: {why}; known for this network are the names of {', '.join(known)}")
    return best, known[best]


def _same(found: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Equal; or a dense layer that is written as a 1x1 convolution, or the other way round."""
    return found == wanted or (*found, 1, 1) == wanted or found == (*wanted, 1, 1)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
