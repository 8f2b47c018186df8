"""Orientation: all eight, in all formats that carry it, once."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from scaling_search.data.images.pixels import upright
from scaling_search.data.images.reading import FORMATS
from tests.data.images.files import COLOURS, agreed, deep_png, save, unusable


def oriented(path: Path, image: Image.Image, orientation: int, how: str) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    match how:
        case "xmp":
            text = PngImagePlugin.PngInfo()
            text.add_itxt("XML:com.adobe.xmp", f'<x tiff:Orientation="{orientation}"/>')
            image.save(path, pnginfo=text)
        case "tiff":
            image.save(path, tiffinfo={0x0112: orientation})
        case "packed tiff":
            image.save(path, tiffinfo={0x0112: orientation}, compression="tiff_lzw")
        case "deep tiff":
            tifffile.imwrite(
                path, np.asarray(image).astype(np.uint16) * 257, photometric="rgb",
                extratags=[(0x0112, 3, 1, orientation, True)],
            )  # fmt: skip
        case "deep png":
            image.save(path, exif=exif)
            content = path.read_bytes()
            start = content.index(b"eXIf") - 4
            size = 12 + struct.unpack(">I", content[start : start + 4])[0]
            deep_png(path, np.asarray(image).astype(np.uint16) * 257, content[start : start + size])
        case _:
            image.save(path, exif=exif, **({"quality": 100} if how != "png" else {}))
    return path


WAYS = ["jpg", "png", "webp", "avif", "xmp", "tiff", "packed tiff", "deep tiff", "deep png"]
# A corner of each colour tells all eight orientations apart, also after lossy compression.
CORNERS = np.full((32, 48, 3), 128, np.uint8)
CORNERS[:16, :24], CORNERS[:16, 24:], CORNERS[16:, :24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, how: str, orientation: int) -> None:
    if how == "avif" and "AVIF" not in FORMATS:
        pytest.skip("this Pillow has no AVIF")
    suffix = how if len(how) <= 4 and how not in ("xmp", "tiff") else "tif" if "tiff" in how else "png"
    path = oriented(tmp_path / f"a.{suffix}", Image.fromarray(CORNERS), orientation, how)
    found = agreed(path)
    seen = found.values / (257 if "deep" in how else 1)
    expected = np.asarray(turned(Image.fromarray(CORNERS), orientation)).astype(int)
    assert seen.shape == expected.shape
    corners = (slice(4, None, 24), slice(4, None, 24))
    assert np.abs(seen[corners] - expected[corners]).max() <= 40
    assert ("orientation" in found.changes) == (orientation != 1)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """What CIPA DC-008 says of each number, in Pillow's words."""
    way = Image.Transpose
    methods = {
        2: way.FLIP_LEFT_RIGHT, 3: way.ROTATE_180, 4: way.FLIP_TOP_BOTTOM, 5: way.TRANSPOSE,
        6: way.ROTATE_270, 7: way.TRANSVERSE, 8: way.ROTATE_90,
    }  # fmt: skip
    return image.transpose(methods[orientation]) if orientation in methods else image


@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_turning_is_what_pillow_does(orientation: int, height: int, width: int, channels: int) -> None:
    values = np.arange(height * width * channels).reshape(height, width, channels)
    bands = [
        np.asarray(turned(Image.fromarray(values[..., c].astype(np.int32)), orientation))
        for c in range(channels)
    ]
    assert (upright(values, orientation) == np.stack(bands, axis=2)).all()


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_that_is_none_changes_nothing(tmp_path: Path, orientation: int) -> None:
    found = agreed(oriented(tmp_path / "a.png", Image.fromarray(COLOURS), orientation, "png"))
    assert (found.values == COLOURS).all()
    assert found.changes == frozenset()


def test_broken_exif_does_not_make_an_image_damaged(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(COLOURS), exif=b"Exif\0\0XX*\0garbage")
    found = agreed(path)
    assert (found.values == COLOURS).all()
    assert found.changes == {"exif unreadable"}
    path.write_bytes(path.read_bytes()[:-60])
    assert unusable(path).kind == "damaged"
