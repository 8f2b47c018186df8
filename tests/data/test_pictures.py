from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scaling_search.data.pictures import decode, look, stored_size
from scaling_search.errors import InputError

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("RGB", 3), ("RGBA", 3), ("CMYK", 3), ("P", 3)]
)
def test_each_kind_is_grey_or_colour(tmp_path: Path, mode: str, channels: int) -> None:
    image = Image.fromarray(COLOURS).convert(mode)
    path = save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), image)
    assert look(path) == (6, 8, channels)
    for wanted in (1, 3):
        pixels = decode(path, channels=wanted, size=(6, 8))
        assert (pixels.shape, pixels.dtype) == ((6, 8, wanted), np.uint8)


def test_pixels_come_back_as_they_were(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(COLOURS))
    assert (decode(path, channels=3, size=(6, 8)) == COLOURS).all()
    path = save(tmp_path / "b.png", Image.fromarray(COLOURS[..., 0]))
    assert (decode(path, channels=1, size=(6, 8))[..., 0] == COLOURS[..., 0]).all()
    assert (decode(path, channels=3, size=(6, 8)) == COLOURS[..., :1]).all()


def test_a_palette_of_greys_is_grey(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(COLOURS[..., 0]).convert("P"))
    assert look(path)[2] == 1


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = [0, 255, 51]
    path = save(tmp_path / "a.png", Image.fromarray(pixels))
    assert decode(path, channels=3, size=(1, 3))[0, :, 0].tolist() == [255, 0, 204]
    grey = Image.fromarray(np.array([[0, 9]], np.uint8))
    path = save(tmp_path / "b.png", grey, transparency=0)
    assert decode(path, channels=1, size=(1, 2))[0, :, 0].tolist() == [255, 9]


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    deep = np.array([[0, 128, 129, 257, 65535, 32768]], np.uint16)
    path = save(tmp_path / "a.png", Image.fromarray(deep))
    assert look(path) == (1, 6, 1)
    assert decode(path, channels=1, size=(1, 6))[0, :, 0].tolist() == [0, 0, 1, 1, 255, 128]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_other_numbers_are_refused(tmp_path: Path, mode: str) -> None:
    path = save(tmp_path / "deep.tif", Image.new(mode, (3, 3)))
    with pytest.raises(InputError, match=rf"deep.tif is neither a grey nor a colour .*'{mode}'"):
        look(path)


def test_the_cameras_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.png", Image.fromarray(COLOURS), exif=exif)
    assert look(path) == (8, 6, 3)
    assert (decode(path, channels=3, size=(8, 6)) == np.rot90(COLOURS, -1)).all()


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tif", "ppm"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_truncated_picture_is_named(tmp_path: Path, suffix: str, share: float) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    path = save(tmp_path / f"short.{suffix}", image)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=rf"short.{suffix}"):
        decode(path, channels=3, size=(64, 64))


def test_no_format_that_runs_programs(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(InputError, match="not a picture in a known format"):
        look(path)


def test_a_picture_of_absurd_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "bomb.png", Image.fromarray(COLOURS))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(InputError, match=r"bomb.png is too large"):
        look(path)


@pytest.mark.parametrize(
    ("sizes", "stored"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(20, 30)] * 3, (20, 30)),
        ([(600, 800)] * 3, (256, 256)),
        ([(20, 30), (40, 50), (90, 60)], (40, 40)),
        ([(20, 30), (40, 50)], (20, 20)),
        ([(999, 999), (500, 700)], (256, 256)),
    ],
)
def test_the_rule_for_the_stored_size(sizes: list[tuple[int, int]], stored: tuple[int, int]) -> None:
    assert stored_size(sizes) == stored
    assert stored_size(sizes, 12) == (12, 12)


def test_other_sizes_give_their_centre(tmp_path: Path) -> None:
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 200
    path = save(tmp_path / "a.png", Image.fromarray(pixels))
    assert (decode(path, channels=1, size=(10, 10)) == 200).all()
    assert (decode(path, channels=1, size=(5, 5)) == 200).all()


def test_a_stored_size_under_one_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be stored at 0 pixels"):
        stored_size([(2, 2)], 0)
