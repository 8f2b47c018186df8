"""PyTorch's weight files (the zip format and the older one), read without PyTorch and without running them.

A pickle can call anything that it names. Here it may name plain containers and PyTorch's own functions that make a
tensor; nothing else is ever looked up.
"""

from __future__ import annotations

import collections
import io
import math
import pickle
import pickletools
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from scaling_search.errors import DamagedError, InputError

LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_TYPES: dict[str, Any] = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


@dataclass(frozen=True)
class Storage:
    """The memory that tensors look into; its content may come later in the file."""

    key: str
    dtype: Any
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, in its elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, memory: bytes) -> np.ndarray:
        """Its values. Errors: DamagedError where it reaches beyond its storage."""
        whole = np.frombuffer(memory, self.storage.dtype)
        reach = sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if min(self.shape, default=1) == 0:
            return np.zeros(self.shape, self.storage.dtype)
        if (
            min((self.offset, *self.strides)) < 0
            or min(self.shape, default=1) < 0
            or self.offset + reach >= len(whole)
            or math.prod(self.shape) > len(whole)
        ):
            raise DamagedError(
                f"a tensor of {self.shape} reaches beyond its storage of {len(whole)} elements"
            )
        strides = [stride * whole.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(whole[self.offset :], self.shape, strides).copy()


def _tensor(storage: Storage, offset: int, shape: Any, strides: Any, *_: Any) -> Tensor:
    return Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


_LEGAL: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
    ("torch", "Size"): tuple,
    **{("torch", name): dtype for name, dtype in _TYPES.items()},
}


# The operations that number an object: Python keeps a list as long as the largest number.
_PUTS = ("PUT", "LONG_BINPUT")


class _Reader(pickle.Unpickler):
    """An unpickler that knows tensors and plain containers alone."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _LEGAL[module, name]
        except KeyError:
            raise InputError(
                f"the file asks for {module}.{name}: only tensors in plain containers are read"
            ) from None

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _, count, *_ = pid
        if kind != "storage" or dtype not in _TYPES.values() or not isinstance(key, str | int):
            raise DamagedError("the file holds something else where a tensor's storage is expected")
        return Storage(str(key), dtype, int(count))


def _load(stream: io.BytesIO, reader: type[_Reader] = _Reader) -> Any:
    """The next object. Errors: DamagedError for one that would have Python's reader set aside memory for nothing."""
    begin, size = stream.tell(), len(stream.getbuffer())
    for operation, argument, _ in pickletools.genops(stream):
        if operation.name in _PUTS and isinstance(argument, int) and argument > size:
            raise DamagedError(f"it numbers an object {argument:,}, and has {size:,} bytes")
    stream.seek(begin)
    return reader(stream).load()


def read(data: bytes) -> dict[str, np.ndarray]:
    """Every tensor of a file's bytes by name.

    Of a checkpoint that holds more, its `state_dict` or `model`. Errors: InputError for what is no table of tensors,
    or asks for anything else; DamagedError where it is cut short.
    """
    try:
        found, memory = _zipped(data) if data[:2] == b"PK" else _legacy(data)
        return {name: tensor.array(memory(tensor.storage)) for name, tensor in _table(found).items()}
    except (EOFError, pickle.UnpicklingError, zipfile.BadZipFile, KeyError, IndexError) as error:
        raise DamagedError(f"it is damaged or cut short ({error})") from None
    except (ValueError, TypeError, AttributeError, OverflowError, RuntimeError, struct.error) as error:
        raise DamagedError(f"it is no file of PyTorch weights ({error})") from None
    except MemoryError:
        raise DamagedError("it asks for more memory than there is") from None


def _zipped(data: bytes) -> tuple[Any, Callable[[Storage], bytes]]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    found = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(found) != 1:
        raise InputError(f"a file of torch.save has one data.pkl in it, this one {len(found)}")
    # PyTorch neither packs nor locks; what is packed may be any size when it is read.
    for one in archive.infolist():
        if one.compress_type != zipfile.ZIP_STORED or one.flag_bits & 1:
            raise InputError(f"{one.filename} in it is packed or encrypted, which torch.save does not do")
    (index,) = found
    folder = index.removesuffix("data.pkl")
    table = _load(io.BytesIO(archive.read(index)))
    return table, lambda storage: archive.read(f"{folder}data/{storage.key}")


def _legacy(data: bytes) -> tuple[Any, Callable[[Storage], bytes]]:
    """Magic number, version and system, the objects, the keys of the storages, then each storage after its length."""
    stream = io.BytesIO(data)
    for _ in range(3):
        _load(stream)
    sizes: dict[str, int] = {}

    class Noting(_Reader):
        def persistent_load(self, pid: Any) -> Storage:
            storage = super().persistent_load(pid)
            sizes[storage.key] = np.dtype(storage.dtype).itemsize
            return storage

    found = _load(stream, Noting)
    memory: dict[str, bytes] = {}
    for key in _load(stream):
        count = int.from_bytes(stream.read(8), "little")
        memory[str(key)] = stream.read(count * sizes[str(key)])
        if len(memory[str(key)]) < count * sizes[str(key)]:
            raise EOFError(f"storage {key} ends early")
    return found, lambda storage: memory[storage.key]


def _table(found: Any) -> dict[str, Tensor]:
    """The table of tensors in what a file holds."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found:
        raise InputError(f"the file holds {type(found).__name__}, not tensors by name")
    for name, value in found.items():
        if not isinstance(name, str):
            raise InputError(f"the file holds a {type(name).__name__} where a tensor's name is expected")
        if not isinstance(value, Tensor):
            raise InputError(f"{name!r} is {type(value).__name__}, not a tensor")
    return {name.removeprefix("module."): value for name, value in found.items()}
