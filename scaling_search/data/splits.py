"""Holding out a part of a set: the same images for the same seed, in every version of numpy, for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int32, Int64, UInt64

from scaling_search.data.dataset import Images, Labels
from scaling_search.errors import InputError

# Streams of random numbers that must not meet: which images are test says nothing of which are validation.
TEST_STREAM = 1
VALIDATION_STREAM = 2

# Part of every fingerprint: another rule of splitting is another data set.
RULE = "stratified-philox-1"
GROUPED_RULE = "stratified-group-philox-1"
FIXED_RULE = "fixed"


def held_out(
    labels: Int32[np.ndarray, " n"],
    *,
    fraction: float,
    seed: int,
    stream: int,
    classes: Sequence[str],
    what: str,
    groups: Int32[np.ndarray, " n"] | None = None,
) -> Bool[np.ndarray, " n"]:
    """Which images are held out: of each class of n images, fraction·n (half up), from 1 to n - 1.

    Image i draws the i-th 64-bit number of Philox keyed with (seed, stream) and the smallest numbers of each
    class are held out. Raw Philox output is fixed by its authors (Salmon et al. 2011) and by numpy's promise
    for bit generators, unlike `Generator.permutation`. Without groups, a larger fraction holds out a superset.

    `groups` (the group of each image) are held out whole or not at all. In the order of the number that their first
    image drew, each is taken that brings the classes nearer to their shares; then one more for each class that has
    none. Groups of one image give what no groups give.

    InputError: a fraction outside (0, 1), a seed outside 64 bits, a class of one image or in one group.
    """
    if not 0 < fraction < 1:
        raise InputError(f"{what}: the fraction to hold out must lie between 0 and 1, got {fraction!r}")
    if not 0 <= seed < 2**64:
        raise InputError(f"{what}: the split seed must lie in 0..2^64-1, got {seed!r}")
    draws = np.random.Philox(key=np.array([seed, stream], np.uint64)).random_raw(len(labels))
    shares = np.zeros(len(classes), np.int64)
    for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
        if count < 2:
            raise InputError(
                f"{what}: class {classes[label]!r} has one image; two at least are needed to hold one out"
            )
        shares[label] = min(max(int(fraction * count + 0.5), 1), count - 1)
    if groups is not None:
        return _groups_held_out(labels, groups, draws, shares, classes, what)
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.flatnonzero(shares):
        members = np.flatnonzero(labels == label)
        chosen[members[np.argsort(draws[members], kind="stable")[: shares[label]]]] = True
    return chosen


def _groups_held_out(
    labels: Int32[np.ndarray, " n"],
    groups: Int32[np.ndarray, " n"],
    draws: UInt64[np.ndarray, " n"],
    shares: Int64[np.ndarray, " k"],
    classes: Sequence[str],
    what: str,
) -> Bool[np.ndarray, " n"]:
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    content: list[dict[int, int]] = [{} for _ in first]  # images of each class in each group
    for group, label in zip(number.tolist(), labels.tolist(), strict=True):
        content[group][label] = content[group].get(label, 0) + 1
    left = np.bincount([label for one in content for label in one], minlength=len(classes)).tolist()
    missing = shares.tolist()
    order = np.argsort(draws[first], kind="stable").tolist()
    chosen = np.zeros(len(first), np.bool_)
    held: set[int] = set()

    def take(group: int) -> None:
        chosen[group] = True
        for label, count in content[group].items():
            missing[label] -= count
            left[label] -= 1
            held.add(label)

    def gain(group: int) -> int:
        return sum(abs(missing[label]) - abs(missing[label] - n) for label, n in content[group].items())

    def spares(group: int) -> bool:
        return all(left[label] > 1 for label in content[group])

    for group in order:
        if gain(group) > 0 and spares(group):
            take(group)
    for label in np.flatnonzero(shares).tolist():
        if label not in held:
            able = [one for one in order if label in content[one] and not chosen[one] and spares(one)]
            if not able:
                raise InputError(
                    f"{what}: class {classes[label]!r} cannot be split by groups: its images lie in "
                    f"{sum(label in one for one in content)} of them, and no part of these can be held out that "
                    "leaves images of every class on both sides"
                )
            take(max(able, key=gain))
    return chosen[number]


def content_digest(images: Images, labels: Labels, groups: Labels | None = None) -> str:
    """SHA-256 (hex) of the images' shape and bytes, and of labels and groups (if any) as little-endian int32."""
    digest = begin_digest(images.shape)
    digest.update(np.ascontiguousarray(images).data)
    end_digest(digest, labels, groups)
    return digest.hexdigest()


def begin_digest(shape: tuple[int, ...]) -> hashlib._Hash:
    """A content digest before any image: to be fed the images' bytes in order, then to `end_digest`."""
    return hashlib.sha256(json.dumps(list(shape)).encode())


def end_digest(digest: hashlib._Hash, labels: np.ndarray, groups: np.ndarray | None) -> None:
    """What follows the images in a content digest."""
    digest.update(np.ascontiguousarray(labels, "<i4").data)
    if groups is not None:
        digest.update(b"groups")
        digest.update(np.ascontiguousarray(groups, "<i4").data)


def split_fingerprint(
    content: str,
    *,
    classes: int,
    validation: float,
    split_seed: int,
    grouped: bool = False,
    fixed: str | None = None,
    skipped: str | None = None,
) -> str:
    """SHA-256 (hex) of what trials learn from and are judged by: train content and its splitting rule.

    `grouped`: whole groups are held out. `fixed` is the content of a validation split that the set brings along, which
    no fraction or seed then chooses. `skipped` is the digest of the names of files left out as damaged.
    """
    rule = GROUPED_RULE if grouped else RULE
    definition: dict[str, object] = {"classes": classes, "content": content}
    if fixed is None:
        definition |= {"rule": rule, "split_seed": split_seed, "validation": float(validation)}
    else:
        definition |= {"rule": FIXED_RULE, "validation": fixed}
    if skipped is not None:
        definition["skipped"] = skipped
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
