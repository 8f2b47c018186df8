"""A folder that `export` wrote predicts as what it was written of, and is refused where it is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from scaling_search.data import augment
from scaling_search.errors import DamagedError, InputError, UsageError
from scaling_search.export.folder import check_target
from scaling_search.export.metadata import Metadata
from scaling_search.search.members.exported import of_folder
from scaling_search.search.members.images import decode, find
from scaling_search.search.members.member import Member
from scaling_search.search.members.predict import predict
from scaling_search.search.members.resolve import from_outside, untrained
from scaling_search.search.tables.prediction_table import document, record

TINY = """\
name = "tiny"
resolution = 8
channels = 1
classes = 3
activation = "relu"
stages = [{ block = "plain", width = 4, stride = 2 }]
head = {}
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def member(table: Path) -> Member:
    return untrained(str(table), 1, Metadata(mean=(51.0,), std=(102.0,)))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two wide images whose middle is not their whole."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 24), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_it_predicts_as_what_it_was_written_of(
    member: Member, table: Path, images: Path, tmp_path: Path
) -> None:
    member.export("torch", tmp_path / "cut")
    outside = from_outside(
        str(table), weights=tmp_path / "cut" / "model.safetensors", metadata=member.metadata
    )
    stored = replace(member, metadata=replace(member.metadata, fit="pad", stored_size=(4, 6), shape=2.0))
    stored.export("torch", tmp_path / "stored")
    said = {}
    for name, one in (("cut", outside), ("stored", stored)):
        found = of_folder(tmp_path / name)
        assert found.form == one.form and found.form.fit == ("crop" if name == "cut" else "pad")
        said[name] = predict([one], str(images)).probabilities
        assert np.array_equal(predict([found], str(images)).probabilities, said[name])
    assert not np.allclose(said["cut"], said["stored"])


def test_the_documents_way_to_an_image_is_ours(
    member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but its last lines, which need PyTorch."""
    stored = replace(member, metadata=replace(member.metadata, fit=None, stored_size=(4, 6)))
    stored.export("torch", tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)).save("image.png")
    page = (Path(__file__).parents[2] / "docs" / "first-study.md").read_text(encoding="utf-8")
    (block,) = [one for one in page.split("```") if one.startswith("python\n")]
    lines = block.removeprefix("python\n").split("probabilities = ")[0].splitlines()
    kept = [line for line in lines if line not in ("import torch", "from model import load")]
    names: dict[str, Any] = {}
    exec("\n".join(kept), names)  # noqa: S102 - our own document
    ours = decode(find("image.png", stored.classes), stored.form, stored.classes).images
    resized = augment.resize(ours, 8).transpose(0, 3, 1, 2)
    assert names["x"].shape == (1, 1, 8, 8) and names["x"].dtype == np.float32
    assert np.abs(names["x"] - (resized - np.float32(51)) / 102).max() <= 1.01 / 102, "a grey level at most"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"mean": [None]}, "mean 1: expected a number"),
        ({"mean": [float("nan")]}, r"mean 1: expected a number \(got nan\)"),
        ({"label_names": "abc"}, "label_names: expected a list"),
        ({"label_names": [["a"], "b", "c"]}, "label_name 1: expected text"),
        ({"provenance": "x"}, "provenance: expected a table"),
        ({"stored_size": [0, 4]}, "stored_size"),
        ({"stored_size": [10**6, 10**6]}, "stored_size"),
        ({"fit": "border"}, "fit: expected pad, crop or squash"),
        ({"accuracy": {"value": 1}}, "accuracy.low: required"),
    ],
)
def test_a_damaged_configuration_names_its_key(
    change: dict[str, Any], says: str, member: Member, tmp_path: Path
) -> None:
    member.export("torch", tmp_path / "out")
    path = tmp_path / "out" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DamagedError, match=rf"config\.json is damaged: .*{says}"):
        of_folder(tmp_path / "out")


def test_what_is_not_finite_is_no_prediction(member: Member, images: Path, tmp_path: Path) -> None:
    large = replace(member, read=lambda: jax.tree.map(lambda leaf: leaf * np.float32(1e30), member.weights))
    with pytest.raises(InputError, match=r"tiny, untrained: what it says of 2 of 2 images is not finite"):
        predict([large], str(images))
    with pytest.raises(InputError, match="tiny: its logits are not finite"):
        large.export("torch", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    for mean, std in (((1e30,), (1.0,)), ((0.0,), (1e-30,))):
        with pytest.raises(InputError, match=r"over 0|beyond 1e\+06"):
            member.about(Metadata(mean=mean, std=std))


def test_where_it_may_go(member: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        check_target("torch", tmp_path / "file")
    with pytest.raises(UsageError, match="not empty"):
        check_target("torch", tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match="the folder that you are in"):
        check_target("torch", Path())
    for target in ("there", "nowhere"):
        (tmp_path / f"to-{target}").symlink_to(tmp_path / target)
    (tmp_path / "there").mkdir()
    for target in ("there", "nowhere"):
        member.export("torch", tmp_path / f"to-{target}")
        assert (tmp_path / f"to-{target}").is_symlink() and (tmp_path / target / "model.py").is_file()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda one: replace(one, metadata=replace(one.metadata, class_names=("a", "b", "c"))),
            "class 0 of .*--class-n",
        ),
        (
            lambda one: replace(one, network=one.network.model_copy(update={"classes": 4})),
            "has 3 classes, tiny, untrained 4",
        ),
    ],
)
def test_other_classes_are_no_ensemble(
    change: Callable[[Member], Member], says: str, member: Member, images: Path
) -> None:
    with pytest.raises(InputError, match=f"{says}.*: they are no ensemble"):
        predict([member, change(member)], str(images))


def test_folders_that_are_no_class_are_told(member: Member, images: Path) -> None:
    for name in ("1", "cat"):
        (images / name).mkdir()
        (images / name / "a.png").write_bytes((images / "0.png").read_bytes())
    found = predict([member], str(images))
    assert found.evaluation is not None and len(found.evaluation.correct) == 1
    assert record(found)["unknown_folders"] == ["cat"]
    assert document(found).notes == (
        "Images in folders named 'cat' count in no accuracy: the classes are '0', '1', '2'.",
    )


def test_what_is_no_member_says_what_is(table: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown member 'Best': did you mean 'best'\?.*or phi=2, a folder"):
        from_outside("Best")
    (tmp_path / "folder").mkdir()
    for text, seed, says in (
        (str(table), -1, "0 or more"),
        (str(table), 2**70, "under 2"),
        (str(tmp_path / "folder"), 1, "its own"),
    ):
        with pytest.raises(UsageError, match=says):
            untrained(text, seed, Metadata())
