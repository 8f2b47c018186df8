"""The one form in which the images of a set are stored: 8 bits, one size, 1 to 8 channels.

Size. The shape (width to height) that most images have, within 10 %, is that of the set. Its shorter side is the lower
median of theirs, at most 256 pixels, so that images of one size that is not larger stay as they are. A size that the
user names makes all square.

Fit. An image more than 10 % off the common shape is padded to it with its own edge; the others are scaled to fit
exactly, which squashes them by at most that. `pad`, `crop` (to the middle) and `squash` do the same to all, whatever
their shape. Scaling is bilinear and antialiased.

Depth. Where nothing says what white is, it is the most that the bits hold which the set's brightest image uses, 8 at
least: one scale for the whole set, so that dark images stay dark.

Channels. Grey becomes colour where both occur; other counts cannot be mixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from scaling_search.data.images.pixels import MOST_CHANNELS, Look, Pixels, full_scale
from scaling_search.data.summary import Change, Fit, Kept, Size
from scaling_search.errors import InputError, UsageError

SHORTER_SIDE_LIMIT = 256
MOST_SIZE = 4096
TOLERANCE = 1.1  # shapes within this factor of the common one are squashed to it
_REACH = math.log(TOLERANCE) * (1 + 1e-9)  # 10 % off exactly is not more

FITS: tuple[Fit, ...] = get_args(Fit)


class Form(Kept):
    """How every image of a set is stored. `shape` is the common width / height; `fit` None: the rule above.

    `white` is that of whole numbers that nothing else tells it of, None where there are none; `float_white` of floats.
    `native` is how many pixels the shorter side of most images had, where they are enlarged; else None.
    """

    size: Size
    channels: int
    shape: float
    fit: Fit | None = None
    white: int | None = None
    float_white: int | None = None
    native: int | None = None


def settle(
    looks: Sequence[Look],
    names: Sequence[str],
    *,
    size: int | None = None,
    channels: int | None = None,
    fit: Fit | None = None,
) -> Form:
    """The form of a set of images, by the rules at the head of this file; `names` are theirs, for errors.

    UsageError: a size, a fit or a count of channels that is not legal. InputError: counts that cannot be mixed.
    """
    if size is not None and not 1 <= size <= MOST_SIZE:
        raise UsageError(f"images cannot be stored at {size} pixels; legal are 1 to {MOST_SIZE}")
    if fit is not None and fit not in FITS:
        raise UsageError(f"fit {fit!r}: legal are {', '.join(FITS)}")
    common, shape = stored_size([(look.height, look.width) for look in looks])
    stored_at = common if size is None else (size, size)
    shorter = sorted(min(look.height, look.width) for look in looks)
    native = shorter[(len(shorter) - 1) // 2]
    tops = [look.top for look in looks if look.top is not None]
    whole = [top for top in tops if isinstance(top, int)]
    floats = [top for top in tops if isinstance(top, float)]
    return Form(
        size=stored_at,
        channels=_one_count([look.channels for look in looks], names, channels),
        shape=shape,
        fit=fit,
        white=full_scale(max(whole)) if whole else None,
        float_white=(1 if max(floats) <= 1 else 255) if floats else None,
        native=native if native < min(stored_at) else None,
    )


def stored_size(sizes: Sequence[Size]) -> tuple[Size, float]:
    """The (H, W) at which images of these (H, W) are stored, and the shape that is common among them."""
    pairs = np.array(sizes, np.int64)
    different, counts = np.unique(pairs[:, 1] / pairs[:, 0], return_counts=True)
    logs = np.log(different)
    sums = np.concatenate([[0], np.cumsum(counts)])
    near = sums[np.searchsorted(logs, logs + _REACH, "right")] - sums[np.searchsorted(logs, logs - _REACH)]
    # Among equals the commonest, then the squarest, then the tallest.
    best = np.lexsort((logs, np.abs(logs), -counts, -near))[0]
    shape = float(different[best])
    alike = np.abs(np.log(pairs[:, 1] / pairs[:, 0]) - logs[best]) <= _REACH
    shorter = np.sort(pairs[alike].min(axis=1))
    side = min(int(shorter[(len(shorter) - 1) // 2]), SHORTER_SIDE_LIMIT)
    longer = max(1, round(side * max(shape, 1 / shape)))
    return ((side, longer) if shape >= 1 else (longer, side)), shape


def stored(pixels: Pixels, form: Form) -> tuple[UInt8[np.ndarray, "h w c"], set[Change]]:
    """An image in the form of its set, and what was done to it beyond what its `changes` say."""
    values, changes = eight_bits(pixels, form)
    values, fitted = fit(values, form)
    changes |= fitted
    if values.shape[2] == 1 and form.channels == 3:
        values = np.repeat(values, 3, axis=2)
        changes.add("grey to colour")
    elif values.shape[2] == 3 and form.channels == 1:
        values = np.asarray(Image.fromarray(values).convert("L"))[:, :, None]
        changes.add("colour to grey")
    if (values == values[0, 0]).all():
        changes.add("one colour")
    return np.ascontiguousarray(values), changes


def eight_bits(pixels: Pixels, form: Form) -> tuple[UInt8[np.ndarray, "h w c"], set[Change]]:
    """Samples scaled so that white is 255, rounded half up."""
    values = pixels.values
    if values.dtype == np.uint8 and pixels.white == 255:
        return values, set()
    if values.dtype.kind == "f":
        white = form.float_white or 255
        scaled = np.floor(values.astype(np.float64) * (255 / white) + 0.5)
    else:
        white = int(pixels.white or form.white or 255)
        scaled = (values.astype(np.int64) * 255 + white // 2) // white
    return np.clip(scaled, 0, 255).astype(np.uint8), {"depth"} if white != 255 else set()


def fit(values: UInt8[np.ndarray, "h w c"], form: Form) -> tuple[UInt8[np.ndarray, "r s c"], set[Change]]:
    """An image brought to the form's size, by its rule."""
    height, width = values.shape[:2]
    if (height, width) == form.size:
        return values, set()
    rows, columns = form.size
    aim = columns / rows
    changes: set[Change] = set()
    pad = form.fit == "pad"
    if form.fit is None:
        aim = form.shape
        pad = abs(math.log(width / height / aim)) > _REACH
    if form.fit == "crop":
        inner = min(height, max(1, round(width / aim))), min(width, max(1, round(height * aim)))
        top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
        values = values[top : top + inner[0], left : left + inner[1]]
        changes |= {"cropped"} if inner != (height, width) else set()
    if pad:
        # The frame of the shape aimed at that just holds the image, scaled to the size stored.
        frame = max(height, width / aim), max(width, height * aim)
        inner = (
            min(rows, max(1, round(height * rows / frame[0]))),
            min(columns, max(1, round(width * columns / frame[1]))),
        )
    else:
        inner = rows, columns
    scale = inner[0] / values.shape[0], inner[1] / values.shape[1]
    if max(scale) > 1:
        changes.add("enlarged")
    elif min(scale) < 1:
        changes.add("reduced")
    values = scaled(values, inner)
    if inner != form.size:
        changes.add("padded")
        above, before = (rows - inner[0]) // 2, (columns - inner[1]) // 2
        around = ((above, rows - inner[0] - above), (before, columns - inner[1] - before), (0, 0))
        values = np.pad(values, around, mode="edge")
    elif form.fit != "crop" and abs(width / height / aim - 1) * min(form.size) >= 1:
        changes.add("squashed")
    return values, changes


