"""What `predict` takes of a folder: whatever holds an image, by its content; the rest is counted with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scaling_search.data.images.form import Form
from scaling_search.errors import InputError
from scaling_search.search.members.images import decode, find, left_out

GREY = Form(size=(8, 8), channels=1, shape=1.0)
CLASSES = ("cat", "dog")


def image(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), shade, np.uint8)).save(path, "PNG")


def test_content_decides_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    image(tmp_path / "cat" / "a.dat", 10)
    image(tmp_path / "other" / "b", 20)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "cat" / ".hidden.png").write_bytes(b"x")
    found = decode(find(str(tmp_path), CLASSES), GREY, CLASSES)
    assert [Path(name).name for name in found.names] == ["a.dat", "b"]
    assert found.labels.tolist() == [0, -1]
    assert found.images[:, 0, 0, 0].tolist() == [10, 20]
    said = left_out(found.left_out)
    assert "1 no image (.txt) (cat/notes.txt)" in said and "hidden" in said


def test_a_folder_without_an_image_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing")
    with pytest.raises(InputError, match=r"no image below this folder \(found: 1 no image \(\.txt\)"):
        decode(find(str(tmp_path), CLASSES), GREY, CLASSES)


def test_a_file_that_is_named_and_holds_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("nothing")
    with pytest.raises(InputError, match=r"a\.png: damaged: its content is none of"):
        decode(find(str(tmp_path / "a.png"), CLASSES), GREY, CLASSES)
