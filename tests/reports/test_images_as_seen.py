"""Images come in as they are seen, or it is said that they do not: further members of the kind."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

from tests.data.images.files import deep_png
from tests.reports.conftest import Import, every_image, fill, holds, noise


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_a_photo_taken_upright(imported: Import, suffix: str) -> None:
    paths = fill(size=(16, 12, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    left = np.zeros((12, 16, 3), np.uint8)
    left[:, :8] = 255  # seen upright: the upper half is white
    paths[0].unlink()
    options = {"quality": 100} if suffix in ("jpg", "webp") else {}
    Image.fromarray(left).save(paths[0].with_suffix(f".{suffix}"), exif=exif, **options)
    document = imported()
    assert document["summary"]["converted"]["orientation"] == 1
    assert document["size"] == [16, 12]
    assert holds(document, np.where(np.arange(16)[:, None, None] < 8, 255, 0) * np.ones((16, 12, 3)), 30)


def test_sixteen_bit_colour_of_a_twelve_bit_camera(imported: Import) -> None:
    for number, path in enumerate(fill()):
        deep_png(path, noise(number).astype(np.uint16) << 4)
    document = imported()
    assert document["summary"]["depth"].startswith("12 bits are used")
    assert holds(document, ((noise(0).astype(int) << 4) * 255 + 2047) // 4095)


def test_one_bright_scan_among_dark_ones_is_said(imported: Import) -> None:
    for number, path in enumerate(fill()):
        values = noise(number, (12, 12)).astype(np.uint16) << (8 if number == 0 else 3)
        Image.fromarray(values).save(path)
    document = imported()
    assert "half of these images use 11 bits at most, and are dark now: 1 brighter ones" in document["said"]


def test_print_colours(imported: Import) -> None:
    paths = fill()
    made = [ImageCms.ImageCmsProfile(ImageCms.createProfile(space)) for space in ("sRGB", "LAB")]
    flat = np.full((12, 12, 3), (60, 140, 90), np.uint8)
    lab = ImageCms.profileToProfile(Image.fromarray(flat), *made, outputMode="LAB")
    lab.save(paths[0].with_suffix(".tif"))
    Image.fromarray(flat).convert("CMYK").save(paths[1].with_suffix(".jpg"), quality=100)
    for path in paths[:2]:
        path.unlink()
    document = imported()
    assert document["summary"]["converted"] | {"lab": 1, "cmyk": 1} == document["summary"]["converted"]
    near = np.abs(np.array([60, 140, 90]) - every_image(document).astype(int)).max(axis=(1, 2, 3)) <= 8
    assert near.sum() == 2


def test_the_fourth_band_of_a_satellite(imported: Import) -> None:
    for number, path in enumerate(fill()):
        path.unlink()
        tifffile.imwrite(
            path.with_suffix(".tif"),
            noise(number, (12, 12, 4)),
            photometric="rgb",
            extrasamples=["UNSPECIFIED"],
        )
    document = imported()
    assert document["channels"] == 4
    assert holds(document, noise(0, (12, 12, 4)))


def test_a_white_logo_without_a_ground(imported: Import) -> None:
    paths = fill()
    logo = np.full((12, 12, 4), 255, np.uint8)
    logo[:, :6, 3] = 0
    Image.fromarray(logo).save(paths[0])
    document = imported()
    assert document["summary"]["converted"]["transparency"] == 1
    assert "1 image of one colour all over, once read." in document["said"]


def test_the_first_page_of_a_scan(imported: Import) -> None:
    paths = fill()
    pages = [Image.fromarray(noise(number)) for number in (900, 901)]
    pages[0].save(paths[0].with_suffix(".tif"), save_all=True, append_images=pages[1:])
    paths[0].unlink()
    document = imported()
    assert document["summary"]["converted"]["first frame"] == 1
    assert holds(document, noise(900))


def test_a_picture_with_its_recipe_in_it(imported: Import) -> None:
    """Programs that make images write megabytes of text beside them."""
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "{" * 1_100_000, zip=True)
    path = fill()[0]
    Image.fromarray(noise(0)).save(path, pnginfo=text)
    said = imported(code=3)["said"]
    assert "cat/0.png: over a limit: text in the file exceeds a limit of Pillow" in said
    assert "damaged" not in said.replace("--skip-damaged", "")
    assert imported("--skip-damaged")["skipped"] == 1


def test_one_upright_photo_among_many_across(imported: Import) -> None:
    paths = fill(size=(12, 16, 3))
    upright = np.zeros((16, 12, 3), np.uint8)
    upright[:4], upright[12:] = 255, 255
    Image.fromarray(upright).save(paths[0])
    document = imported()
    assert document["size"] == [12, 16]
    assert document["summary"]["converted"]["padded"] == 1
    for fit in ("pad", "crop", "squash"):
        done = imported("--fit", fit)["summary"]["converted"]
        assert done[{"pad": "padded", "crop": "cropped", "squash": "squashed"}[fit]] == 1


def test_small_images_stored_large_are_no_sharper(imported: Import) -> None:
    fill()
    document = imported("--size", "40")
    assert (document["size"], document["native_resolution"]) == ([40, 40], 12)
    assert document["summary"]["converted"]["enlarged"] == 12
    assert "Most images had 12 pixels on their shorter side" in document["said"]
    from scaling_search.data import catalog

    assert catalog.load("set").native_resolution == catalog.describe("set").native_resolution == 12
    assert imported()["native_resolution"] == 12


def test_grey_among_colour(imported: Import) -> None:
    path = fill()[0]
    Image.fromarray(noise(0, (12, 12))).save(path)
    document = imported()
    assert (document["channels"], document["summary"]["converted"]["grey to colour"]) == (3, 1)
    assert holds(document, np.repeat(noise(0, (12, 12))[:, :, None], 3, axis=2))


def test_warnings_of_libraries_have_a_name_and_a_count(imported: Import) -> None:
    paths = fill()
    for path in paths[:3]:
        broken = b"Exif\0\0II*\0\x08\0\0\0\xff\xffgarbage"
        Image.fromarray(noise(0)).save(path.with_suffix(".jpg"), exif=broken)
        path.unlink()
    document = imported()
    (line,) = document["summary"]["warnings"]
    assert line.startswith("cat/0.jpg and 2 more: Corrupt EXIF data")
    assert "UserWarning" not in document["said"]


def _exif(path: Path) -> None:
    Image.fromarray(noise(0)).save(path.with_suffix(".jpg"), exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xffgarbage")


def _webp(path: Path) -> None:
    Image.fromarray(noise(0)).save(path.with_suffix(".webp"), exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xffgarbage")


def _mpo(path: Path) -> None:
    Image.fromarray(noise(0)).save(path.with_suffix(".jpg"))
    whole = path.with_suffix(".jpg").read_bytes()
    segment = b"\xff\xe2\0\x1aMPF\0II*\0\x08\0\0\0" + bytes(12)
    path.with_suffix(".jpg").write_bytes(whole[:2] + segment + whole[2:])


def _large(path: Path) -> None:
    Image.new("1", (9_500, 9_500)).save(path.with_suffix(".bmp.png"))


def _tag(path: Path) -> None:
    """A tag of no type that there is, which some readers log."""
    tifffile.imwrite(path.with_suffix(".tif"), noise(0), photometric="rgb", software="a program")
    whole = bytearray(path.with_suffix(".tif").read_bytes())
    at = whole.index(struct.pack("<HH", 305, 2))
    whole[at + 2 : at + 4] = struct.pack("<H", 99)
    path.with_suffix(".tif").write_bytes(whole)


def _profile(path: Path) -> None:
    Image.fromarray(noise(0)).save(path.with_suffix(".tiff"), icc_profile=b"no profile")


ODD = {
    "broken EXIF": _exif,
    "broken EXIF of a WebP": _webp,
    "a broken MPO": _mpo,
    "more pixels than are usual": _large,
    "a tag of no type": _tag,
    "a profile that is none": _profile,
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_whatever_a_library_says_has_the_images_name(imported: Import, odd: Callable[[Path], None]) -> None:
    path = fill()[0]
    odd(path)
    path.unlink()
    document = imported()
    summary = document["summary"]
    assert summary["warnings"] or summary["converted"] or odd is _tag, "no reader minds that tag"
    assert all("cat/0." in line for line in summary["warnings"])
    assert not any(words in document["said"] for words in ("Warning:", ".py", "Traceback", "site-packages"))


def test_a_folder_that_is_a_bomb(imported: Import) -> None:
    path = Path(fill()[0])
    Image.new("1", (14_000, 14_000)).save(path)
    said = imported(code=3)["said"]
    assert "cat/0.png: over a limit: " in said
    assert "178956970 pixels" in said