def scaled(values: UInt8[np.ndarray, "h w c"], size: Size) -> UInt8[np.ndarray, "r s c"]:
    """All channels at another (height, width), by antialiased bilinear interpolation."""
    height, width = size
    bands = [values] if values.shape[2] == 3 else [values[:, :, i] for i in range(values.shape[2])]
    made = [
        np.asarray(Image.fromarray(band).resize((width, height), Image.Resampling.BILINEAR)) for band in bands
    ]
    return made[0] if values.shape[2] == 3 else np.stack(made, axis=2)


def _one_count(counts: Sequence[int], names: Sequence[str], wanted: int | None) -> int:
    """The channels of the set: the one count met, 3 for grey and colour, or what the user wants."""
    if wanted is not None and not 1 <= wanted <= MOST_CHANNELS:
        raise UsageError(
            f"channels must be 1 (grey), 3 (colour) or the bands of the images, up to {MOST_CHANNELS}, got {wanted}"
        )
    met = sorted(set(counts))
    if set(met) <= {1, 3} and wanted in (None, 1, 3):
        return max(met) if wanted is None else wanted
    if len(met) == 1 and wanted in (None, met[0]):
        return met[0]
    found = "; ".join(
        f"{counts.count(one)} of {one} channel{'s' * (one > 1)}, as {names[counts.index(one)]}" for one in met
    )
    if wanted is not None:
        raise InputError(
            f"images cannot be stored with {wanted} channels ({found}): only grey becomes colour and back"
        )
    raise InputError(f"images of {' and '.join(map(str, met))} channels cannot be mixed ({found})")
