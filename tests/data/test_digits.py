from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from scaling_search.data import catalog, digits
from scaling_search.errors import InputError


def rows(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def test_the_images_are_those_of_scikit_learn() -> None:
    theirs = load_digits()
    train, test = digits.read_digits(test=False)[0], digits.read_digits(test=True)[0]
    ours = np.concatenate([train.images, test.images])[..., 0]
    labels = np.concatenate([train.labels, test.labels])
    grey = np.floor(theirs.images * 255 / 16 + 0.5).astype(np.uint8)

    def key(images: np.ndarray, numbers: np.ndarray) -> list[tuple[bytes, int]]:
        return sorted((a.tobytes(), int(b)) for a, b in zip(images, numbers, strict=True))

    assert key(ours, labels) == key(grey, theirs.target)
    assert ours.min() == 0
    assert ours.max() == 255


def test_the_description_is_true() -> None:
    train, test = digits.read_digits(test=False)[0], digits.read_digits(test=True)[0]
    info = catalog.describe("digits")
    assert (info.train_count, info.test_count) == (len(train), len(test))
    assert train.images.shape[1:] == (*info.size, info.channels)
    assert info.prepared


def test_splits_share_no_image() -> None:
    data = catalog.load("digits")
    test = catalog.load_test("digits")
    parts = [rows(part.images) for part in (data.train, data.validation, test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 1797


def test_the_default_split_is_fixed_for_ever() -> None:
    data = catalog.load("digits")
    assert data.fingerprint == "18bbbefc4e32bb549dd41c77954dcb4d873afd880dd6c6cc277294930e2e21bf"
    assert (len(data.train), len(data.validation)) == (1151, 287)
    np.testing.assert_allclose(data.mean, [77.78787], rtol=1e-6)


def test_another_seed_holds_out_other_images_and_never_test_ones() -> None:
    one, two = catalog.load("digits"), catalog.load("digits", split_seed=1)
    assert one.fingerprint != two.fingerprint
    assert rows(one.validation.images) != rows(two.validation.images)
    assert rows(two.train.images) | rows(two.validation.images) == rows(one.train.images) | rows(
        one.validation.images
    )


def test_other_content_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    digits._read.cache_clear()
    monkeypatch.setattr(digits, "CONTENT", "0" * 64)
    with pytest.raises(InputError, match="other images than expected"):
        catalog.load("digits")
