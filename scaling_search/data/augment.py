"""Images on the device: resize once per resolution; shift, flip and normalise inside every training step.

All of it is pure and can be compiled; random draws come from the key given.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, PRNGKeyArray, UInt8
from numpy.typing import ArrayLike

from scaling_search.errors import InputError

# Bytes of float32 that one chunk of `resize` may hold at a time.
CHUNK_BYTES = 64 * 2**20


def augment(
    key: PRNGKeyArray, images: UInt8[Array, "b h w c"], *, crop_padding: float, flip: bool
) -> UInt8[Array, "b h w c"]:
    """Each image shifted by up to `crop_padding` of its side each way, its edge repeated, and mirrored half the time.

    The same as repeating the edge on all sides and cropping at random to the old size. Both options are static: with
    0 and False the images come back as they are, and so does one whose share of a side is under half a pixel.
    """
    margins = [round(crop_padding * side) for side in images.shape[1:3]]
    # A slice per image under vmap takes 0.1 ms for 64 images of 28x28 on two cores; a gather of single
    # pixels, selecting among shifts, and one-hot matrix products all take 2 to 10 times as long.
    crop_key, flip_key = jax.random.split(key)
    if any(margins):
        # From uniform numbers, so that one key shifts an image by the same share of its side at every resolution.
        uniform = jax.random.uniform(crop_key, (len(images), 2))
        corners = jnp.floor(uniform * (2 * jnp.asarray([margins]) + 1)).astype(jnp.int32)
        sides = [(margin, margin) for margin in margins]
        # Black would be a new edge in the image: icons on white lost 15 points to it, and 9 to repeated edges.
        padded = jnp.pad(images, ((0, 0), *sides, (0, 0)), mode="edge")

        def crop(image: UInt8[Array, "ph pw c"], corner: Int32[Array, " 2"]) -> UInt8[Array, "h w c"]:
            return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), images.shape[1:])

        images = jax.vmap(crop)(padded, corners)
    if flip:
        mirrored = jax.random.bernoulli(flip_key, shape=(len(images), 1, 1, 1))
        images = jnp.where(mirrored, images[:, :, ::-1], images)
    return images


def normalise(images: UInt8[Array, "b h w c"], mean: ArrayLike, std: ArrayLike) -> Float[Array, "b h w c"]:
    """(x - mean) / std per channel in float32; mean and std (C,) in the images' units, 0..255."""
    mean, std = (jnp.asarray(each, jnp.float32).reshape(1, 1, 1, -1) for each in (mean, std))
    return (images.astype(jnp.float32) - mean) * (1 / std)


def resize(images: UInt8[np.ndarray, "n h w c"], resolution: int) -> UInt8[np.ndarray, "n r r c"]:
    """All images brought to resolution x resolution by antialiased bilinear interpolation, in host memory.

    Shrinking averages over the area that a pixel covers (as Pillow's BILINEAR and jax.image.resize do).
    Weights are whole multiples of 1/4096 and the rows in between are kept to 1/16 of a grey level, so that all
    sums are of whole numbers under 2^24, which float32 holds exactly: every device gives the same pixels.

    InputError: a resolution under 1.
    """
    if resolution < 1:
        raise InputError(f"resolution must be at least 1 pixel, got {resolution}")
    count, height, width, channels = images.shape
    if (height, width) == (resolution, resolution):
        return images
    rows, columns = _weights(height, resolution), _weights(width, resolution)
    per_image = 4 * channels * max(height, resolution) * max(width, resolution)
    chunk = min(max(CHUNK_BYTES // per_image, 1), count)
    resized = np.empty((count, resolution, resolution, channels), np.uint8)
    for start in range(0, count, max(chunk, 1)):
        # The last chunk overlaps the one before: one shape is one compilation.
        first = min(start, count - chunk)
        resized[first : first + chunk] = _resize_chunk(images[first : first + chunk], rows, columns)
    return resized


@jax.jit
def _resize_chunk(
    images: UInt8[Array, "n h w c"], rows: Float[Array, "r h"], columns: Float[Array, "s w"]
) -> UInt8[Array, "n r s c"]:
    exact = jax.lax.Precision.HIGHEST  # the default would round to fewer bits on a GPU
    tall = jnp.einsum("rh,nhwc->nrwc", rows, images.astype(jnp.float32), precision=exact)
    sixteenths = jnp.floor(tall / 256 + 0.5)
    whole = jnp.einsum("sw,nrwc->nrsc", columns, sixteenths, precision=exact)
    return jnp.floor(whole / 65536 + 0.5).astype(jnp.uint8)


def _weights(size: int, resolution: int) -> Float[np.ndarray, "resolution size"]:
    """Weight of each old pixel in each new one, in 4096ths; each row sums to 4096.

    Old pixel j weighs max(0, 1 - |centre - (j + ½)| / s) before normalising, where the new pixel i has its
    centre at (i + ½)·size/resolution and s = max(1, size/resolution) is the half-width of the triangle.
    """
    ratio = size / resolution
    centres = (np.arange(resolution) + 0.5) * ratio
    distance = np.abs(centres[:, None] - (np.arange(size) + 0.5)[None, :])
    triangle = np.maximum(0, 1 - distance / max(1.0, ratio))
    weights: np.ndarray = np.round(4096 * triangle / triangle.sum(axis=1, keepdims=True))
    weights[np.arange(resolution), weights.argmax(axis=1)] += 4096 - weights.sum(axis=1)
    whole: Float[np.ndarray, "resolution size"] = weights.astype(np.float32)
    return whole
