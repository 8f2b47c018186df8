"""What one image file holds, and what can be wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scaling_search.data.summary import Change

# Pillow's own limit: twice its MAX_IMAGE_PIXELS, 179 million. Above it an image is a "decompression bomb".
MOST_PIXELS = 178_956_970
MOST_CHANNELS = 8
SWAPPED = frozenset({5, 6, 7, 8})  # orientations that swap height and width

Fault = Literal["no image", "damaged", "over a limit", "cannot be read", "of no usable kind"]


class UnusableError(Exception):
    """Why a file gives no image. `kind` tells files that are none from images that are damaged or merely too much."""

    def __init__(self, kind: Fault, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """An image as it is seen: upright, nothing transparent, its samples not yet brought to 8 bits.

    `values` (H, W, C): C is 1 for grey, 3 for colour, else the bands of the file. `white` is the value that the file
    or its kind says is white; None where nothing does (9 to 16 bits somewhere in 16, floats).
    """

    values: np.ndarray
    white: int | float | None
    changes: frozenset[Change] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the set has to know of an image before any is decoded: its size upright, its channels.

    `top` is the brightest value where nothing says what white is, else None.
    """

    height: int
    width: int
    channels: int
    top: int | float | None = None


def looked(pixels: Pixels) -> Look:
    """What `Look` tells of an image that had to be decoded for it."""
    height, width, channels = pixels.values.shape
    top = pixels.values.max().item() if pixels.white is None else None
    return Look(height=height, width=width, channels=channels, top=top)


def full_scale(top: int) -> int:
    """The white of whole numbers that nothing else tells it of: the most that the bits used hold, 8 bits at least.

    >>> full_scale(4000), full_scale(4096), full_scale(3)
    (4095, 8191, 255)
    """
    return int((1 << max(8, top.bit_length())) - 1)


def check_size(height: int, width: int, channels: int = 1) -> None:
    """UnusableError: no pixel, or more than the limit, before anything is unpacked."""
    if height < 1 or width < 1:
        raise UnusableError("damaged", f"it says that it is {height}x{width} pixels in size")
    if height * width > MOST_PIXELS:
        raise UnusableError(
            "over a limit", f"{height}x{width} pixels; the limit is {MOST_PIXELS:,} pixels in all"
        )
    if channels > MOST_CHANNELS:
        raise UnusableError("of no usable kind", f"{channels} channels; legal are 1 to {MOST_CHANNELS}")


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """The image (H, W, ...) turned as an EXIF orientation of 1 to 8 says (CIPA DC-008, tag 274).

    5 to 8 swap height and width. Any other number leaves it as it is.
    """
    if orientation in (3, 4, 6, 7):
        values = values[::-1]
    if orientation in (2, 3, 7, 8):
        values = values[:, ::-1]
    return values.swapaxes(0, 1) if orientation in SWAPPED else values


def on_white(values: np.ndarray, alpha: np.ndarray, white: int, *, premultiplied: bool = False) -> np.ndarray:
    """Samples (H, W, C) with opacity (H, W) of 0..white, over white: a·v + (1 - a)·white, rounded half up."""
    opacity = alpha[:, :, None].astype(np.int64)
    seen = values.astype(np.int64) * (white if premultiplied else opacity) + (white - opacity) * white
    over = (seen + white // 2) // white
    made: np.ndarray = np.minimum(over, white).astype(values.dtype)
    return made
