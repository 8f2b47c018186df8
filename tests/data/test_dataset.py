from __future__ import annotations

import numpy as np
import pytest

from scaling_search.data.dataset import channel_moments, check_labels
from scaling_search.errors import InputError


def test_moments_are_those_of_numpy() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5000, 3, 4, 3), dtype=np.uint8)
    mean, std = channel_moments(images)
    np.testing.assert_allclose(mean, images.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(std, images.std(axis=(0, 1, 2)), rtol=1e-6)
    assert mean.dtype == std.dtype == np.float32


def test_the_order_of_images_does_not_matter() -> None:
    images = np.random.default_rng(1).integers(0, 256, (5000, 3, 3, 1), dtype=np.uint8)
    assert channel_moments(images) == channel_moments(images[::-1])


def test_a_constant_channel_has_std_one() -> None:
    images = np.full((10, 2, 2, 3), 7, np.uint8)
    images[..., 1] = np.arange(10)[:, None, None]
    mean, std = channel_moments(images)
    assert mean.tolist() == [7, 4.5, 7]
    assert std[0] == std[2] == 1
    assert std[1] == pytest.approx(np.arange(10).std())


@pytest.mark.parametrize("bad", [-1, 3])
def test_labels_out_of_range_are_named(bad: int) -> None:
    with pytest.raises(InputError, match=f"image 2 has label {bad}; legal are 0 to 2"):
        check_labels(np.array([0, 2, bad, bad]), ("a", "b", "c"), "set, train")
