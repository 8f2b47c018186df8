"""Pictures brought to one form: grey or colour, 8 bits, one size.

Kinds. 1-bit, 8-bit and 16-bit grey (16 bits are rounded to 8) and grey with alpha are grey; RGB, CMYK, YCbCr,
Lab and HSV are colour; a palette is grey if each colour that the image uses is. What is transparent is laid on
white. Any other mode (32-bit integers, floats) is refused. A rotation noted by the camera (EXIF) is applied.

Size. If all pictures of a set have one size and its shorter side is at most 256 pixels, they are stored as they
are. Otherwise the largest centred square of each is stored at S x S (antialiased bilinear), S being the lower
median of the shorter sides, at most 256; a size that the user names takes the place of both rules.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from scaling_search.data.places import printable
from scaling_search.errors import InputError, StorageError

SHORTER_SIDE_LIMIT = 256
EXTENSIONS = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
)
# Never a format that starts another program (EPS) or fetches anything.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
GREY = frozenset({"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"})
COLOUR = frozenset({"RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"})
ROTATED = frozenset({5, 6, 7, 8})  # EXIF orientations that swap height and width
ORIENTATION = 0x0112


def look(path: Path) -> tuple[int, int, int]:
    """Height, width and channels (1 grey, 3 colour) of a picture file, read from its header where possible.

    InputError names the file: not a picture, cut short, or neither grey nor colour.
    """
    with _open(path) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in ROTATED:
            height, width = width, height
        return height, width, _channels(image, path)


def decode(path: Path, *, channels: int, size: tuple[int, int]) -> UInt8[np.ndarray, "h w c"]:
    """The pixels of a picture file in the form stored: `channels` 1 or 3, `size` (H, W). Errors as `look`."""
    with _open(path) as image:
        _channels(image, path)
        upright = ImageOps.exif_transpose(image)
        return fit(_flat(upright, channels), size)


def fit(image: Image.Image, size: tuple[int, int]) -> UInt8[np.ndarray, "h w c"]:
    """The picture as it is where it has the size (H, W), else its largest centred square, scaled to that."""
    height, width = size
    if image.size != (width, height):
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        image = square.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def stored_size(sizes: Sequence[tuple[int, int]], wanted: int | None = None) -> tuple[int, int]:
    """The one (H, W) at which pictures of these (H, W) are stored, by the rule at the head of this file."""
    if wanted is not None:
        if wanted < 1:
            raise InputError(f"images cannot be stored at {wanted} pixels; legal are 1 and more")
        return wanted, wanted
    if len(set(sizes)) == 1 and min(sizes[0]) <= SHORTER_SIDE_LIMIT:
        return sizes[0]
    shorter = sorted(min(size) for size in sizes)
    side = min(shorter[(len(shorter) - 1) // 2], SHORTER_SIDE_LIMIT)
    return side, side


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """Open a picture file; whatever Pillow makes of a bad one becomes InputError with the file's name."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except UnidentifiedImageError as error:
        raise InputError(
            f"{printable(path)} is not a picture in a known format ({', '.join(FORMATS)})"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{printable(path)} is too large a picture: {printable(error)}") from error
    except PermissionError as error:
        raise StorageError(f"cannot read {printable(path)}: {error.strerror}") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise InputError(f"{printable(path)} is damaged or cut short: {printable(error)}") from error


def _channels(image: Image.Image, path: Path) -> int:
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
        used = np.unique(np.asarray(image).reshape(-1, 4)[:, :3], axis=0)
        return 1 if (used == used[:, :1]).all() else 3
    if image.mode in GREY:
        return 1
    if image.mode in COLOUR:
        return 3
    raise InputError(
        f"{printable(path)} is neither a grey nor a colour picture that can be used (Pillow mode {image.mode!r})"
    )


def _flat(image: Image.Image, channels: int) -> Image.Image:
    """The picture in mode L or RGB, without transparency."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((deep * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("P", "PA", "LA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
    return image if image.mode == mode else image.convert(mode)
