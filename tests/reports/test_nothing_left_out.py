"""Nothing is left out silently: further members of the kind."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scaling_search.search.plan.study import packaged
from scaling_search.search.trial.setup import load_data
from tests.reports.conftest import Import, fill, noise


def left(document: dict) -> dict[str, int]:
    return {reason: one["count"] for reason, one in document["summary"]["left_out"].items()}


def total(document: dict) -> int:
    return document["train"] + document["test"] + (document["validation"] or 0)


def test_a_class_from_a_mac_and_one_from_linux(imported: Import) -> None:
    fill(classes=(unicodedata.normalize("NFC", "train/épée"), "train/cat"))
    fill(classes=(unicodedata.normalize("NFD", "test/épée"), "test/cat"))
    document = imported()
    assert document["classes"] == ["cat", "épée"]
    assert document["counts"]["test"] == [6, 6]


@pytest.mark.parametrize("names", [("Train", "Dev", "Eval"), ("TRAINING", "VALID", "TESTING")])
def test_splits_in_capitals(imported: Import, names: tuple[str, str, str]) -> None:
    fill(classes=tuple(f"{split}/{label}" for split in names for label in ("cat", "dog")))
    document = imported()
    assert (document["train"], document["validation"], document["test"]) == (12, 12, 12)


def test_an_archive_of_a_phone(imported: Import) -> None:
    paths = fill()
    for path in paths[:3]:
        path.with_suffix(".HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    shutil.copytree("set/cat", "set/__MACOSX/cat")
    Path("set/cat/._0.png").write_bytes(b"\0\x05\x16\7")
    paths[3].rename(paths[3].with_name("IMG_0001"))
    paths[4].rename(paths[4].with_suffix(".png.1"))
    document = imported()
    assert total(document) == 12
    assert left(document) == {"no image (.heic)": 3, "hidden": 2}
    assert "no image (.heic) (cat/0.HEIC, cat/1.HEIC, cat/2.HEIC)" in document["said"]


def test_images_beside_the_classes(imported: Import) -> None:
    fill(classes=("train/cat", "train/dog", "unlabelled"))
    Image.fromarray(noise(1)).save("set/train/lost.png")
    document = imported()
    assert left(document) == {
        "in a folder that is no split: unlabelled": 6,
        "outside of the folders of classes": 1,
    }


def test_all_that_is_broken_at_once(imported: Import) -> None:
    paths = fill(count=30)
    for path in paths[:25]:
        path.write_bytes(path.read_bytes()[:50])
    paths[0].write_bytes(b"")
    said = imported(code=3)["said"]
    assert "25 files cannot be used (damaged); --skip-damaged leaves them out:" in said
    assert "and 5 more: all are in" in said
    assert len(Path("data/damaged/set.txt").read_text().splitlines()) == 25
    document = imported("--skip-damaged")
    assert (total(document), document["skipped"], left(document)) == (35, 25, {"damaged": 25})


def test_a_flat_folder_with_a_table(imported: Import) -> None:
    paths = fill(classes=("images",), count=20)
    lines = [
        f"images\\{path.name};{'ü' if number % 2 else 'x'};pat{number // 4}"
        for number, path in enumerate(paths)
    ]
    Path("set/labels.csv").write_text(
        "\ufeff" + "\r\n".join(["File;Label;Group", *lines[:-2]]), encoding="utf-8"
    )
    document = imported()
    assert (total(document), document["groups"]) == (18, "group")
    assert left(document) == {"not in labels.csv": 2}


def test_copies_in_train_and_test_and_under_two_labels(imported: Import) -> None:
    paths = fill(classes=("train/cat", "train/dog", "test/cat", "test/dog"))
    shutil.copy(paths[0], "set/test/cat/copy.png")
    shutil.copy(paths[1], "set/train/dog/other.png")
    document = imported()
    same = document["summary"]["duplicates"]
    assert (same["repeated_test"], same["across_classes"], same["sets"]) == (1, 1, 2)
    assert "1 of 13 test images are identical to images for training" in document["said"]
    assert "1 image with identical copies under another label." in document["said"]


def test_one_file_saved_in_two_formats_is_one_image(imported: Import) -> None:
    paths = fill()
    Image.open(paths[0]).save("set/cat/again.bmp")
    assert imported()["summary"]["duplicates"]["sets"] == 1


def test_a_class_that_cannot_be_split(imported: Import) -> None:
    fill()
    fill(count=2, classes=("eel", "fox"))
    said = imported(code=3)["said"]
    assert "class 'eel' has 2 images; class 'fox' has 2 images" in said
    assert "at least 3 images" in said
    assert "one each for train, validation, test" in said


def test_a_class_that_two_given_splits_make_large_enough(imported: Import) -> None:
    fill(count=1, classes=("train/cat", "train/dog", "val/cat", "val/dog", "test/cat", "test/dog"))
    assert total(imported()) == 6


# Images of each folder, and whether every class can be split.
SMALL: dict[str, tuple[dict[str, int], bool]] = {
    "two images": ({"a": 10, "b": 2}, False),
    "three images": ({"a": 10, "b": 3}, True),
    "one, and a test split": ({"train/a": 10, "train/b": 1, "test/a": 3, "test/b": 3}, False),
    "two, and a test split": ({"train/a": 10, "train/b": 2, "test/a": 3, "test/b": 3}, True),
    "one, and a validation split": ({"train/a": 10, "train/b": 1, "val/a": 3, "val/b": 1}, False),
    "two, and a validation split": ({"train/a": 10, "train/b": 2, "val/a": 3, "val/b": 1}, True),
    "none in the test split": ({"train/a": 10, "train/b": 5, "test/a": 3}, True),
    "none in the validation split": (
        {"train/a": 9, "train/b": 5, "val/a": 3, "test/a": 3, "test/b": 1},
        True,
    ),
    "in the test split alone": ({"train/a": 10, "train/b": 5, "test/a": 3, "test/c": 3}, False),
    "a hundred times rarer": ({"a": 300, "b": 3}, True),
    "one of many": ({"a": 3, "b": 3, "c": 3, "d": 1}, False),
}


@pytest.mark.parametrize(("folders", "possible"), SMALL.values(), ids=SMALL)
def test_what_is_prepared_can_be_searched_and_what_cannot_is_refused_at_once(
    imported: Import, folders: dict[str, int], possible: bool
) -> None:
    """`prepare` and `plan` said yes, `grid` then that a class has one image."""
    for number, (folder, count) in enumerate(folders.items()):
        (Path("set") / folder).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(noise(1000 * number + index)).save(Path("set") / folder / f"{index}.png")
    said = imported(code=0 if possible else 3)["said"]
    if not possible:
        (short,) = [folder.rpartition("/")[2] for folder, count in folders.items() if folder[-1] in "bcd"][
            -1:
        ]
        assert f"class {short!r}" in said or f"no class {short!r}" in said
        return
    settings = packaged().override({"dataset.name": "set"})
    data = load_data(settings)
    classes = {folder.rpartition("/")[2] for folder in folders}
    assert len(data.classes) == len(classes) == len(set(data.train.labels.tolist()))
    if not any(folder.startswith("val") for folder in folders):
        assert set(data.validation.labels.tolist()) == set(data.train.labels.tolist())


def test_classes_of_many_different_sizes_are_told(imported: Import) -> None:
    fill(count=40, classes=("common",))
    fill(count=4, classes=("rare",))
    said = imported()["said"]
    assert "always naming common is right for" in said
    assert "Fewer than 10 test images each: common, rare." in said


def test_a_link_to_a_folder_counts_once_and_never_for_ever(imported: Import) -> None:
    fill()
    Path("set/cat/up").symlink_to(Path("set").absolute())
    assert (total(imported()), left(imported())) == (12, {"link to a folder that it lies in": 1})


def test_arrays_of_five_channels(imported: Import) -> None:
    for number, path in enumerate(fill()):
        path.unlink()
        np.save(path.with_suffix(".npy"), noise(number, (12, 12, 5)))
    assert imported()["channels"] == 5
