"""`scaling-search export` as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from scaling_search.architecture.toml import parse
from scaling_search.cli.main import run

TINY = """\
name = "tiny"
resolution = 8
channels = 1
classes = 3
activation = "silu"
stochastic_depth = 0.2
stem = { width = 4, kernel = 3, stride = 2 }
stages = [{ block = "mbconv", depth = 2, width = 8, expand = 2, squeeze = 0.25 }]
head = { dropout = 0.1 }
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.mark.parametrize(
    ("format", "first", "more"),
    [
        ("torch", True, {"model.py"}),
        ("onnx", True, {"model.onnx"}),
        ("flax", False, {"model.py"}),
        ("timm", True, {"model.py"}),
    ],
)
def test_a_folder_has_all_that_belongs_to_it(
    format: str, first: bool, more: set[str], tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\n")
    arguments = ["export", str(tiny), "--format", format, "--out", str(out), "--random-weights", "7"]
    assert run([*arguments, "--mean", "51", "--std", "102", "--class-names", str(names)]) == 0
    printed = capsys.readouterr().out
    files = {path.name for path in out.iterdir()}
    assert files == {"model.safetensors", "network.toml", "config.json", "check.npz", *more}
    assert all(str(out / name) in printed for name in files)
    assert parse((out / "network.toml").read_text()) == parse(TINY)
    config = json.loads((out / "config.json").read_text())
    assert config["input_size"] == [1, 8, 8] and config["num_classes"] == 3 and config["format"] == format
    assert config["mean"] == [0.2] and config["std"] == [0.4] and config["label_names"] == ["a", "b", "c"]
    assert (
        config["interpolation"] == "bilinear" and config["crop_mode"] == "center" and config["fit"] == "crop"
    )
    assert config["accuracy"] is None and config["recipe"] is None and config["provenance"] is None
    check = np.load(out / "check.npz")
    assert check["images"].shape == ((16, 1, 8, 8) if first else (16, 8, 8, 1))
    assert check["images"].dtype == check["logits"].dtype == np.float32
    assert check["logits"].shape == (16, 3)
    statistics = [
        value
        for name, value in load_file(out / "model.safetensors").items()
        if name.endswith(("mean", "var"))
    ]
    assert statistics and not any(np.all((value == 0) | (value == 1)) for value in statistics)


def test_seeds_give_weights_and_files_give_them_back(tiny: Path, tmp_path: Path) -> None:
    def written(name: str, *options: str, format: str = "torch") -> dict[str, np.ndarray]:
        arguments = ["export", str(tiny), "--format", format, "--out", str(tmp_path / name)]
        assert run([*arguments, *options]) == 0
        return load_file(tmp_path / name / "model.safetensors")

    first, again = written("a", "--random-weights", "1"), written("b", "--random-weights", "1")
    other = written("c", "--random-weights", "2")
    taken = written("d", "--weights", str(tmp_path / "a" / "model.safetensors"))
    for name, value in first.items():
        assert np.array_equal(value, again[name]) and np.array_equal(value, taken[name])
    assert not np.array_equal(first["head.2.weight"], other["head.2.weight"])
    config = json.loads((tmp_path / "d" / "config.json").read_text())
    assert config["provenance"] == {"weights": "model.safetensors"}


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--format", "caffe", "--random-weights", "0"], 2, "unknown format 'caffe'"),
        (["--format", "torch"], 2, "give --weights FILE, or --random-weights SEED"),
        (["--format", "torch", "--random-weights", "-1"], 2, "a seed is 0 or more"),
        (["--format", "torch", "--random-weights", "0", "--mean", "x", "--std", "1"], 2, "expected numbers"),
        (["--format", "torch", "--random-weights", "0", "--mean", "1"], 3, "given together"),
        (
            ["--format", "torch", "--random-weights", "0", "--mean", "1,2", "--std", "1,2"],
            3,
            "2 given, but tiny has 1",
        ),
        (["--format", "torch", "--random-weights", "0", "--normalise"], 2, "only onnx"),
        (["--format", "onnx", "--random-weights", "0", "--normalise"], 2, "needs mean and std"),
        (
            ["--format", "torch", "--random-weights", "0", "--class-names", "NAMES"],
            3,
            "2 given, but tiny has 3",
        ),
        (["--format", "torch", "--weights", "NAMES"], 3, "neither a .safetensors file nor one of PyTorch's"),
        (["--format", "torch", "--weights", "CUT"], 5, "damaged or cut short"),
        (["--format", "torch", "--weights", "OTHER"], 3, "needs 4x1x3x3 at stem.0"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(
    options: list[str], code: int, says: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {"NAMES": tmp_path / "names.txt", "CUT": tmp_path / "cut.safetensors"}
    paths["NAMES"].write_text("a\nb\n")
    wider = tmp_path / "wider.toml"
    wider.write_text(TINY.replace("width = 4", "width = 6"))
    assert (
        run(
            [
                "export",
                str(wider),
                "--format",
                "torch",
                "--out",
                str(tmp_path / "other"),
                "--random-weights",
                "0",
            ]
        )
        == 0
    )
    paths["OTHER"] = tmp_path / "other" / "model.safetensors"
    paths["CUT"].write_bytes(paths["OTHER"].read_bytes()[:-100])
    capsys.readouterr()
    before = sorted(tmp_path.iterdir())
    given = [str(paths.get(option, option)) for option in options]
    assert run(["export", str(tiny), "--out", str(tmp_path / "out"), *given]) == code
    captured = capsys.readouterr()
    assert says in captured.err and captured.out == "" and captured.err.startswith("Error: ")
    assert sorted(tmp_path.iterdir()) == before


def test_a_format_that_cannot_express_the_network_says_which_stage_and_why(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(change: tuple[str, str], says: str) -> None:
        tiny.write_text(TINY.replace(*change))
        out = tmp_path / "out"
        assert run(["export", str(tiny), "--format", "timm", "--out", str(out), "--random-weights", "0"]) == 3
        assert says in capsys.readouterr().err
        assert not out.exists() and not list(tmp_path.glob(".draft*"))

    refused(("stride = 2", "stride = 1"), "stem (conv): timm's stem has stride 2, not 1")
    refused(
        ("expand = 2", "expand = 3"), "stage 1 (mbconv): block 1 has 12 middle channels, which timm rounds"
    )
    refused(
        ('"mbconv", depth = 2, width = 8, expand = 2, squeeze = 0.25', '"basic", width = 8'),
        "stage 1 (basic)",
    )
    refused(('"silu"', '"tanh"'), "the activation is tanh")


def test_a_folder_that_has_something_in_it_is_left_alone(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    arguments = ["export", str(tiny), "--format", "torch", "--out", str(out), "--random-weights", "0"]
    assert run(arguments) == 0  # an empty folder is as good as none
    before = {path: path.read_bytes() for path in out.iterdir()}
    capsys.readouterr()
    assert run(arguments) == 2
    assert "is there already and not empty" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_a_folder_that_was_tampered_with_is_refused_and_one_trained_further_is_taken(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, image = tmp_path / "out", tmp_path / "a.npy"
    np.save(image, np.full((8, 8), 99, np.uint8))
    arguments = ["export", str(tiny), "--format", "torch", "--out", str(out), "--random-weights", "0"]
    assert run([*arguments, "--mean", "51", "--std", "102"]) == 0
    file, table = out / "model.safetensors", out / "network.toml"
    assert run(["predict", str(out), str(image)]) == 0
    changed = load_file(file)
    changed["head.2.weight"] = changed["head.2.weight"] + 1
    save_file(changed, file)
    capsys.readouterr()
    assert run(["predict", str(out), str(image)]) == 5
    assert f"not the weights that were exported; where they were trained further, --weights {file}" in (
        " ".join(capsys.readouterr().err.split())
    )
    assert run(["export", str(out), "--format", "onnx", "--out", str(tmp_path / "not")]) == 5
    assert not (tmp_path / "not").exists()
    assert run(["predict", str(out), str(image), "--weights", str(file)]) == 0, "its own moments are used"
    table.write_text(table.read_text().replace("silu", "relu"))
    capsys.readouterr()
    for more in ([], ["--weights", str(file)]):
        assert run(["predict", str(out), str(image), *more]) == 5
        assert "network.toml is not the network that was exported" in capsys.readouterr().err


def test_a_folder_takes_other_names_and_moments_and_no_seed(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, out, again = tmp_path / "names.txt", tmp_path / "out", tmp_path / "again"
    arguments = ["--format", "torch", "--out"]
    assert run(["export", str(tiny), *arguments, str(out), "--random-weights", "0"]) == 0
    names.write_text("a\nb\nc\n")
    given = ["export", str(out), "--class-names", str(names), *arguments]
    assert run([*given, str(again), "--mean", "51", "--std", "102"]) == 0
    assert json.loads((again / "config.json").read_text())["label_names"] == ["a", "b", "c"]
    names.write_text("a\nb\n")
    for command, code, says in (
        ([*given, str(tmp_path / "third")], 3, "class names: 2 given, but"),
        (["predict", str(again), "a.png", "--class-names", str(names)], 3, "class names: 2 given, but"),
        (["predict", str(again), "a.png", "--mean", "1,2"], 3, "mean: 2 given, but"),
        (["predict", str(again), "a.png", "--seed", "1"], 2, "--seed is for members of a study: "),
    ):
        assert run(command) == code
        assert says in capsys.readouterr().err
