"""Images that are the same, and the groups that images hang together in.

Two images are the same when all their stored samples are: at the size at which a network sees them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from jaxtyping import Int32

from scaling_search.data.dataset import SplitName
from scaling_search.data.summary import Duplicates

EXAMPLES = 5  # sets of duplicates that are named
NAMES = 4  # files of a set that are named


def image_digest(image: np.ndarray) -> bytes:
    """16 bytes that tell images of one shape apart."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def merged(count: int, keys: Iterable[Sequence[Hashable]], pairs: Iterable[tuple[int, int]] = ()) -> Groups:
    """The group (N,) of each of `count` things: those with an equal key, by any of the `keys`, and those in `pairs`.

    None is no key. Groups are numbered in the order of their first members.
    """
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(i: int, j: int) -> None:
        one, other = sorted((root(i), root(j)))
        parent[other] = one

    for column in keys:
        first: dict[Hashable, int] = {}
        for i, key in enumerate(column):
            if key is not None:
                join(first.setdefault(key, i), i)
    for i, j in pairs:
        join(i, j)
    return np.unique([root(i) for i in range(count)], return_inverse=True)[1].astype(np.int32)


Groups = Int32[np.ndarray, " n"]


def in_groups(groups: Groups) -> Groups | None:
    """The groups, None where each image is alone in its own."""
    return None if len(np.unique(groups)) == len(groups) else groups


def found(
    groups: Groups, labels: np.ndarray, splits: Sequence[SplitName], names: Sequence[str] | None = None
) -> Duplicates:
    """What is the same among images with these groups of duplicates, labels, splits and (for examples) names."""
    sets: dict[int, list[int]] = {}
    sizes = np.bincount(groups)
    for i in np.flatnonzero(sizes[groups] > 1).tolist():
        sets.setdefault(int(groups[i]), []).append(i)
    across_splits = {g for g, one in sets.items() if len({splits[i] for i in one}) > 1}
    across_classes = {g for g, one in sets.items() if len({int(labels[i]) for i in one}) > 1}
    repeated = {"test": 0, "validation": 0}
    for g in across_splits:
        where = {splits[i] for i in sets[g]}
        for i in sets[g]:
            if splits[i] == "test" or (splits[i] == "validation" and "train" in where):
                repeated[splits[i]] += 1
    order = sorted(sets, key=lambda g: (g not in across_splits, g not in across_classes, g))
    return Duplicates(
        images=sum(map(len, sets.values())),
        sets=len(sets),
        across_splits=len(across_splits),
        across_classes=len(across_classes),
        repeated_test=repeated["test"],
        repeated_validation=repeated["validation"],
        examples=tuple(tuple(names[i] for i in sets[g][:NAMES]) for g in order[:EXAMPLES]) if names else (),
    )
