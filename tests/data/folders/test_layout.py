"""Which class and split a file belongs to, and that no file is left out without being counted."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scaling_search.data import catalog
from scaling_search.data.dataset import DatasetInfo
from scaling_search.data.folders.layout import NAMES, same_name, split_of
from scaling_search.errors import InputError

_images = iter(range(10**9))


def write(folder: Path, count: int, suffix: str = ".png") -> None:
    """So many images, no two the same."""
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(count):
        number = next(_images)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}{suffix}", format="PNG")


def total(info: DatasetInfo) -> int:
    return info.train_count + info.test_count + (info.validation_count or 0)


def left(info: DatasetInfo) -> dict[str, int]:
    return {reason: one.count for reason, one in info.summary.left_out.items()}


@given(st.sampled_from([(split, name) for split, names in NAMES.items() for name in names]), st.data())
def test_splits_by_their_usual_names_in_any_case(
    split_and_name: tuple[str, str], data: st.DataObject
) -> None:
    split, name = split_and_name
    cased = "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in name)
    assert split_of(cased) == split


@pytest.mark.parametrize("name", ["trains", "te", "testset", "", "train ", "cats"])
def test_other_names_are_no_splits(name: str) -> None:
    assert split_of(name) is None


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Training", "DEV", "Eval"),
        ("TRAIN", "valid", "testing"),
        ("train", "Validation", ""),
    ],
)
def test_given_splits_are_kept(tmp_path: Path, train: str, validation: str, test: str) -> None:
    for name, count in ((train, 10), (validation, 4), (test, 3)):
        for label in ("cat", "dog"):
            if name:
                write(tmp_path / "set" / name / label, count)
    info = catalog.prepare("mine", source=tmp_path / "set")
    held = 0 if test else 4  # 20 % of train, where there is no test split
    assert (info.train_count, info.validation_count, info.test_count) == (20 - held, 8, 6 if test else held)
    assert left(info) == {}


@pytest.mark.parametrize(
    "two", [("val", "valid"), ("test", "Testing"), ("train", "TRAIN"), ("dev", "validation")]
)
def test_two_folders_for_one_split_are_refused_both_named(tmp_path: Path, two: tuple[str, str]) -> None:
    for name in {"train", *two}:
        for label in ("cat", "dog"):
            write(tmp_path / "set" / name / label, 4)
    with pytest.raises(
        InputError, match=f"two folders for one split, ({two[0]} and {two[1]}|{two[1]} and {two[0]})"
    ):
        catalog.prepare("mine", source=tmp_path / "set")


def test_splits_below_the_classes(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for split, count in (("train", 6), ("test", 3)):
            write(tmp_path / "set" / label / split, count)
    info = catalog.prepare("mine", source=tmp_path / "set")
    assert (info.classes, info.train_count, info.test_count) == (("cat", "dog"), 12, 6)


def test_splits_without_one_for_training_are_refused(tmp_path: Path) -> None:
    for split in ("val", "test"):
        write(tmp_path / "set" / split / "cat", 3)
    with pytest.raises(InputError, match="holds test, val, but no folder for training"):
        catalog.prepare("mine", source=tmp_path / "set")


def test_folders_that_look_like_splits_and_are_taken_for_classes_are_doubted(tmp_path: Path) -> None:
    for split in ("train_set", "test_set"):
        for label in ("cat", "dog"):
            write(tmp_path / "set" / split / label, 3)
    notes = catalog.prepare("mine", source=tmp_path / "set").summary.notes
    assert any("were taken for classes, and all hold the same folders (cat, dog)" in note for note in notes)


def test_a_folder_too_many_around_the_classes(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        write(tmp_path / "pets" / "pets" / label, 3)
    with pytest.raises(InputError, match=r"one class, 'pets'; .* did you mean --from .*pets/pets\?"):
        catalog.prepare("mine", source=tmp_path / "pets")


def test_every_file_is_taken_or_counted(tmp_path: Path) -> None:
    source = tmp_path / "set"
    for label in ("cat", "dog"):
        write(source / "train" / label, 5)
        write(source / "extra" / label, 1)
    write(source / "train" / "cat" / "more" / "yet more", 2)
    write(source / "train" / "dog", 3, ".JPG?15071")
    write(source / "train" / "dog", 1, "")
    write(source / "train", 1)
    write(source, 1)
    write(source / ".hidden", 1)
    write(source / "__MACOSX" / "cat", 1)
    (source / "train" / "cat" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (source / "train" / "cat" / "a.heic").write_bytes(bytes(20))
    (source / "train" / "cat" / ".DS_Store").write_text("x")
    (source / "train" / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (source / "train" / "cat" / "loop").symlink_to(source)
    os.mkfifo(source / "train" / "cat" / "pipe.png")
    info = catalog.prepare("mine", source=source)
    assert total(info) == 5 + 5 + 2 + 3 + 1
    assert left(info) == {
        "hidden": 3,
        "outside of the folders of classes": 2,
        "in a folder that is no split: extra": 2,
        "no image (.db)": 1,
        "no image (.heic)": 1,
        "link that leads nowhere": 1,
        "link to a folder that it lies in": 1,
        "no regular file": 1,
    }


def test_folders_without_end_are_counted(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        write(tmp_path / "set" / label, 4)
    deep = tmp_path / "set" / "cat"
    for _ in range(300):
        deep = deep / "a"
    write(deep, 1)
    info = catalog.prepare("mine", source=tmp_path / "set")
    assert (total(info), left(info)) == (8, {"deeper than 100 folders": 1})


def test_our_own_data_may_lie_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in ("cat", "dog"):
        write(tmp_path / label, 4)
    monkeypatch.setenv("SCALING_SEARCH_DATA", str(tmp_path / "cache"))
    for name in ("first", "second"):
        assert total(catalog.prepare(name, source=tmp_path)) == 8
    assert left(catalog.describe("second")) == {"this program's own data": 1}


names_of = st.lists(
    st.text(
        st.characters(blacklist_characters="/\0.", blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=8
    ),
    min_size=2,
    max_size=4,
    unique_by=lambda name: same_name(name).casefold(),
)


@given(
    names_of, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"])
)
def test_class_names_equal_in_any_unicode_form_are_one_class(names: list[str], one: str, other: str) -> None:
    for name in names:
        first, second = unicodedata.normalize(one, name), unicodedata.normalize(other, name)
        assert same_name(first) == same_name(second)
        assert same_name(same_name(first)) == same_name(first)


def test_two_writings_of_a_class_are_one_and_that_is_said(tmp_path: Path) -> None:
    composed, apart = "café", unicodedata.normalize("NFD", "café")
    for split, name in (("train", composed), ("test", apart)):
        write(tmp_path / "set" / split / name, 4)
        write(tmp_path / "set" / split / "tea", 4)
    write(tmp_path / "set" / "train" / apart, 1)
    info = catalog.prepare("mine", source=tmp_path / "set")
    assert (info.classes, info.counts) == (("café", "tea"), {"train": (5, 4), "test": (4, 4)})
    assert any("equal in some Unicode form are one class: café" in note for note in info.summary.notes)


def test_classes_that_differ_in_capitals_are_two_and_that_is_said(tmp_path: Path) -> None:
    for name in ("Cat", "cat", "dog"):
        write(tmp_path / "set" / name, 3)
    info = catalog.prepare("mine", source=tmp_path / "set")
    assert info.classes == ("Cat", "cat", "dog")
    assert any("are kept apart: 'Cat', 'cat'" in note for note in info.summary.notes)


def test_a_class_that_a_given_split_lacks_is_said(tmp_path: Path) -> None:
    for label in ("cat", "dog", "eel"):
        write(tmp_path / "set" / "train" / label, 3)
    write(tmp_path / "set" / "test" / "dog", 3)
    notes = catalog.prepare("mine", source=tmp_path / "set").summary.notes
    assert "test has no images of 'cat', 'eel'" in notes


def test_files_of_one_name_in_several_folders_keep_their_labels(tmp_path: Path) -> None:
    for shade, label in ((10, "dark"), (200, "light")):
        for folder in ("", "a", "b/c"):
            (tmp_path / "set" / label / folder).mkdir(parents=True, exist_ok=True)
            pixels = np.full((4, 4), shade + len(folder), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / label / folder / "0.png")
    catalog.prepare("mine", source=tmp_path / "set")
    for part in (catalog.load("mine").train, catalog.load_test("mine")):
        assert ((part.images[:, 0, 0, 0] > 100) == (part.labels == 1)).all()
