from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scaling_search.data import catalog
from scaling_search.errors import InputError, UsageError

Pictures = Callable[..., Path]


def rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_folders_of_classes_get_a_fixed_test_split(pictures: Pictures, data_dir: Path) -> None:
    source = pictures(classes=("dog", "cat", "eel"), count=10)
    info = catalog.prepare("pets", source=source)
    assert info.classes == ("cat", "dog", "eel")
    assert (info.train_count, info.test_count, info.size, info.channels) == (24, 6, (6, 6), 3)
    assert catalog.describe("pets") == info
    assert "pets" in catalog.names()
    test = catalog.load_test("pets")
    assert np.bincount(test.labels).tolist() == [2, 2, 2]
    again = catalog.prepare("pets2", source=source)
    assert rows(catalog.load_test(again.name).images) == rows(test.images)
    data = catalog.load("pets", validation=0.25)
    assert (len(data.train), len(data.validation)) == (18, 6)
    parts = [rows(part.images) for part in (data.train, data.validation, test)]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 30
    assert data.fingerprint == catalog.load("pets2", validation=0.25).fingerprint


def test_labels_are_the_folders(pictures: Pictures) -> None:
    # In these pictures the channel numbered as the class is the brightest.
    catalog.prepare("pets", source=pictures(classes=("a", "b", "c"), count=8))
    data = catalog.load("pets")
    for part in (data.train, data.validation, catalog.load_test("pets")):
        assert (part.images.min(axis=(1, 2)).argmax(axis=1) == part.labels).all()


def layout(pictures: Pictures, *splits: str) -> Path:
    for seed, split in enumerate(splits):
        pictures(root=f"set/{split}", count=4 + seed, seed=seed)
    return pictures(root="set/train", count=4, seed=99).parent


@pytest.mark.parametrize(
    ("splits", "train", "test"),
    [
        (["test"], 8, 8),
        (["val"], 6, 2),
        (["test", "validation"], 8, 8),
        ([], 6, 2),
    ],
)
def test_folders_of_splits(pictures: Pictures, splits: list[str], train: int, test: int) -> None:
    info = catalog.prepare("mine", source=layout(pictures, *splits))
    assert (info.train_count, info.test_count) == (train, test)
    own = next((split for split in splits if split.startswith("val")), None)
    data = catalog.load("mine", validation=0.4, split_seed=7)
    assert data.fixed_validation == (own is not None)
    if own is None:
        assert info.validation_count is None
    else:
        # The set's own, whatever share and seed a study names.
        assert info.validation_count == len(data.validation) == 8 + 2 * splits.index(own)
        assert data.fingerprint == catalog.load("mine").fingerprint


def test_a_class_may_be_called_train(pictures: Pictures) -> None:
    assert catalog.prepare("vehicles", source=pictures(classes=("train", "plane"))).classes == (
        "plane",
        "train",
    )


def test_grey_pictures_of_many_sizes_get_one(pictures: Pictures) -> None:
    pictures(mode="L", size=(9, 12))
    info = catalog.prepare("grey", source=pictures(mode="L", size=(20, 16), count=2))
    assert (info.size, info.channels) == ((9, 12), 1)
    assert info.summary.converted["padded"] == 4
    assert catalog.load("grey").native_resolution == 9
    assert catalog.prepare("grey", source=pictures(mode="L", count=2), size=5).size == (5, 5)


def test_importing_again_replaces(pictures: Pictures, data_dir: Path) -> None:
    catalog.prepare("mine", source=pictures())
    before = catalog.load("mine")
    catalog.prepare("mine", source=pictures(seed=7))
    assert catalog.load("mine").fingerprint != before.fingerprint
    assert len(list((data_dir / "folders" / "mine").iterdir())) == 5
    assert before.train.images.sum() > 0  # arrays in use outlive their file


def test_grey_among_colour_becomes_colour_and_that_is_said(pictures: Pictures) -> None:
    pictures()
    source = pictures(mode="L", count=1)
    info = catalog.prepare("mixed", source=source)
    assert (info.channels, info.summary.converted["grey to colour"]) == (3, 2)
    assert catalog.prepare("mixed", source=source, channels=1).summary.converted["colour to grey"] == 8
    with pytest.raises(InputError, match="cannot be stored with 2 channels"):
        catalog.prepare("mixed", source=source, channels=2)
    with pytest.raises(UsageError, match="up to 8, got 9"):
        catalog.prepare("mixed", source=source, channels=9)


def test_bad_folders(tmp_path: Path, pictures: Pictures) -> None:
    def refused(source: Path, match: str) -> None:
        with pytest.raises(InputError, match=match):
            catalog.prepare("bad", source=source)
        assert "bad" not in catalog.names()

    refused(tmp_path / "nowhere", "nowhere does not exist")
    (tmp_path / "empty" / "a").mkdir(parents=True)
    (tmp_path / "empty" / "b").mkdir()
    refused(tmp_path / "empty", "empty is empty")
    refused(pictures("one", classes=("only",)), "holds one class, 'only'")
    source = pictures("gap")
    (source / "zebra").mkdir()
    refused(source, "zebra: no images in there")
    refused(pictures("few", count=1), "class 'cat' has 1 image; class 'dog' has 1 image.*at least 3")
    source = pictures("cut")
    path = source / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:-40])
    refused(source, r"dog/3\.png: damaged: ")
    source = layout(pictures, "test")
    (source / "test" / "dog").rename(source / "test" / "wolf")
    refused(source, "test/wolf/0.png: train has no class 'wolf'; legal are 'cat', 'dog'")
    shutil.rmtree(source / "test" / "wolf")
    shutil.rmtree(source / "test" / "cat")
    refused(source, "test: no images in there")


def test_hostile_class_names_are_only_data(pictures: Pictures) -> None:
    classes = ("<script>alert(1)</script>".replace("/", ":"), "=1+1", "[red]x", "a\x1b[31mb", "dog")
    info = catalog.prepare("odd", source=pictures(classes=classes, count=4))
    assert "a\\x1b[31mb" in info.classes
    assert all(name.isprintable() for name in info.classes)
    assert len(info.classes) == 5


def test_a_hostile_path_in_an_error_is_printable(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        catalog.prepare("odd", source=tmp_path / "a\x1b]0;owned\x07")
    assert str(caught.value).isprintable()


def test_damaged_arrays_are_noticed(pictures: Pictures, data_dir: Path) -> None:
    catalog.prepare("mine", source=pictures())
    path = next((data_dir / "folders" / "mine").glob("train-*-images.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged: import them again .* mine --from DIR"):
        catalog.load("mine")
    (path.parent / "set.json").write_text("{")
    with pytest.raises(
        InputError, match="mine is damaged, or was imported by another version: import it again"
    ):
        catalog.load("mine")
    catalog.prepare("mine", source=pictures())
    catalog.load("mine")
