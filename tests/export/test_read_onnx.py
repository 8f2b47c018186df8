"""Tables of networks from ONNX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.architecture.toml import parse
from scaling_search.baselines.load import baseline
from scaling_search.cli.main import run
from scaling_search.errors import InputError
from scaling_search.export.formats.onnx import graph
from scaling_search.export.job import Job
from scaling_search.export.layers import layers, tensor_shapes
from scaling_search.export.read_onnx import read


def without_chance(network: Network) -> Network:
    """A graph for inference tells nothing of dropout and stochastic depth."""
    head = network.head.model_copy(
        update={"dropout": 0.0} if "dropout" in type(network.head).model_fields else {}
    )
    return network.model_copy(update={"stochastic_depth": 0.0, "head": head})


def written(network: Network, folder: Path) -> Path:
    zeros = {
        layer.name: {name: np.zeros(shape, np.float32) for name, shape in tensor_shapes(layer).items()}
        for layer in layers(network)
    }
    path = folder / "network.onnx"
    path.write_bytes(graph(Job(network=network, weights=(), about=""), zeros).SerializeToString())
    return path


@pytest.mark.parametrize(
    "name",
    [
        "efficientnet-b0",
        "efficientnetv2-b0",
        "mobilenetv1",
        "mobilenetv2",
        "mnasnet-a1",
        "resnet-18",
        "se-resnet-50",
        "resnext-50-32x4d",
        "wrn-28-10",
        "preact-resnet-164",
    ],
)
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    network = without_chance(baseline(name))
    assert fingerprint(read(written(network, tmp_path))) == fingerprint(network)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("densenet-121", r"Concat_\d+ \(concat\): no block"),
        ("shufflenetv2-1.0", r"Transpose_\d+: ONNX's Transpose has no block"),
        ("xception", r"Conv_\d+ \(conv\): no block"),
        ("lenet-5", "does not end in a global mean"),
    ],
)
def test_a_missing_block_names_the_layer(name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        read(written(baseline(name), tmp_path))


def test_cost_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = without_chance(baseline("resnet-18"))
    target = tmp_path / "mine.toml"
    arguments = ["cost", "--from-onnx", str(written(network, tmp_path)), "--out", str(target)]
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert "11,689,512" in captured.out and captured.err == f"wrote {target}\n"
    assert fingerprint(parse(target.read_text())) == fingerprint(network)
    assert run(arguments) == 2
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "network.onnx").write_bytes(b"nothing")
    assert run(["cost", "--from-onnx", str(tmp_path / "network.onnx")]) == 3
    assert "is no ONNX file" in capsys.readouterr().err
