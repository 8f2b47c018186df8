from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from scaling_search.data import storage
from scaling_search.data.storage import Entry, Record, read_record, read_split, write_record, write_split
from scaling_search.errors import InputError, StorageError
from scaling_search.system.files import DRAFT_PREFIX

SHAPE = (5, 3, 2, 1)
IMAGES = np.arange(30, dtype=np.uint8).reshape(SHAPE)
LABELS = [0, 1, 0, 1, 1]


def pairs(images: np.ndarray = IMAGES) -> Iterator[tuple[np.ndarray, int]]:
    return zip(images, LABELS, strict=True)


def record(entry: Entry, source: str = "here") -> Record:
    return Record(classes=("a", "b"), source=source, origin="x", splits={"train": entry})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    entry = write_split(tmp_path / "new" / "folder", "train", SHAPE, pairs(), classes=2)
    split = read_split(tmp_path / "new" / "folder", "train", entry)
    assert split is not None
    assert (split.images == IMAGES).all()
    assert split.labels.tolist() == LABELS
    assert split.labels.dtype == np.int32
    assert isinstance(split.images, np.memmap)
    assert (np.load(next((tmp_path / "new" / "folder").glob("*-images.npy"))) == IMAGES).all()


def test_groups_are_kept_and_are_part_of_the_content(tmp_path: Path) -> None:
    plain = write_split(tmp_path, "train", SHAPE, pairs(), classes=2)
    groups = np.array([0, 1, 1, 0, 2], np.int32)
    entry = write_split(tmp_path, "train", SHAPE, pairs(), classes=3, groups=groups)
    assert (entry.digest != plain.digest, entry.counts) == (True, (2, 3, 0))
    split = read_split(tmp_path, "train", entry)
    assert split is not None
    assert split.groups.tolist() == groups.tolist()
    assert split.part(np.array([True, False, True, False, False])).groups.tolist() == [0, 1]
    assert read_split(tmp_path, "train", plain).groups is None


def test_images_that_are_the_same_are_found_while_they_are_written(tmp_path: Path) -> None:
    images = IMAGES.copy()
    images[3] = images[1]
    entry = write_split(tmp_path, "train", SHAPE, pairs(images), classes=2, find_groups=True)
    assert read_split(tmp_path, "train", entry).groups.tolist() == [0, 1, 2, 1, 3]
    assert not write_split(tmp_path, "test", SHAPE, pairs(), classes=2, find_groups=True).grouped


@pytest.mark.parametrize("which", ["images", "labels", "groups"])
def test_one_flipped_bit_anywhere_is_found(tmp_path: Path, which: str) -> None:
    groups = np.array([0, 1, 1, 0, 2], np.int32)
    entry = write_split(tmp_path, "train", SHAPE, pairs(), classes=2, groups=groups)
    path = next(tmp_path.glob(f"*-{which}.npy"))
    whole = bytearray(path.read_bytes())
    for place in range(len(whole)):
        damaged = whole.copy()
        damaged[place] ^= 4
        path.write_bytes(damaged)
        assert read_split(tmp_path, "train", entry) is None
    path.write_bytes(whole)
    assert read_split(tmp_path, "train", entry) is not None


@pytest.mark.parametrize("keep", [0, 10, 128, 140])
def test_a_file_cut_short_is_found(tmp_path: Path, keep: int) -> None:
    entry = write_split(tmp_path, "train", SHAPE, pairs(), classes=2)
    path = next(tmp_path.glob("*-images.npy"))
    path.write_bytes(path.read_bytes()[:keep])
    assert read_split(tmp_path, "train", entry) is None
    path.unlink()
    assert read_split(tmp_path, "train", entry) is None


def test_a_full_disk_is_named_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    with pytest.raises(StorageError, match=rf"{tmp_path}: \d+ bytes needed, 100 free"):
        write_split(tmp_path, "train", SHAPE, pairs(), classes=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "no space"), (errno.EROFS, "read-only"), (errno.EACCES, "Permission denied")],
)
def test_a_disk_that_fails_midway_leaves_the_old_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    entry = write_split(tmp_path, "train", SHAPE, pairs(), classes=2)
    write_record(tmp_path, "set.json", record(entry), splits=["train"])
    before = sorted(path.name for path in tmp_path.iterdir())

    def fail(_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=said) as caught:
        write_split(tmp_path, "train", SHAPE, pairs(IMAGES + 1), classes=2)
    assert str(tmp_path) in str(caught.value)
    assert "bytes needed" in str(caught.value)
    with pytest.raises(StorageError, match=said):
        write_record(tmp_path, "set.json", record(entry, source="new"), splits=["train"])
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert read_record(tmp_path, "set.json") == record(entry)


def test_a_path_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        write_split(tmp_path / "file" / "below", "train", SHAPE, pairs(), classes=2)


def test_a_new_set_takes_the_place_of_the_old(tmp_path: Path) -> None:
    old = write_split(tmp_path, "train", SHAPE, pairs(), classes=2)
    write_record(tmp_path, "set.json", record(old), splits=["train"])
    new = write_split(tmp_path, "train", SHAPE, pairs(IMAGES + 1), classes=2)
    assert read_split(tmp_path, "train", old) is not None
    write_record(tmp_path, "set.json", record(new), splits=["train"])
    assert read_split(tmp_path, "train", old) is None
    assert read_split(tmp_path, "train", new) is not None
    assert len(list(tmp_path.iterdir())) == 3


def test_what_dead_writers_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, fresh = tmp_path / f"{DRAFT_PREFIX}old", tmp_path / f"{DRAFT_PREFIX}fresh"
    old.touch()
    fresh.touch()
    os.utime(old, (0, 0))
    write_split(tmp_path, "train", SHAPE, pairs(), classes=2)
    assert not old.exists()
    assert fresh.exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1]",
        '{"format": 9, "classes": ["a"], "source": "", "origin": "", "splits": {}}',
        '{"format": 2, "classes": ["a"], "source": "", "origin": "", "splits": '
        '{"train": {"shape": [1, 1, 1, 1], "digest": "../../../etc/passwd"}}}',
        '{"format": 2, "classes": ["a"], "source": "", "origin": "", "splits": {"../x": {}}}',
    ],
)
def test_a_record_that_is_none_of_ours_is_no_record(tmp_path: Path, content: str) -> None:
    (tmp_path / "set.json").write_text(content)
    assert read_record(tmp_path, "set.json") is None


def test_fewer_images_than_promised(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="5 images where 6 were promised"):
        write_split(tmp_path, "train", (6, 3, 2, 1), pairs(), classes=2)
