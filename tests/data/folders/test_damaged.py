"""All damaged files are named at once; leaving them out is the user's wish, and part of what the set is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from scaling_search.data import catalog
from scaling_search.data.images.reading import look
from scaling_search.errors import InputError

Pictures = Callable[..., Path]


def damage(source: Path) -> list[str]:
    """Four files damaged in four ways; their names."""
    (source / "cat" / "1.png").write_bytes(b"")
    (source / "cat" / "3.png").write_bytes(b"<html>404")
    path = source / "dog" / "2.png"
    path.write_bytes(path.read_bytes()[:-30])
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    Image.fromarray(np.zeros((6, 6, 3), np.uint8)).save(source / "dog" / "4.png", pnginfo=text)
    return ["cat/1.png", "cat/3.png", "dog/2.png", "dog/4.png"]


def test_all_are_named_with_what_is_wrong(pictures: Pictures, data_dir: Path) -> None:
    source = pictures(count=8)
    names = damage(source)
    with pytest.raises(InputError) as caught:
        catalog.prepare("mine", source=source)
    lines = str(caught.value).splitlines()
    assert lines[0] == "4 files cannot be used (damaged and over a limit); --skip-damaged leaves them out:"
    assert [line.strip().partition(":")[0] for line in lines[1:]] == names
    assert "dog/4.png: over a limit: text in the file exceeds a limit of Pillow" in lines[4]
    assert not (data_dir / "folders" / "mine").exists()
    assert "mine" not in catalog.names()


def test_left_out_as_if_they_had_never_been_there(pictures: Pictures) -> None:
    source = pictures(count=8)
    whole = catalog.prepare("whole", source=source)
    names = damage(source)
    info = catalog.prepare("mine", source=source, skip_damaged=True)
    assert whole.train_count + whole.test_count - 4 == info.train_count + info.test_count
    assert (info.skipped, whole.skipped) == (4, 0)
    left = info.summary.left_out
    assert {reason: one.count for reason, one in left.items()} == {"damaged": 3, "over a limit": 1}
    for name in names:
        (source / name).unlink()
    other = catalog.prepare("other", source=source)
    mine, rest = catalog.load("mine"), catalog.load("other")
    assert (mine.train.images == rest.train.images).all()
    assert (mine.validation.labels == rest.validation.labels).all()
    # The same images, and yet not the same set: one of them is less than its folder.
    assert other.skipped == 0
    assert mine.fingerprint != rest.fingerprint


def test_a_damaged_image_has_no_say_in_the_form_of_the_set(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for i in range(4):
            size = (30, 20) if i < 2 else (20, 20)
            pixels = np.random.default_rng([i, ord(label[0])]).integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{i}.jpg")
    path = tmp_path / "cat" / "2.jpg"
    path.write_bytes(path.read_bytes()[:-30])  # its header still says 20x20, and decides among equals
    assert look(path).height == 20
    assert catalog.prepare("mine", source=tmp_path, skip_damaged=True).size == (30, 20)


def test_a_long_list_is_in_a_file(pictures: Pictures, data_dir: Path) -> None:
    source = pictures(count=60)
    for number in range(50):
        (source / "cat" / f"{number}.png").write_bytes(b"no image")
    with pytest.raises(InputError) as caught:
        catalog.prepare("mine", source=source)
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    listed = data_dir / "damaged" / "mine.txt"
    assert lines[-1] == f"  and 30 more: all are in {listed}"
    assert len(listed.read_text().splitlines()) == 50


def test_a_class_that_is_damaged_all_over_is_refused(pictures: Pictures) -> None:
    source = pictures(count=4)
    for number in range(4):
        (source / "cat" / f"{number}.png").write_bytes(b"")
    with pytest.raises(InputError, match="no images of class 'cat'"):
        catalog.prepare("mine", source=source, skip_damaged=True)
    for number in range(4):
        (source / "dog" / f"{number}.png").write_bytes(b"")
    with pytest.raises(InputError, match="8 files cannot be used"):
        catalog.prepare("mine", source=source, skip_damaged=True)


def test_a_failed_import_leaves_the_set_that_was_there(pictures: Pictures) -> None:
    source = pictures(count=8)
    catalog.prepare("mine", source=source)
    before = catalog.load("mine").fingerprint
    damage(source)
    with pytest.raises(InputError):
        catalog.prepare("mine", source=source)
    assert catalog.load("mine").fingerprint == before
