"""Opening an image file, whatever its name says: what it holds, and one plain reason where it holds none.

Formats are told by content. Only the first frame or page is read; the file's orientation is applied once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError, features

from scaling_search.data.images import arrays, colour, tiff
from scaling_search.data.images.memory import room_for
from scaling_search.data.images.pixels import (
    SWAPPED,
    Look,
    Pixels,
    UnusableError,
    check_size,
    looked,
    upright,
)
from scaling_search.data.summary import Change

# Names that say that a file is an image: what cannot be read then is damaged, not something else.
EXTENSIONS = frozenset({
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".npy", ".avif", ".jp2", ".j2k", ".jpx",
})  # fmt: skip
# Never a format that starts another program (EPS) or fetches anything.
FORMATS = tuple(
    name
    for name, codec in {
        "PNG": None, "JPEG": None, "BMP": None, "DIB": None, "GIF": None, "PPM": None, "TIFF": None,
        "WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000",
    }.items()
    if codec is None or features.check(codec)
)  # fmt: skip
_SURE = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", arrays.NPY, *tiff.MAGIC)
_ORIENTATION = 0x0112
# Modes whose header tells all that the set has to know.
_PLAIN = {"1": 1, "L": 1, "LA": 1, "RGB": 3, "RGBA": 3, "CMYK": 3, "YCbCr": 3}


def look(path: Path) -> Look:
    """Size as seen and channels of an image file, from its header where that tells. UnusableError: see `read`."""
    with _opened(path) as image:
        if isinstance(image, Pixels):
            return looked(image)
        if image.mode in _PLAIN and image.format != "TIFF" and not arrays.deep_colour(image):
            (width, height), channels = image.size, _PLAIN[image.mode]
            # Pillow loads a PNG for its EXIF, which may come last in the file.
            with room_for(height, width, channels) if image.format == "PNG" else contextlib.nullcontext():
                if _orientation(image)[0] in SWAPPED:
                    height, width = width, height
            return Look(height=height, width=width, channels=channels)
        return looked(_decoded(image))


def read(path: Path) -> Pixels:
    """The image in a file, as it is seen. UnusableError: none, damaged, too large, or of no usable kind."""
    with _opened(path) as image:
        return image if isinstance(image, Pixels) else _decoded(image)


def _decoded(image: Image.Image) -> Pixels:
    """A Pillow image as it is seen."""
    several = image.format != "MPO" and _is_animated(image)
    deep = arrays.deep_colour(image)
    with room_for(image.height, image.width, 4):
        before, unreadable = _orientation(image)
        image.load()
        pixels = arrays.read_deep_colour(image, deep) if deep else colour.seen(image)
    # Pillow turns TIFFs itself while loading, and takes the tag away.
    turn = _orientation(image)[0] if image.format == "TIFF" else before
    white = 4095 if tiff.has_twelve_bits(image) else pixels.white
    changes: set[Change] = set(pixels.changes)
    if before != 1:
        changes.add("orientation")
    if several:
        changes.add("first frame")
    if unreadable:
        changes.add("exif unreadable")
    return Pixels(values=upright(pixels.values, turn), white=white, changes=frozenset(changes))


def _orientation(image: Image.Image) -> tuple[int, bool]:
    """The orientation noted in the file, 1 where none is; and whether there is EXIF that cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except (MemoryError, UnusableError):
        raise
    except Exception:  # a parser of what cameras write, with errors of many kinds; the image itself is well
        if image.format == "PNG":
            image.load()  # Pillow loads a PNG for its EXIF: where the image is damaged, that is what counts
        return 1, True
    return (value if isinstance(value, int) and 1 <= value <= 8 else 1), False


def _is_animated(image: Image.Image) -> bool:
    try:
        return bool(getattr(image, "is_animated", False))  # looks at the second frame, never at all of them
    except Exception:  # the second frame is damaged; the first is what counts
        return True


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image | Pixels]:
    """An image open in Pillow, or read already where Pillow would lose something."""
    head = b""
    try:
        with path.open("rb") as file:
            head = file.read(16)
        if head.startswith(arrays.NPY):
            yield arrays.read_npy(path)
        elif head[:2] in arrays.PNM and head[2:3].isspace():
            yield arrays.read_pnm(path)
        else:
            with _by_pillow(path, head) as image:
                yield image
    except UnusableError as error:
        raise _judged(error, path, head) from error.__cause__
    except MemoryError as error:
        raise UnusableError("over a limit", "too large to unpack in the memory that is free") from error
    except Image.DecompressionBombError as error:
        raise UnusableError("over a limit", f"too large, by a limit of Pillow: {error}") from error
    except OSError as error:
        if error.errno is not None and not isinstance(error, UnidentifiedImageError):
            raise UnusableError("cannot be read", error.strerror or str(error)) from error
        raise _judged(UnusableError("damaged", _reason(error)), path, head) from error
    except Exception as error:  # a damaged file may meet any error of a dozen decoders
        raise _judged(_explained(error), path, head) from error


@contextlib.contextmanager
def _by_pillow(path: Path, head: bytes) -> Iterator[Image.Image | Pixels]:
    with contextlib.ExitStack() as stack:
        try:
            image = stack.enter_context(Image.open(path, formats=FORMATS))
        except UnidentifiedImageError:
            image = None
        if image is None and not head.startswith(tiff.MAGIC):
            raise UnusableError("no image", f"its content is none of {', '.join(FORMATS)}, NPY")
        if image is None or (tiff.is_beyond_pillow(image) and not arrays.deep_colour(image)):
            yield tiff.read_tiff(path)
        else:
            check_size(image.height, image.width)
            yield image


def _explained(error: Exception) -> UnusableError:
    """Limits that image libraries set are limits, and not damage."""
    text = _reason(error)
    if "MAX_TEXT" in text:
        return UnusableError("over a limit", f"text in the file exceeds a limit of Pillow: {text}")
    if "imagecodecs" in text or isinstance(error, NotImplementedError):
        return UnusableError(
            "over a limit", f"{text}: such TIFFs need another package: pip install 'scaling-search[tiff]'"
        )
    return UnusableError("damaged", text)


def _judged(error: UnusableError, path: Path, head: bytes) -> UnusableError:
    """A file that neither is an image by its first bytes nor is called one is no image; else it is damaged."""
    called = path.suffix.lower() in EXTENSIONS
    sure = head.startswith(_SURE) or head[8:12] == b"WEBP"
    if error.kind == "no image" and (called or sure):
        return UnusableError("damaged", str(error) if head else "empty")
    if error.kind == "damaged" and not (called or sure):
        return UnusableError("no image", str(error))
    return error


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
