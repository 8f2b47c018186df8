"""Holding out a part of a set: the same images for the same seed, in every version of numpy, for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int32

from scaling_search.data.dataset import Images, Labels
from scaling_search.errors import InputError

# Streams of random numbers that must not meet: which images are test says nothing of which are validation.
TEST_STREAM = 1
VALIDATION_STREAM = 2

# Part of every fingerprint: another rule of splitting is another data set.
RULE = "stratified-philox-1"


def held_out(
    labels: Int32[np.ndarray, " n"],
    *,
    fraction: float,
    seed: int,
    stream: int,
    classes: Sequence[str],
    what: str,
) -> Bool[np.ndarray, " n"]:
    """Which images are held out: of each class of n images, fraction·n (half up), from 1 to n - 1.

    Image i draws the i-th 64-bit number of Philox keyed with (seed, stream) and the smallest numbers of each
    class are held out. Raw Philox output is fixed by its authors (Salmon et al. 2011) and by numpy's promise
    for bit generators, unlike `Generator.permutation`. A larger fraction holds out a superset.

    InputError: a fraction outside (0, 1), a seed outside 64 bits, a class of one image.
    """
    if not 0 < fraction < 1:
        raise InputError(f"{what}: the fraction to hold out must lie between 0 and 1, got {fraction!r}")
    if not 0 <= seed < 2**64:
        raise InputError(f"{what}: the split seed must lie in 0..2^64-1, got {seed!r}")
    draws = np.random.Philox(key=np.array([seed, stream], np.uint64)).random_raw(len(labels))
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise InputError(
                f"{what}: class {classes[label]!r} has one image; two at least are needed to hold one out"
            )
        count = min(max(int(fraction * len(members) + 0.5), 1), len(members) - 1)
        chosen[members[np.argsort(draws[members], kind="stable")[:count]]] = True
    return chosen


def content_digest(images: Images, labels: Labels) -> str:
    """SHA-256 (hex) of the images' shape and bytes and of the labels as little-endian int32."""
    digest = begin_digest(images.shape)
    digest.update(np.ascontiguousarray(images).data)
    digest.update(np.ascontiguousarray(labels, "<i4").data)
    return digest.hexdigest()


def begin_digest(shape: tuple[int, ...]) -> hashlib._Hash:
    """A content digest before any image: to be fed the images' bytes in order, then the labels'."""
    return hashlib.sha256(json.dumps(list(shape)).encode())


def split_fingerprint(content: str, *, classes: int, validation: float, split_seed: int) -> str:
    """SHA-256 (hex) of what trials learn from and are judged by: train content and its splitting rule."""
    definition = {
        "classes": classes,
        "content": content,
        "rule": RULE,
        "split_seed": split_seed,
        "validation": float(validation),
    }
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
