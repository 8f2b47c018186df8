"""Images that are the same, and those that nearly are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from sklearn.datasets import load_sample_images

from scaling_search.data import catalog
from scaling_search.data.duplicates import found, image_digest, in_groups, merged
from scaling_search.data.near_duplicates import DIFFERENCE, near_pairs, perceptual_hashes, thumbnails


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=30),
    st.lists(st.integers(0, 5), min_size=30, max_size=30),
)
def test_groups_join_by_any_key(first: list[int], second: list[int]) -> None:
    second = second[: len(first)]
    groups = merged(len(first), [first, second])
    # The same as the connected parts of a graph of equal keys, found by repeated spreading.
    parts = list(range(len(first)))
    for _ in first:
        for keys in (first, second):
            for key in set(keys):
                mine = [i for i, one in enumerate(keys) if one == key]
                least = min(parts[i] for i in mine)
                for i in mine:
                    parts[i] = least
    assert [groups.tolist().index(g) for g in groups.tolist()] == [parts.index(part) for part in parts]
    assert sorted(set(groups.tolist())) == list(range(len(set(groups.tolist()))))


def test_no_key_and_pairs() -> None:
    assert merged(5, [[None, "a", None, "a", None]], [(0, 4)]).tolist() == [0, 1, 2, 1, 0]
    assert in_groups(merged(3, [[1, 2, 3]])) is None
    assert in_groups(merged(3, [[1, 2, 1]])).tolist() == [0, 1, 0]


def test_what_is_the_same_is_counted_by_split_and_class() -> None:
    images = np.zeros((8, 2, 2, 1), np.uint8)
    images[:, 0, 0, 0] = [1, 1, 2, 2, 2, 3, 4, 4]
    labels = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    splits = ["train", "test", "train", "train", "test", "test", "train", "validation"]
    same = found(merged(8, [[image_digest(image) for image in images]]), labels, splits, list("abcdefgh"))
    assert (same.images, same.sets, same.across_splits, same.across_classes) == (7, 3, 3, 1)
    assert (same.repeated_test, same.repeated_validation) == (2, 1)
    assert same.examples == (("c", "d", "e"), ("a", "b"), ("g", "h"))


def test_a_set_of_another_source_is_looked_through_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from scaling_search.data import digits

    real = digits.read_digits
    monkeypatch.setattr(digits, "read_digits", lambda *, test: real(test=False))
    same = catalog.prepare("digits").summary.duplicates
    assert same.repeated_test == digits.INFO.train_count


# Near duplicates


def crops() -> list[Image.Image]:
    """30 places in two photographs that scikit-learn ships (a temple, a flower), 96 x 96."""
    photos = [Image.fromarray(image) for image in load_sample_images().images]
    return [
        photo.crop((x, y, x + 96, y + 96))
        for photo in photos
        for y in (0, 100, 200)
        for x in range(0, 500, 100)
    ]


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CHANGES = {
    "saved again": lambda image: jpeg(image, 75),
    "saved again, small": lambda image: jpeg(image, 40),
    "scaled": lambda image: image.resize((40, 40)).resize((96, 96)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "paler": lambda image: ImageEnhance.Contrast(image).enhance(0.85),
    "noisy": lambda image: Image.fromarray(
        np.clip(np.asarray(image) + np.random.default_rng(0).normal(0, 6, (96, 96, 3)), 0, 255).astype(
            np.uint8
        )
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_near_duplicates_are_found_and_others_are_not(change: str) -> None:
    first = [np.asarray(image) for image in crops()]
    second = [np.asarray(CHANGES[change](image)) for image in crops()]
    pairs = {tuple(sorted(pair)) for pair in near_pairs(np.stack(first + second))}
    right = {(i, i + 30) for i in range(30)}
    assert len(pairs & right) >= 24  # brightening burns some of the sky out
    assert pairs <= right
    assert near_pairs(np.stack(first)) == []


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0, 200), st.sampled_from([1, 3, 5]))
def test_near_images_have_near_hashes(seed: int, noise: float, channels: int) -> None:
    """The hash is a part of the thumbnail's coordinates: no near pair can be missed by it."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (32, 40, channels)).astype(float)
    other = np.clip(image + random.normal(0, noise, image.shape), 0, 255)
    thumbs = thumbnails(np.stack([image, other]).astype(np.uint8), [0, 1]).astype(np.float32)
    hashes = perceptual_hashes(thumbs)
    apart = float(np.sqrt(np.mean((thumbs[0] - thumbs[1]) ** 2)))
    assert np.linalg.norm(hashes[0] - hashes[1]) <= apart + 1e-3


def test_colours_tell_images_of_one_drawing_apart() -> None:
    drawing = np.zeros((2, 32, 32, 3), np.uint8)
    drawing[0, 8:24, 8:24, 0] = drawing[1, 8:24, 8:24, 1] = 255
    assert near_pairs(drawing) == []


def test_blank_and_small_images_are_near_to_none() -> None:
    assert near_pairs(np.full((5, 32, 32, 1), 9, np.uint8)) == []
    small = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 31, 64, 1), dtype=np.uint8), 3, axis=0)
    assert near_pairs(small) == []
    assert DIFFERENCE < 0.2


def test_a_thousand_copies_are_a_thousand_pairs() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 1), dtype=np.uint8)
    assert len(near_pairs(np.repeat(image, 1000, axis=0))) == 999


def test_near_duplicates_are_reported_and_grouped_if_asked(tmp_path: Path) -> None:
    for number, image in enumerate(crops()):
        for label, one in (("sharp", image), ("soft", jpeg(image, 60))):
            (tmp_path / "set" / label).mkdir(exist_ok=True, parents=True)
            one.save(tmp_path / "set" / label / f"{number}.png")
    source = tmp_path / "set"
    info = catalog.prepare("apart", source=source)
    near = info.summary.near
    assert near.sets >= 25
    assert near.across_classes == near.sets
    assert near.across_splits > 0
    together = catalog.prepare("together", source=source, group_near=True)
    assert together.summary.near.sets == near.sets
    assert together.summary.near.across_splits == 0
    assert catalog.load("together").train.groups is not None
    small = catalog.prepare("small", source=source, group_near=True, size=31)
    assert small.summary.near is None
    assert any("near duplicates were not grouped: under 32 pixels" in note for note in small.summary.notes)
