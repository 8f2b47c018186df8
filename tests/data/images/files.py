"""Image files that the tests make, and how they are read: from the header and whole."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scaling_search.data.images.pixels import Pixels, UnusableError
from scaling_search.data.images.reading import look, read

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def agreed(path: Path) -> Pixels:
    """What was read, once the header has told the same."""
    found, seen = read(path), look(path)
    assert found.values.shape == (seen.height, seen.width, seen.channels)
    return found


def unusable(path: Path) -> UnusableError:
    with pytest.raises(UnusableError) as caught:
        read(path)
    with pytest.raises(UnusableError):
        look(path) if caught.value.kind != "damaged" else read(path)
    return caught.value


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def deep_png(path: Path, values: np.ndarray, extra: bytes = b"") -> Path:
    """A PNG of 16 bits with 1 to 4 channels, which Pillow cannot write; `extra` are chunks before the image."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [chunk(b"IHDR", head), extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path
