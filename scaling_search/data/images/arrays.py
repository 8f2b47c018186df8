"""Files that are arrays already, and 16-bit colour, which Pillow cuts to 8 bits: all samples are kept.

An `.npy` file holds one image, (H, W), (H, W, C) or (C, H, W) with 1 to 8 channels: bool, whole numbers from 0, or
floats of 0 to 1 or 0 to 255. PNM files (PGM, PPM) say themselves what is white.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scaling_search.data.images.memory import room_for
from scaling_search.data.images.pixels import (
    MOST_CHANNELS,
    Pixels,
    UnusableError,
    check_size,
    full_scale,
    on_white,
)
from scaling_search.data.summary import Change

NPY = b"\x93NUMPY"
PNM = {b"P2": 1, b"P3": 3, b"P5": 1, b"P6": 3}
# How Pillow unpacks 16-bit colour, keeping the upper byte of each sample; and what hands out the lower one.
_ENDS = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_LOWER = {f"{kind};16{end}": f"{kind};16{other}" for kind in ("RGB", "RGBA") for end, other in _ENDS.items()}
_GREY_AND_OPACITY = "LA;16B"


def read_npy(path: Path) -> Pixels:
    """The image in an `.npy` file. UnusableError: no such array, or not of an image."""
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise UnusableError("damaged", str(error)) from error
    changes: set[Change] = set()
    shape = stored.shape
    if stored.ndim == 2:
        stored = stored[:, :, None]
    elif stored.ndim == 3 and shape[2] > MOST_CHANNELS >= shape[0] > 0:
        stored = np.moveaxis(stored, 0, 2)
        changes.add("channels first")
    if stored.ndim != 3:
        raise UnusableError(
            "of no usable kind", f"an array of shape {shape}; legal are (H, W), (H, W, C) and (C, H, W)"
        )
    check_size(*stored.shape)
    with room_for(*stored.shape):
        return numbers(np.array(stored), changes)


def numbers(values: np.ndarray, changes: Iterable[Change] = ()) -> Pixels:
    """Samples as they were stored, (H, W, C). UnusableError: numbers that cannot be brightnesses."""
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if values.dtype.kind not in "uif":
        raise UnusableError("of no usable kind", f"samples of type {values.dtype}; legal are numbers")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise UnusableError("of no usable kind", "samples that are no numbers (NaN or infinite)")
    if values.dtype.kind != "u" and (least := values.min()) < 0:
        raise UnusableError("of no usable kind", f"samples down to {least:g}; the least legal one is 0")
    values = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind == "f" and (most := values.max()) > 255:
        raise UnusableError(
            "of no usable kind", f"samples up to {most:g}; legal are floats of 0 to 1 or of 0 to 255"
        )
    return Pixels(values=values, white=255 if values.dtype == np.uint8 else None, changes=frozenset(changes))


def read_pnm(path: Path) -> Pixels:
    """A PGM or PPM of any depth, plain or raw: Pillow takes a Python loop per sample, and keeps 8 bits of colour.

    UnusableError: cut short, or a header that is none.
    """
    with path.open("rb") as file:
        kind = file.read(2)
        width, height, white = (_token(file) for _ in range(3))
        channels = PNM[kind]
        if not 0 < white < 65536:
            raise UnusableError("damaged", f"it says that white is {white}; legal are 1 to 65535")
        check_size(height, width)
        count = width * height * channels
        with room_for(height, width, channels):
            if kind in (b"P2", b"P3"):
                # 13 bytes a sample: five digits and some white space, and comments.
                text = file.read(min(13 * count, path.stat().st_size))
                words = b" ".join(line.partition(b"#")[0] for line in text.splitlines())
                values = np.array(words.split(maxsplit=count)[:count], np.int64)
            else:
                values = np.fromfile(file, np.uint8 if white < 256 else ">u2", count)
            if values.size < count:
                raise UnusableError("damaged", f"cut short: {values.size:,} of {count:,} samples")
            values = np.clip(values, 0, white).astype(np.uint8 if white < 256 else np.uint16)
    # What the header says is white, but where it is all that 16 bits hold, which says nothing.
    return Pixels(values=values.reshape(height, width, channels), white=None if white == 65535 else white)


def _token(file: Any) -> int:
    """The next number of a PNM header, comments passed over; the one white character after it is read too."""
    digits = b""
    while len(digits) < 20:
        byte = file.read(1)
        if byte == b"#":
            while byte not in (b"\n", b"\r", b""):
                byte = file.read(1)
        if not byte or (byte.isspace() and digits):
            break
        digits += byte.strip()
    if not digits.isdigit():
        raise UnusableError("damaged", f"its header has {digits!r} where a number is due")
    return int(digits)


def deep_colour(image: Image.Image) -> str | None:
    """How Pillow is about to unpack a PNG or TIFF of 16-bit colour (or opacity); None for all else.

    Only an image that was opened and not yet loaded tells.
    """
    tiles = getattr(image, "tile", None) if image.format in ("PNG", "TIFF") else None
    args = tiles[0].args if tiles else ""
    raw = args[0] if isinstance(args, tuple) else args
    return raw if raw in _LOWER or raw == _GREY_AND_OPACITY else None


def read_deep_colour(image: Image.Image, raw: str) -> Pixels:
    """An image of 16-bit colour; `raw` as `deep_colour` says. Pillow turns TIFFs upright, and not PNGs.

    Pillow unpacks either byte of each sample, so the file is decoded once for each.
    """
    path = Path(str(getattr(image, "filename", "")))
    clear = image.info.get("transparency")
    if raw == _GREY_AND_OPACITY:
        # Two bytes each: read as four channels of one.
        four = _samples(path, "RGBA").astype(np.uint16)
        deep = np.stack([four[..., 0] << 8 | four[..., 1], four[..., 2] << 8 | four[..., 3]], axis=2)
    else:
        deep = _samples(path, raw).astype(np.uint16) << 8 | _samples(path, _LOWER[raw])
    colours = deep[..., :-1] if deep.shape[2] in (2, 4) else deep
    if deep.shape[2] in (2, 4):
        alpha = deep[..., -1]
    elif isinstance(clear, tuple):
        alpha = np.where((deep == np.array(clear, np.uint16)).all(axis=2), 0, 65535)
    else:
        alpha = np.full(deep.shape[:2], 65535)
    if alpha.min() == 65535:
        return Pixels(values=colours, white=None)
    shown = colours[alpha > 0]
    white = full_scale(int(shown.max())) if shown.size else 65535
    opacity = (alpha.astype(np.int64) * white + 32767) // 65535
    values = on_white(np.minimum(colours, white), opacity, white)
    return Pixels(values=values, white=None, changes=frozenset({"transparency"}))


def _samples(path: Path, raw: str) -> np.ndarray:
    """A file decoded by Pillow, but with its samples unpacked as `raw` says, one of Pillow's raw modes."""
    with Image.open(path, formats=("PNG", "TIFF")) as image:
        image.tile = [
            tile._replace(args=(raw, *tile.args[1:]) if isinstance(tile.args, tuple) else raw)
            for tile in image.tile
        ]
        image.load()
        return np.asarray(image)
