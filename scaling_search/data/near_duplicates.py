"""Images that are nearly the same: saved again, scaled, a little brighter. Found by a perceptual hash, then compared.

Every image becomes a thumbnail of 16 x 16 pixels in its channels, of mean 0 and mean square 1, which brightness and
contrast leave as it is. Its hash are the lowest 6 x 6 coefficients of the cosine transform of the thumbnail's grey,
as real numbers: these are a part of the thumbnail's coordinates in an orthonormal basis, so that images with near
thumbnails have near hashes, always. (The usual hash keeps the sign of each coefficient, 0 or 1: C. Zauner,
"Implementation and benchmarking of perceptual image hash functions", 2010. Signs of coefficients near 0 are noise,
of which icons on a plain ground are full.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32
from scipy.fft import dctn
from scipy.spatial import cKDTree

from scaling_search.data.dataset import Images
from scaling_search.data.images.form import scaled

LEAST_SIDE = 32  # under this many pixels, everything of one kind looks alike
# Root mean square difference of the thumbnails, the square root of 2·(1 - correlation).
DIFFERENCE = 0.12
_SIDE = 16
_LOW = 6
_CHUNK = 4096


def near_pairs(images: Images, rows: Sequence[int] | None = None) -> list[tuple[int, int]]:
    """Pairs (i, j) of images that are nearly the same, as many as it takes to join them, among these `rows` (all).

    Each image that is not near an earlier one is compared with all others; a thousand copies are a thousand pairs.
    Images with a side under 32 pixels: none. Images of one colour are near to none.
    """
    if min(images.shape[1:3]) < LEAST_SIDE:
        return []
    rows = range(len(images)) if rows is None else rows
    thumbs, hashes = thumbnails(images, rows), np.empty((len(rows), _LOW**2), np.float32)
    for start in range(0, len(rows), _CHUNK):
        hashes[start : start + _CHUNK] = perceptual_hashes(thumbs[start : start + _CHUNK])
    usable = np.flatnonzero(np.isfinite(hashes).all(axis=1))
    if len(usable) < 2:
        return []
    tree = cKDTree(hashes[usable])
    taken = np.zeros(len(rows), np.bool_)
    pairs = []
    for i in usable.tolist():
        if taken[i]:
            continue
        others = usable[tree.query_ball_point(hashes[i], DIFFERENCE)]
        others = others[others != i]
        difference = np.sqrt(np.mean((thumbs[others].astype(np.float32) - thumbs[i]) ** 2, axis=(1, 2, 3)))
        near = others[difference <= DIFFERENCE]
        taken[near] = True
        pairs += [(int(rows[i]), int(rows[j])) for j in near.tolist()]
    return pairs


def thumbnails(images: Images, rows: Sequence[int]) -> np.ndarray:
    """(N, 16, 16, C) float16 of mean 0 and mean square 1; NaN where an image is of one colour, or nearly."""
    made = np.empty((len(rows), _SIDE, _SIDE, images.shape[3]), np.float16)
    for i, row in enumerate(rows):
        small = scaled(images[row], (_SIDE, _SIDE)).astype(np.float32)
        small = small - small.mean()
        spread = small.std()
        made[i] = small / spread if spread >= 1 else np.nan
    return made


def perceptual_hashes(thumbs: np.ndarray) -> Float32[np.ndarray, "n 36"]:
    """The hash of each thumbnail; in the units of `DIFFERENCE`, no farther apart than the thumbnails are."""
    grey = thumbs.mean(axis=3, dtype=np.float32)
    low = dctn(grey, axes=(1, 2), norm="ortho")[:, :_LOW, :_LOW]
    whole: Float32[np.ndarray, "n 36"] = low.reshape(len(thumbs), -1) / np.float32(_SIDE)
    return whole
