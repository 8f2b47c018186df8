"""What comes out of image files of every kind, and what of files that are none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import GifImagePlugin, Image, TiffImagePlugin

from tests.data.images.files import COLOURS, agreed, save, unusable


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("1", 1), ("L", 1), ("LA", 1), ("RGB", 3), ("RGBA", 3), ("CMYK", 3), ("P", 3), ("PA", 3)],
)
def test_each_kind_is_grey_or_colour(tmp_path: Path, mode: str, channels: int) -> None:
    image = Image.fromarray(COLOURS).convert(mode)
    found = agreed(save(tmp_path / ("a.tif" if mode in ("CMYK", "PA") else "a.png"), image))
    assert found.values.shape == (6, 8, channels)
    assert found.white == 255


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp", "jp2"])
def test_pixels_come_back_as_they_were(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    found = agreed(save(tmp_path / f"a.{suffix}", Image.fromarray(COLOURS), **options))
    assert (found.values == COLOURS).all()
    assert found.changes == frozenset()


def test_the_name_of_a_file_says_nothing(tmp_path: Path) -> None:
    for name in ("a.JPG?15071", "b", "c.txt", "d.gif"):
        save(tmp_path / name, Image.fromarray(COLOURS), format="PNG")
        assert (agreed(tmp_path / name).values == COLOURS).all()
    (tmp_path / "page.html").write_text("<html>404")
    assert unusable(tmp_path / "page.html").kind == "no image"
    (tmp_path / "P5 is no image").write_text("P5 is no image")
    assert unusable(tmp_path / "P5 is no image").kind == "no image"
    for name in ("page.jpg", "empty.jpeg"):
        (tmp_path / name).write_text("<html>404" if name == "page.jpg" else "")
        assert unusable(tmp_path / name).kind == "damaged"
    (tmp_path / "no-suffix").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    assert unusable(tmp_path / "no-suffix").kind == "damaged"


def test_the_first_of_several_frames_is_taken_and_that_is_said(tmp_path: Path) -> None:
    frames = [Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)]
    for name in ("a.gif", "a.png", "a.webp", "a.tif"):
        options = {"lossless": True} if name == "a.webp" else {}
        found = agreed(save(tmp_path / name, frames[0], save_all=True, append_images=frames[1:], **options))
        assert "first frame" in found.changes
        assert np.abs(found.values.astype(int) - COLOURS).mean() < 12  # GIF has 256 colours
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([COLOURS] * 3).astype(np.uint16), photometric="rgb")
    assert "first frame" in agreed(tmp_path / "stack.tif").changes


@pytest.mark.parametrize("suffix", ["gif", "tif"])
def test_a_million_frames_are_not_looked_at(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [Image.fromarray(np.full((4, 4), i, np.uint8)) for i in range(50)]
    path = save(tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:])
    seeks = []
    for kind in (GifImagePlugin.GifImageFile, TiffImagePlugin.TiffImageFile):
        real = kind._seek
        monkeypatch.setattr(
            kind,
            "_seek",
            lambda self, frame, *rest, real=real: (seeks.append(frame), real(self, frame, *rest))[1],
        )
    assert "first frame" in agreed(path).changes
    assert max(seeks) <= 1
    assert len(seeks) <= 12


def test_reading_needs_no_name(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(COLOURS).save(buffer, "TIFF")
    (tmp_path / "x").write_bytes(buffer.getvalue())
    assert (agreed(tmp_path / "x").values == COLOURS).all()
