from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from scaling_search.data import augment
from scaling_search.errors import InputError

# As training runs it: compiled.
augmented = jax.jit(augment.augment, static_argnames=("crop_padding", "flip"))


def some(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, shape, dtype=np.uint8)


def shifted(image: np.ndarray, dy: int, dx: int) -> np.ndarray:
    h, w, _ = image.shape
    padded = np.pad(image, ((3, 3), (3, 3), (0, 0)), mode="edge")
    return padded[3 + dy : 3 + dy + h, 3 + dx : 3 + dx + w]


@pytest.mark.parametrize("channels", [1, 3])
def test_every_crop_is_a_shift_and_all_shifts_occur(channels: int) -> None:
    images = some(400, 6, 9, channels)
    out = np.asarray(augmented(jax.random.key(0), jnp.asarray(images), crop_padding=0.2, flip=False))
    # 0.2 of 6 and of 9 pixels
    shifts = [(dy, dx) for dy in range(-1, 2) for dx in range(-2, 3)]
    seen = [
        next(shift for shift in shifts if (shifted(image, *shift) == got).all())
        for image, got in zip(images, out, strict=True)
    ]
    assert set(seen) == set(shifts)


def test_half_of_the_images_are_mirrored() -> None:
    images = some(1000, 4, 5, 3)
    out = np.asarray(augmented(jax.random.key(1), jnp.asarray(images), crop_padding=0, flip=True))
    same = (out == images).all(axis=(1, 2, 3))
    mirrored = (out == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same | mirrored).all()
    assert 430 <= mirrored.sum() <= 570  # 500 ± 4.4 standard deviations


@pytest.mark.parametrize("crop_padding", [0.0, 0.1])
def test_nothing_asked_nothing_done(crop_padding: float) -> None:
    """A tenth of 4 pixels is less than half a pixel."""
    images = some(8, 4, 4, 1)
    out = augmented(jax.random.key(0), jnp.asarray(images), crop_padding=crop_padding, flip=False)
    assert (np.asarray(out) == images).all()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_shift_brings_no_new_edge(value: int) -> None:
    """Icons on white stay on white: what moves in is the image's own edge."""
    images = np.full((64, 8, 8, 1), value, np.uint8)
    images[:, 3:5, 3:5] = 77
    out = augmented(jax.random.key(0), images, crop_padding=0.25, flip=False)
    assert set(np.unique(np.asarray(out))) == {value, 77}


def test_compiled_is_the_same_and_the_key_decides() -> None:
    images = jnp.asarray(some(32, 8, 8, 1))
    options = {"crop_padding": 0.125, "flip": True}
    one, other = (np.asarray(augmented(jax.random.key(seed), images, **options)) for seed in (0, 1))
    assert one.dtype == np.uint8
    assert (one == np.asarray(augment.augment(jax.random.key(0), images, **options))).all()
    assert (one != other).any()


def test_normalised_images_have_mean_0_and_std_1() -> None:
    images = some(50, 4, 4, 3)
    mean, std = images.mean(axis=(0, 1, 2)), images.std(axis=(0, 1, 2))
    out = np.asarray(augment.normalise(jnp.asarray(images), mean, std))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(axis=(0, 1, 2)), 1, atol=1e-5)


@pytest.mark.parametrize(("shape", "resolution"), [((28, 28, 1), 36), ((28, 20, 1), 13), ((40, 64, 3), 24)])
def test_resizing_is_the_antialiased_bilinear_of_others(shape: tuple[int, int, int], resolution: int) -> None:
    images = some(6, *shape)
    out = augment.resize(images, resolution).astype(float)
    size = (6, resolution, resolution, shape[2])
    jaxs = np.asarray(jax.image.resize(images.astype(np.float32), size, "linear", antialias=True))
    assert np.abs(out - jaxs).max() < 0.6
    for image, got in zip(images, out, strict=True):
        pillows = Image.fromarray(image.squeeze()).resize((resolution, resolution), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(pillows).reshape(got.shape) - got).max() <= 1


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([(9, 7), (28, 28), (5, 64)]), st.sampled_from([1, 6, 33, 41]), st.integers(0, 9))
def test_resizing_is_exact_in_whole_numbers(size: tuple[int, int], resolution: int, seed: int) -> None:
    images = some(3, *size, 3, seed=seed)
    rows, columns = (augment._weights(side, resolution).astype(np.int64) for side in size)
    tall = (np.einsum("rh,nhwc->nrwc", rows, images.astype(np.int64)) + 128) // 256
    whole = (np.einsum("sw,nrwc->nrsc", columns, tall) + 32768) // 65536
    assert (augment.resize(images, resolution) == whole).all()


@pytest.mark.parametrize("value", [0, 1, 127, 255])
def test_a_flat_image_stays_flat(value: int) -> None:
    assert (augment.resize(np.full((2, 7, 5, 3), value, np.uint8), 16) == value).all()


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    images = some(11, 8, 8, 1)
    whole = augment.resize(images, 12)
    monkeypatch.setattr(augment, "CHUNK_BYTES", 4 * 12 * 12 * 3)
    assert (augment.resize(images, 12) == whole).all()


def test_no_images_and_no_change_and_a_bad_resolution() -> None:
    images = some(3, 8, 8, 1)
    assert augment.resize(images, 8) is images
    assert augment.resize(images[:0], 9).shape == (0, 9, 9, 1)
    with pytest.raises(InputError, match="at least 1 pixel, got 0"):
        augment.resize(images, 0)
