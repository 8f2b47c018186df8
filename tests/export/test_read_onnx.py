"""Tables of networks from ONNX files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

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


SMALL = """\
name = "small"
resolution = 8
channels = 1
classes = 3
activation = "hard_sigmoid"
stem = { width = 4 }
stages = [{ block = "basic", width = 8, stride = 2 }]
head = {}
"""


def changed(tmp_path: Path, change: Callable[[onnx.GraphProto, dict[str, onnx.NodeProto]], object]) -> Path:
    """The file of a small network after a change; nodes by the first of their kind."""
    path = written(parse(SMALL), tmp_path)
    model = onnx.load(path)
    change(model.graph, {node.op_type: node for node in reversed(model.graph.node)})
    path.write_bytes(model.SerializeToString())
    return path


def give(node: onnx.NodeProto, key: str, value: object) -> None:
    for old in [one for one in node.attribute if one.name == key]:
        node.attribute.remove(old)
    node.attribute.append(helper.make_attribute(key, value))


@pytest.mark.parametrize(
    ("kind", "key", "value", "says"),
    [
        ("Conv", "dilations", [2, 2], r"Conv_0: ONNX's Conv with dilations \[2, 2\] has no block"),
        ("Conv", "strides", [2, 1], r"Conv_0: ONNX's Conv with strides \[2, 1\]"),
        ("Conv", "strides", [0, 0], r"strides \[0, 0\]"),
        ("Conv", "pads", [1], r"pads \[1\]"),
        ("Conv", "auto_pad", "SAME_UPPER", "auto_pad SAME_UPPER"),
        ("HardSigmoid", "alpha", 0.2, r"HardSigmoid_\d+: ONNX's HardSigmoid with alpha 0.2 "),
        ("Gemm", "alpha", 2.0, "Gemm with alpha 2.0"),
    ],
)
def test_what_a_table_cannot_say_is_refused_not_left_out(
    kind: str, key: str, value: object, says: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=says):
        read(changed(tmp_path, lambda _, first: give(first[kind], key, value)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda graph, _: graph.ClearField("initializer"), "no ONNX file that can be read"),
        (lambda graph, _: graph.ClearField("node"), "no ONNX file that can be read"),
        (lambda graph, _: graph.ClearField("output"), "does not depend on the image"),
        (lambda _, first: first["Conv"].ClearField("output"), "no ONNX file that can be read"),
        (
            lambda graph, _: graph.initializer[0].CopyFrom(
                numpy_helper.from_array(np.zeros((4, 1, 3, 1), np.float32), graph.initializer[0].name)
            ),
            r"Conv_0: ONNX's Conv with a kernel of \[3, 1\]",
        ),
        (
            lambda graph, _: setattr(graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 0),
            "expected one input",
        ),
        (
            lambda graph, _: [
                setattr(graph.input[0].type.tensor_type.shape.dim[at], "dim_value", 2**31) for at in (2, 3)
            ],
            "resolution: expected 8,192 or less",
        ),
    ],
)
def test_a_damaged_graph_is_refused_in_a_sentence(
    change: Callable[[onnx.GraphProto, dict[str, onnx.NodeProto]], object], says: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=says):
        read(changed(tmp_path, change))


def test_what_changes_nothing_is_read(tmp_path: Path) -> None:
    def change(graph: onnx.GraphProto, first: dict[str, onnx.NodeProto]) -> None:
        graph.name = "n" * 300
        give(first["Conv"], "dilations", [1, 1])
        graph.node.insert(0, helper.make_node("Constant", [], ["half"], value_float=0.5))
        graph.node.insert(1, helper.make_node("Sub", ["images", "half"], ["normal"]))
        graph.node.insert(2, helper.make_node("Identity", [graph.initializer[0].name], ["shared"]))
        first["Conv"].input[:] = ["normal", "shared"]

    found = read(changed(tmp_path, change))
    assert found.name == "n" * 200
    assert fingerprint(found) == fingerprint(without_chance(parse(SMALL)))


def test_cost_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = without_chance(baseline("resnet-18"))
    target = tmp_path / "mine.toml"
    arguments = ["cost", "--from-onnx", str(written(network, tmp_path)), "--out", str(target)]
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert "11,689,512" in captured.out and captured.err.startswith(f"wrote {target}; dropout")
    assert fingerprint(parse(target.read_text())) == fingerprint(network)
    assert run(arguments) == 2
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "network.onnx").write_bytes(b"nothing")
    assert run(["cost", "--from-onnx", str(tmp_path / "network.onnx")]) == 3
    assert "is no ONNX file" in capsys.readouterr().err
