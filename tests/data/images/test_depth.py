"""More than 8 bits, or other numbers than bytes: one scale for the set, by what is used or what the file says."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scaling_search.data.images.form import settle, stored
from scaling_search.data.images.pixels import upright
from scaling_search.data.images.reading import look, read
from tests.data.images.files import agreed, deep_png, unusable

PACKED = (
    "eNrz9WXQYmBg4GDgZ2RgYAGygBQDMyMjnM3EyMTADBID4kOMzGCakYEVSLBB2UxAQhCu/gGjEFScDUiIQtlAklEMyUxxOFuSUQpkGph9glEazr7A"
    "KAPVC+QxaiCxbRH2goEAGEJ0IWMwaGBQ8DPglmBZ2XwoUWCD9RuBeywbEgMtYlgA6ZkOYg=="
)
Writer = Callable[[Path, np.ndarray], None]


def pnm(path: Path, values: np.ndarray, white: int = 65535) -> None:
    kind = b"P5" if values.shape[2] == 1 else b"P6"
    head = b"%b # a comment\n%d %d\n%d\n" % (kind, values.shape[1], values.shape[0], white)
    path.write_bytes(head + values.astype(">u2" if white > 255 else "u1").tobytes())


def plain_pnm(path: Path, values: np.ndarray) -> None:
    kind = "P2" if values.shape[2] == 1 else "P3"
    numbers = "\n".join(map(str, values.ravel().tolist()))
    path.write_text(f"{kind}\n# a comment\n{values.shape[1]} {values.shape[0]}\n65535\n{numbers}\n")


def tiff(order: str, photometric: str, **more: object) -> Writer:
    def write(path: Path, values: np.ndarray) -> None:
        shown = values[:, :, 0] if values.shape[2] == 1 else values
        tifffile.imwrite(path, shown.astype(f"{order}u2"), photometric=photometric, byteorder=order, **more)

    return write


GREY: dict[str, Writer] = {
    "png": lambda path, values: Image.fromarray(values[:, :, 0].astype(np.uint16)).save(path),
    "pgm": pnm,
    "plain.pgm": plain_pnm,
    "ii.tif": tiff("<", "minisblack"),
    "mm.tif": tiff(">", "minisblack"),
    "packed.tif": tiff("<", "minisblack", compression="zlib", predictor=True),
    "npy": lambda path, values: np.save(path, values[:, :, 0].astype("<u2")),
    "big.npy": lambda path, values: np.save(path, values[:, :, 0].astype(">u2")),
    "int.npy": lambda path, values: np.save(path, values.astype(np.int64)),
}
COLOUR: dict[str, Writer] = {
    "png": deep_png,
    "ppm": pnm,
    "plain.ppm": plain_pnm,
    "ii.tif": tiff("<", "rgb"),
    "mm.tif": tiff(">", "rgb"),
    "planes.tif": lambda path, values: tiff("<", "rgb", planarconfig="separate")(
        path, np.moveaxis(values, 2, 0)
    ),
    "npy": lambda path, values: np.save(path, values.astype("<u2")),
}
CASES = [(name, 1, write) for name, write in GREY.items()] + [
    (name, 3, write) for name, write in COLOUR.items()
]


def imported(*paths: Path) -> list[np.ndarray]:
    """Files as a set would store them, every image at its own size being the same."""
    form = settle([look(path) for path in paths], [path.name for path in paths])
    return [stored(read(path), form)[0] for path in paths]


@pytest.mark.parametrize(("name", "channels", "write"), CASES, ids=[f"{one[0]}-{one[1]}" for one in CASES])
@pytest.mark.parametrize("bits", range(9, 17))
def test_nine_to_sixteen_bits_are_scaled_by_what_the_set_uses(
    tmp_path: Path, name: str, channels: int, write: Writer, bits: int
) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, (3, 4, channels))
    values[0, 0, 0] = 1 << (bits - 1)  # so many bits are used
    bright, dark = tmp_path / f"bright.{name}", tmp_path / f"dark.{name}"
    write(bright, values)
    write(dark, values // 8)
    agreed(bright)
    white = (1 << bits) - 1
    first, second = imported(bright, dark)
    assert (first == (values * 255 + white // 2) // white).all()
    # One scale for all: a dark image of a bright set stays dark.
    assert (second == (values // 8 * 255 + white // 2) // white).all()


@settings(max_examples=30)
@given(white=st.integers(1, 65534), seed=st.integers(0, 9))
def test_a_pnm_says_itself_what_is_white(
    tmp_path_factory: pytest.TempPathFactory, white: int, seed: int
) -> None:
    path = tmp_path_factory.mktemp("white") / "a.pgm"
    values = np.random.default_rng(seed).integers(0, white + 1, (3, 4, 1))
    pnm(path, values, white)
    assert (imported(path)[0] == (values * 255 + white // 2) // white).all()


def test_a_tiff_of_twelve_bits_says_itself_what_is_white(tmp_path: Path) -> None:
    values = np.array([[0, 1000, 2000, 2047]])
    packed = "".join(f"{value:012b}" for value in values.ravel())
    data = int(packed, 2).to_bytes(6, "big")
    tags = [(256, 4), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 6)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path = tmp_path / "a.tif"
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 14) + data + struct.pack("<H", len(tags)) + entries + bytes(4)
    )
    assert (imported(path)[0][..., 0] == (values * 255 + 2047) // 4095).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_where_zero_is_white_the_image_is_turned_over(tmp_path: Path, bits: int) -> None:
    most = (1 << bits) - 1
    values = np.array([[0, most // 3, most]], f"u{bits // 8}")
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="miniswhite")
    assert imported(tmp_path / "a.tif")[0][..., 0].tolist() == [[255, 170, 0]]


@pytest.mark.parametrize("scale", [1, 255])
def test_floats_of_0_to_1_and_of_0_to_255(tmp_path: Path, scale: int) -> None:
    values = np.array([[0.0, 0.25, 0.5, 1.0]], np.float32)
    np.save(tmp_path / "a.npy", values.astype(np.float64) * scale)
    tifffile.imwrite(tmp_path / "b.tif", values * scale)
    Image.fromarray(values * scale).save(tmp_path / "c.pfm")
    for image in imported(*(tmp_path / name for name in ("a.npy", "b.tif", "c.pfm"))):
        assert image[..., 0].tolist() == [[0, 64, 128, 255]]


def test_bits_and_bytes_stay_what_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[True, False]]))
    np.save(tmp_path / "b.npy", np.array([[0, 3]], np.uint8))
    np.save(tmp_path / "c.npy", np.array([[0, 3]], np.uint16))  # no more than 8 bits used: nothing to scale
    assert [image[..., 0].tolist() for image in imported(*sorted(tmp_path.glob("*.npy")))] == [
        [[255, 0]],
        [[0, 3]],
        [[0, 3]],
    ]


@pytest.mark.parametrize("opaque", [True, False])
@pytest.mark.parametrize("channels", [2, 4])
def test_sixteen_bits_with_opacity(tmp_path: Path, channels: int, opaque: bool) -> None:
    values = np.full((2, 2, channels), 1000, np.uint16)
    values[0, 0, 0] = 4095
    values[..., -1] = 65535
    if not opaque:
        values[1, 1, -1] = 0
    deep_png(tmp_path / "a.png", values)
    image = imported(tmp_path / "a.png")[0]
    assert image.shape == (2, 2, channels - 1)
    assert image[0, 0, 0] == 255
    assert image[1, 1, 0] == (62 if opaque else 255)
    assert ("transparency" in read(tmp_path / "a.png").changes) == (not opaque)


def test_one_grey_of_sixteen_bits_that_is_transparent(tmp_path: Path) -> None:
    Image.fromarray(np.array([[7, 4095, 2000]], np.uint16)).save(tmp_path / "a.png", transparency=7)
    assert imported(tmp_path / "a.png")[0][..., 0].tolist() == [[255, 255, 125]]


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("first", [False, True])
def test_one_to_eight_channels(tmp_path: Path, channels: int, first: bool) -> None:
    values = np.random.default_rng(0).integers(0, 256, (9, 12, channels), dtype=np.uint8)
    np.save(tmp_path / "a.npy", np.moveaxis(values, 2, 0) if first else values)
    # Planes first or last, bands in the order of the file.
    tifffile.imwrite(
        tmp_path / "b.tif",
        np.moveaxis(values, 2, 0) if first else values,
        photometric="minisblack",
        planarconfig=None if channels == 1 else "separate" if first else "contig",
    )
    for name in ("a.npy", "b.tif"):
        assert (agreed(tmp_path / name).values == values).all()
    assert ("channels first" in read(tmp_path / "a.npy").changes) == first


def test_a_fourth_band_that_is_no_opacity_is_kept(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (4, 5, 4), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", extrasamples=["UNSPECIFIED"])
    assert (agreed(tmp_path / "a.tif").values == values).all()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([[-1, 3]], np.int16), "samples down to -1"),
        (np.array([[0.0, np.nan]]), "no numbers"),
        (np.array([[0.0, 255.5]]), "samples up to 255.5"),
        (np.array([[1j, 0]]), "samples of type complex128"),
        (np.zeros((9, 9, 9), np.uint8), "9 channels; legal are 1 to 8"),
        (np.zeros(4, np.uint8), r"an array of shape (4,)"),
        (np.zeros((2, 3, 4, 3), np.uint8), r"an array of shape (2, 3, 4, 3)"),
    ],
)
def test_numbers_that_are_no_image_are_refused_by_name(tmp_path: Path, values: np.ndarray, said: str) -> None:
    np.save(tmp_path / "a.npy", values)
    error = unusable(tmp_path / "a.npy")
    assert error.kind == "of no usable kind"
    assert said in str(error)


def test_numbers_below_zero_are_refused_in_every_format(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.array([[-1024, 3071]], np.int16))
    assert "samples down to -1024" in str(unusable(tmp_path / "a.tif"))
    Image.fromarray(np.array([[0.5, np.nan]], np.float32)).save(tmp_path / "a.pfm")
    assert "no numbers" in str(unusable(tmp_path / "a.pfm"))


def test_packed_sixteen_bit_colour_is_read_without_another_package(tmp_path: Path) -> None:
    """LZW with differences, big-endian, turned: written by tifffile 2026.3.3 with imagecodecs 2026.3.6."""
    (tmp_path / "a.tif").write_bytes(zlib.decompress(base64.b64decode(PACKED)))
    values = (np.arange(18).reshape(2, 3, 3) * 227 % 4096).astype(np.uint16)
    found = agreed(tmp_path / "a.tif")
    assert (found.values == np.asarray(upright(values, 6))).all()
    assert (found.white, found.changes) == (None, {"orientation"})
    Image.fromarray(values[..., 0]).save(tmp_path / "grey.tif", compression="tiff_lzw")
    assert (agreed(tmp_path / "grey.tif").values[..., 0] == values[..., 0]).all()


@pytest.mark.parametrize("white", [0, 65536, 10**30])
def test_a_pnm_of_impossible_depth_is_damaged(tmp_path: Path, white: int) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 1 1 %d\n\0\0" % white)
    assert unusable(tmp_path / "a.pgm").kind == "damaged"
