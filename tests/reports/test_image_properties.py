"""Images come in as they are seen: properties over bit depths, shapes, orientations, encodings and names."""

from __future__ import annotations

import shutil
import unicodedata
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scaling_search.data import catalog
from scaling_search.data.folders.layout import split_of
from scaling_search.data.images.form import Form, stored
from scaling_search.data.images.pixels import full_scale
from scaling_search.data.images.reading import read
from scaling_search.errors import InputError

few = settings(max_examples=12)
LOSSLESS = {"png": {}, "bmp": {}, "tif": {}, "ppm": {}, "webp": {"lossless": True}, "npy": {}}
SIDES = st.integers(1, 40)


def pixels(seed: int, shape: tuple[int, ...], bits: int = 8) -> np.ndarray:
    """Random samples of so many bits, of which the brightest is there."""
    kind = np.uint8 if bits <= 8 else np.uint16
    made = np.random.default_rng(seed).integers(0, 2**bits, shape, dtype=kind)
    made.flat[0] = 2**bits - 1
    return made


def written(values: np.ndarray, suffix: str) -> Path:
    path = Path(f"image.{suffix}")
    if suffix == "npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path, **LOSSLESS.get(suffix, {}))
    return path


@few
@given(height=SIDES, width=SIDES, channels=st.sampled_from([1, 3]), suffix=st.sampled_from(sorted(LOSSLESS)))
def test_what_is_stored_without_loss_is_read_without_loss(
    height: int, width: int, channels: int, suffix: str
) -> None:
    shape = (height, width) if channels == 1 else (height, width, 3)
    values = pixels(height * 41 + width, shape)
    found = read(written(values, suffix)).values
    found = (
        found[:, :, 0] if channels == 1 and found.shape[2:] == (3,) else found.reshape(shape)
    )  # WebP has no grey
    np.testing.assert_array_equal(found, values)


@few
@given(
    bits=st.integers(9, 16),
    order=st.sampled_from(["<", ">"]),
    form=st.sampled_from(["png", "tif", "pgm", "npy"]),
)
def test_any_depth_is_scaled_by_the_bits_that_are_used(bits: int, order: str, form: str) -> None:
    values = pixels(bits, (9, 7), bits)
    path = Path(f"deep.{form}")
    if form == "pgm":
        path.write_bytes(b"P5\n7 9\n65535\n" + values.astype(">u2").tobytes())
    elif form == "npy":
        np.save(path, values.astype(f"{order}u2"))
    else:
        Image.fromarray(values).save(path)
    found = read(path)
    np.testing.assert_array_equal(found.values.reshape(9, 7), values)
    white = found.white or full_scale(int(found.values.max()))
    done, _ = stored(found, Form(size=(9, 7), channels=1, shape=7 / 9, fit="squash", white=white))
    exact = values.astype(np.float64) * 255 / (2**bits - 1)
    assert np.abs(done.reshape(9, 7) - exact).max() <= 0.5 + 1e-9
    assert done.max() == round(exact.max())


@few
@given(
    orientation=st.integers(1, 8),
    height=st.integers(2, 20),
    width=st.integers(2, 20),
    suffix=st.sampled_from(["png", "tif", "webp"]),
)
def test_any_orientation_in_any_shape_and_format_is_applied_once(
    orientation: int, height: int, width: int, suffix: str
) -> None:
    values = pixels(orientation, (height, width, 3))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = Path(f"turned.{suffix}")
    Image.fromarray(values).save(path, exif=exif, **LOSSLESS[suffix])
    # How the first row and column of the file lie when it is seen (EXIF 2.3, tag 274).
    seen = {
        1: values,
        2: values[:, ::-1],
        3: values[::-1, ::-1],
        4: values[::-1],
        5: values.swapaxes(0, 1),
        6: np.rot90(values, -1),
        7: np.rot90(values, 2).swapaxes(0, 1),
        8: np.rot90(values),
    }[orientation]
    np.testing.assert_array_equal(read(path).values, seen)


@few
@given(height=SIDES, width=SIDES, side=st.integers(4, 24), fit=st.sampled_from(["pad", "crop", "squash"]))
def test_any_shape_comes_to_the_common_one(height: int, width: int, side: int, fit: str) -> None:
    """A flat image stays one; the size is the form's; squashing changes nothing of one that fits already."""
    form = Form(size=(side, side), channels=3, shape=1.0, fit=fit)
    flat = np.full((height, width, 3), (10, 200, 90), np.uint8)
    done, _ = stored(read(written(flat, "png")), form)
    assert done.shape == (side, side, 3) and (done == flat[0, 0]).all()
    values = pixels(side, (side, side, 3))
    same, changes = stored(read(written(values, "png")), form)
    np.testing.assert_array_equal(same, values)
    assert not {"padded", "cropped", "squashed", "enlarged", "reduced"} & set(changes)


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20).filter(
    lambda name: (
        name not in (".", "..")
        and not name.startswith(".")
        and split_of(name) is None
        and len(name.encode()) < 200
    )
)


@settings(max_examples=6)
@given(one=NAMES, other=NAMES)
def test_folders_of_any_name_are_classes_or_the_reason_is_said(one: str, other: str) -> None:
    shutil.rmtree("set", ignore_errors=True)
    for number, label in enumerate((one, other)):
        folder = Path("set") / label
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(4):
            Image.fromarray(pixels(10 * number + index, (6, 6, 3))).save(folder / f"{number}{index}.png")
    same = unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other)
    try:
        info = catalog.prepare("set", source=Path("set"))
    except InputError as error:
        assert any(word in str(error) for word in ("one class", "same name", "labels.csv", "no images"))
        return
    assert not same and len(info.classes) == 2
    assert all(name.isprintable() for name in info.classes)
    assert sum(sum(counts) for counts in info.counts.values()) == 8
