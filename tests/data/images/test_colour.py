"""Palettes, transparency, CMYK, Lab and profiles: images as they are seen."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms

from tests.data.images.files import COLOURS, agreed, save


def test_a_palette_of_greys_is_grey(tmp_path: Path) -> None:
    found = agreed(save(tmp_path / "a.png", Image.fromarray(COLOURS[..., 0]).convert("P")))
    assert found.values.shape == (6, 8, 1)
    assert "palette" in found.changes


def test_a_colour_that_no_pixel_shows_makes_no_palette_colour(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putdata([0, 1, 2])
    image.putpalette([255, 0, 255, 10, 10, 10, 200, 200, 200])
    found = agreed(save(tmp_path / "a.png", image, transparency=0))
    assert found.values.tolist() == [[[255], [10], [200]]]
    assert found.changes == {"palette", "transparency"}


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = [0, 255, 51]
    for name in ("a.png", "a.tif", "a.webp"):
        options = {"lossless": True, "exact": True} if name == "a.webp" else {}
        found = agreed(save(tmp_path / name, Image.fromarray(rgba), **options))
        assert found.values[0, :, 0].tolist() == [255, 0, 204]
        assert "transparency" in found.changes
    grey = Image.fromarray(np.array([[0, 9]], np.uint8))
    assert agreed(save(tmp_path / "b.png", grey, transparency=0)).values[..., 0].tolist() == [[255, 9]]
    colour = Image.fromarray(np.array([[[1, 2, 3], [1, 2, 4]]], np.uint8))
    found = agreed(save(tmp_path / "c.png", colour, transparency=(1, 2, 3)))
    assert found.values.tolist() == [[[255, 255, 255], [1, 2, 4]]]


def test_opacity_that_hides_nothing_is_no_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(COLOURS).convert("RGBA")
    found = agreed(save(tmp_path / "a.png", image))
    assert (found.values == COLOURS).all()
    assert found.changes == frozenset()


def test_premultiplied_opacity(tmp_path: Path) -> None:
    rgba = np.array([[[100, 50, 0, 128], [20, 20, 20, 255]]], np.uint8)
    for bits, scale in ((8, 1), (16, 257)):
        path = tmp_path / f"{bits}.tif"
        tifffile.imwrite(
            path, rgba.astype(f"u{bits // 8}") * scale, photometric="rgb", extrasamples=["ASSOCALPHA"]
        )
        found = agreed(path)
        seen = np.round(found.values / scale).astype(int)
        assert np.abs(seen - [[[227, 177, 127], [20, 20, 20]]]).max() <= 1


def test_cmyk_is_told_with_and_without_adobes_mark(tmp_path: Path) -> None:
    flat = Image.new("RGB", (16, 16), (200, 40, 60))
    for name in ("a.jpg", "a.tif"):
        found = agreed(save(tmp_path / name, flat.convert("CMYK")))
        assert np.abs(found.values.astype(int) - [200, 40, 60]).max() <= 4
        assert "cmyk" in found.changes


def test_lab_is_seen_in_its_colours(tmp_path: Path) -> None:
    colours = np.array([[[200, 40, 60], [40, 160, 60], [60, 70, 200], [128, 128, 128]]], np.uint8)
    made = [ImageCms.ImageCmsProfile(ImageCms.createProfile(space)) for space in ("sRGB", "LAB")]
    image = ImageCms.profileToProfile(Image.fromarray(colours), *made, outputMode="LAB")
    found = agreed(save(tmp_path / "a.tif", image))
    assert np.abs(found.values.astype(int) - colours).max() <= 8  # 8 bits, and blue is at the edge
    assert "lab" in found.changes


def test_a_colour_profile_is_applied_unless_it_is_srgb(tmp_path: Path) -> None:
    flat = Image.new("RGB", (4, 4), (128, 128, 128))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert agreed(save(tmp_path / "a.png", flat, icc_profile=srgb)).changes == frozenset()
    # A profile of linear light: its middle grey is seen brighter. Made from sRGB's by taking its curves' gamma to 1.
    linear = with_gamma_one(srgb)
    for name, mode in (("b.png", "RGB"), ("c.png", "RGBA"), ("d.jpg", "RGB"), ("e.tif", "RGB")):
        found = agreed(save(tmp_path / name, flat.convert(mode), icc_profile=linear))
        assert 184 <= found.values.min() <= found.values.max() <= 192
        assert "profile" in found.changes
    found = agreed(save(tmp_path / "f.png", flat, icc_profile=b"no profile at all"))
    assert (found.values == 128).all()
    assert "profile unreadable" in found.changes


def with_gamma_one(profile: bytes) -> bytes:
    """An sRGB profile whose three curves are straight and whose name is another."""
    content = bytearray(profile)
    count = struct.unpack(">I", content[128:132])[0]
    for at in range(132, 132 + 12 * count, 12):
        name, offset, size = struct.unpack(">4sII", content[at : at + 12])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            content[offset : offset + size] = (b"curv" + bytes(8)).ljust(size, b"\0")
        elif name == b"desc":
            content[offset : offset + size] = content[offset : offset + size].replace(
                b"s\0R\0G\0B", b"l\0i\0n\0e"
            )
    return bytes(content)
