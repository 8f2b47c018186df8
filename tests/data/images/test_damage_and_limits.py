"""Files that give no image: damage is damage, limits are limits, and neither takes the memory."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from scaling_search.data.images import memory
from scaling_search.data.images.pixels import UnusableError
from scaling_search.data.images.reading import look, read
from tests.data.images.files import COLOURS, chunk, save, unusable
from tests.data.images.test_orientation import oriented


@pytest.mark.parametrize(
    "suffix", ["png", "jpg", "gif", "bmp", "webp", "tif", "ppm", "pgm", "npy", "avif", "jp2"]
)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_truncated_image_is_damaged(tmp_path: Path, suffix: str, share: float) -> None:
    values = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"short.{suffix}"
    if suffix == "npy":
        np.save(path, values)
    else:
        save(path, Image.fromarray(values[..., 0] if suffix == "pgm" else values))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert unusable(path).kind == "damaged"


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_tiff_of_several_bands_is_damaged(tmp_path: Path, compression: str, share: float) -> None:
    path = tmp_path / "short.tif"
    values = np.random.default_rng(1).integers(0, 65535, (64, 64, 5), dtype=np.uint16)
    tifffile.imwrite(path, values, photometric="minisblack", planarconfig="contig", compression=compression)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert unusable(path).kind == "damaged"


@given(st.data())
def test_flipped_bytes_end_in_an_image_or_in_one_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flipped")
    suffix = data.draw(
        st.sampled_from(["png", "jpg", "gif", "bmp", "webp", "tif", "pgm", "npy", "five.tif", "deep.png"])
    )
    path = folder / f"a.{suffix}"
    small = COLOURS[:4, :4]
    match suffix:
        case "npy":
            np.save(path, small)
        case "five.tif":
            tifffile.imwrite(
                path, np.repeat(small[..., :1], 5, axis=2), photometric="minisblack", planarconfig="contig"
            )
        case "deep.png":
            oriented(path, Image.fromarray(small), 6, "deep png")
        case "pgm":
            Image.fromarray(small[..., 0]).save(path)
        case _:
            Image.fromarray(small).save(path)
    content = bytearray(path.read_bytes())
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)
    ):
        content[at] = value
    path.write_bytes(content)
    for function in (look, read):
        try:
            function(path)
        except UnusableError as error:
            assert str(error)


def test_no_format_that_runs_programs(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert "its content is none of PNG" in str(unusable(tmp_path / "a.png"))
    np.save(tmp_path / "a.npy", np.array([{"an": "object"}]), allow_pickle=True)
    assert "Python objects" in str(unusable(tmp_path / "a.npy"))


def test_a_raw_file_of_a_camera_is_not_its_thumbnail(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    tifffile.imwrite(path, COLOURS, photometric="rgb", subfiletype=1)
    assert "camera's raw file" in str(unusable(path))


def test_a_file_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(COLOURS))

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    assert (unusable(path).kind, str(unusable(path))) == ("cannot be read", "Permission denied")


def bomb_png(path: Path) -> None:
    head = struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(20000)))
    )


def bomb_text(path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    Image.fromarray(COLOURS).save(path, pnginfo=text)


def bomb_profile(path: Path) -> None:
    Image.fromarray(COLOURS).save(path, icc_profile=bytes(2_000_000))


def bomb_npy(path: Path) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (20000, 20000)}
        )
        file.truncate(file.tell() + 20000 * 20000)


def bomb_pgm(path: Path) -> None:
    path.write_bytes(b"P5 99999 99999 65535\n")


def bomb_tiff(path: Path) -> None:
    tifffile.imwrite(
        path, shape=(20000, 20000, 5), dtype=np.uint8, photometric="minisblack", planarconfig="contig"
    )


def bomb_strip(path: Path) -> None:
    tifffile.imwrite(
        path,
        np.zeros((4, 4, 5), np.uint8),
        photometric="minisblack",
        planarconfig="contig",
        compression="zlib",
    )
    packed = zlib.compress(bytes(50_000_000))
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        offsets, counts = page.tags["StripOffsets"], page.tags["StripByteCounts"]
        places = (offsets.valueoffset, offsets.dtype), (counts.valueoffset, counts.dtype)
    content = bytearray(path.read_bytes())
    for (place, kind), value in zip(places, (len(content), len(packed)), strict=True):
        form = "<H" if kind == 3 else "<I"
        content[place : place + struct.calcsize(form)] = struct.pack(form, value)
    path.write_bytes(bytes(content) + packed)


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        (bomb_png, "a.png", "limit"),
        (bomb_text, "a.png", "text in the file exceeds a limit of Pillow"),
        (bomb_profile, "a.png", "limit of Pillow"),
        (bomb_npy, "a.npy", "178,956,970 pixels"),
        (bomb_pgm, "a.pgm", "178,956,970 pixels"),
        (bomb_tiff, "a.tif", "178,956,970 pixels"),
        (bomb_strip, "a.tif", "unpack to more than the image"),
    ],
)
def test_a_limit_is_named_as_a_limit(
    tmp_path: Path, make: Callable[[Path], None], name: str, said: str
) -> None:
    make(tmp_path / name)
    error = unusable(tmp_path / name)
    assert error.kind == "over a limit"
    assert said in str(error)


def test_an_image_that_needs_more_memory_than_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)
    path = save(tmp_path / "a.png", Image.new("1", (9000, 9000)))
    error = unusable(path)
    assert error.kind == "over a limit"
    assert "9000x9000 pixels take about 3.6 GiB to unpack; 1.0 GiB are free" in str(error)


def test_who_wants_more_than_is_left_waits() -> None:
    budget, order = memory.Budget(100), []

    def second() -> None:
        with budget.hold(60):
            order.append("second")

    with budget.hold(60):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    with budget.hold(1000):  # alone, one may take more than there is to share
        pass


@pytest.mark.skipif(find_spec("imagecodecs") is not None, reason="imagecodecs is here")
def test_compressions_that_need_another_package_say_so(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 4, 5), np.uint8), photometric="minisblack", planarconfig="contig")
    content = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        place = file.pages.first.tags["Compression"].valueoffset
    path.write_bytes(content[:place] + struct.pack("<H", 5) + content[place + 2 :])
    error = unusable(path)
    assert error.kind == "over a limit"
    assert "pip install 'scaling-search[tiff]'" in str(error)
