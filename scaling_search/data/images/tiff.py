"""TIFFs of which Pillow would lose something, read by tifffile: several bands, planes of 16 bits, odd opacity.

Compressions that tifffile leaves to the package imagecodecs (LZW, JPEG, Zstandard and the like) need it:
pip install 'scaling-search[tiff]'.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scaling_search.data.images.arrays import numbers
from scaling_search.data.images.memory import room_for
from scaling_search.data.images.pixels import Pixels, UnusableError, check_size, on_white, upright
from scaling_search.data.summary import Change

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Tags (TIFF 6.0).
SUBFILE_TYPE, BITS, PHOTOMETRIC, ORIENTATION, EXTRA = 254, 258, 262, 274, 338
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _INK = 0, 1, 2, 5
_RAW = (32803, 34892)  # photometric: a colour filter's mosaic, or raw samples of a camera
_OPACITY = (1, 2)  # of ExtraSamples: premultiplied, straight
_INFLATED = (8, 32946)  # compressions


def is_beyond_pillow(image: Image.Image) -> bool:
    """Whether this is a TIFF of which Pillow would lose bands or bits, or would take a thumbnail for the image."""
    tags: Any = getattr(image, "tag_v2", {})
    bits, extra = tags.get(BITS, (1,)), tags.get(EXTRA, ())
    if max(bits) > 8 and (len(bits) > 1 or tags.get(PHOTOMETRIC) == _WHITE_IS_ZERO):
        return bool(tags.get(PHOTOMETRIC) != _INK)
    return any(one not in (*_OPACITY, 999) for one in extra) or len(extra) > 1 or _is_thumbnail(tags)


def has_twelve_bits(image: Image.Image) -> bool:
    """Whether this is a TIFF of 12-bit grey, which Pillow unpacks as it is: its white is 4,095."""
    tags: Any = getattr(image, "tag_v2", {})
    return bool(tuple(tags.get(BITS, ())) == (12,))


def read_tiff(path: Path) -> Pixels:
    """The first image of a TIFF, upright. UnusableError: damaged, a thumbnail alone, or of no usable kind."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        tags = {code: page.tags[code].value for code in (SUBFILE_TYPE, ORIENTATION) if code in page.tags}
        if int(page.photometric) in _RAW or _is_thumbnail(tags):
            raise UnusableError("of no usable kind", "a camera's raw file: export it as an image first")
        if page.dtype is None:
            raise UnusableError("of no usable kind", f"samples of {page.bitspersample} bits")
        shape = dict(zip(page.axes, page.shape, strict=True))
        if not {"Y", "X"} <= shape.keys() <= {"Y", "X", "S"}:
            raise UnusableError("of no usable kind", f"an image of axes {page.axes}; legal are Y, X and S")
        size = shape["Y"], shape["X"], shape.get("S", 1)
        check_size(*size)
        with room_for(*size):
            _check_inflated(page, int(np.prod(size)) * page.dtype.itemsize)
            values = page.asarray()
            if "S" not in shape:
                values = values[:, :, None]
            elif page.axes.index("S") == 0:
                values = np.moveaxis(values, 0, 2)
            pixels = _shown(values, int(page.photometric), tuple(page.extrasamples), page.bitspersample)
        changes = set(pixels.changes)
        if _has_second_page(file):
            changes.add("first frame")
    orientation = int(tags.get(ORIENTATION, 1))
    if 1 < orientation <= 8:
        changes.add("orientation")
    return Pixels(values=upright(pixels.values, orientation), white=pixels.white, changes=frozenset(changes))


def _is_thumbnail(tags: dict[int, Any]) -> bool:
    return bool(int(tags.get(SUBFILE_TYPE, 0)) & 1)


def _has_second_page(file: Any) -> bool:
    try:
        file.pages[1]
    except IndexError:
        return False
    return True


def _check_inflated(page: Any, expected: int) -> None:
    """UnusableError: a strip that unpacks to more than the image, which tifffile would unpack whole."""
    if int(page.compression) not in _INFLATED:
        return
    file = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(offset)
        stream = zlib.decompressobj()
        stream.decompress(file.read(count), 4 * expected + 2**20)  # tiles reach over the edge
        if stream.unconsumed_tail:
            raise UnusableError("over a limit", "its strips unpack to more than the image that it says it is")


def _shown(values: np.ndarray, photometric: int, extra: tuple[int, ...], bits: int) -> Pixels:
    """The samples with opacity laid on white, white being what their bits hold where that matters."""
    changes: set[Change] = set()
    if photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB):
        raise UnusableError(
            "of no usable kind",
            f"{bits}-bit samples of a colour space (photometric {photometric}) not read here",
        )
    pixels = numbers(values)
    values = pixels.values
    most = (1 << bits) - 1
    if photometric == _WHITE_IS_ZERO:
        if values.dtype.kind == "f":
            raise UnusableError("of no usable kind", "floats in which 0 is white")
        values = most - values
    channels = values.shape[2]
    colours = 3 if photometric == _RGB else 1
    if len(extra) == 1 and int(extra[0]) in _OPACITY and channels == colours + 1 and values.dtype.kind == "u":
        alpha = values[:, :, -1]
        values = values[:, :, :-1]
        if alpha.min() < most:
            values = on_white(values, alpha, most, premultiplied=int(extra[0]) == 1)
            changes.add("transparency")
    return Pixels(values=values, white=pixels.white, changes=frozenset(changes))
