"""Which images are train, validation and test, where the folder does not say; and whether that can work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from scaling_search.data.dataset import Labels, SplitName
from scaling_search.data.duplicates import Groups, merged
from scaling_search.data.splits import TEST_STREAM, held_out
from scaling_search.errors import InputError

TEST_FRACTION = 0.2
_SHOWN = 20


def hang_together(
    labels: Labels,
    given: Sequence[SplitName | None],
    *,
    named: Sequence[str | None],
    digests: Sequence[bytes],
    near: Iterable[tuple[int, int]],
) -> tuple[Groups, list[int]]:
    """Groups (N,) by name, and by images that are the same or nearly so; and the classes (numbers) that are too alike.

    Such a class has enough images to be split, and too few different ones: it is grouped by name alone.
    """
    near = list(near)
    groups = merged(len(labels), [named, digests], near)
    train, need = _trained(given), len(_parts(given))
    images = np.bincount(labels[train])
    apart = np.bincount(
        labels[train][np.unique(np.stack([labels[train], groups[train]]), axis=1, return_index=True)[1]]
    )
    alike = np.flatnonzero((images >= need) & (apart < need))
    if len(alike):
        loose = np.isin(labels, alike)
        kept = [None if free else digest for free, digest in zip(loose, digests, strict=True)]
        groups = merged(
            len(labels), [named, kept], [(i, j) for i, j in near if not loose[i] and not loose[j]]
        )
    return groups, alike.tolist()


def _parts(given: Sequence[SplitName | None]) -> list[str]:
    """The parts that the images for training are still to be shared among."""
    return ["train", *(split for split in ("validation", "test") if split not in given)]


def _trained(given: Sequence[SplitName | None]) -> np.ndarray:
    return np.array([one in (None, "train") for one in given])


def split_all(
    given: Sequence[SplitName | None],
    labels: Labels,
    groups: Groups | None,
    *,
    classes: Sequence[str],
    what: str,
) -> tuple[list[SplitName], str]:
    """The split of each image, and how they were made, for people.

    Without a test split, 20 % of each class of train are held out as one, whole groups at a time. InputError: a class
    that train lacks, or one too small for what is to be held out of it, now or later.
    """
    splits: list[SplitName] = [one or "train" for one in given]
    train = _trained(given)
    _check(labels, groups, train, _parts(given), classes, what)
    if "test" not in splits:
        rows = np.flatnonzero(train)
        chosen = held_out(
            labels[rows],
            fraction=TEST_FRACTION,
            seed=0,
            stream=TEST_STREAM,
            classes=classes,
            what=what,
            groups=None if groups is None else groups[rows],
        )
        for row in rows[chosen].tolist():
            splits[row] = "test"
        made = f"test is {TEST_FRACTION:.0%} of each class, held out here"
    else:
        made = "test is as given"
    if "validation" in splits:
        return splits, f"{made}; validation is as given"
    return splits, f"{made}; validation is held out of train by each study's own share and seed"


def _check(
    labels: Labels,
    groups: Groups | None,
    train: np.ndarray,
    parts: Sequence[str],
    classes: Sequence[str],
    what: str,
) -> None:
    need = len(parts)
    faults = []
    for label, name in enumerate(classes):
        mine = (labels == label) & train
        images = int(mine.sum())
        if images == 0:
            faults.append(f"class {name!r} has no images for training")
            continue
        apart = images if groups is None else len(np.unique(groups[mine]))
        if apart < need:
            lie = (
                ""
                if apart == images
                else f", which lie in {apart} group{'s' * (apart != 1)} of what hangs together"
            )
            faults.append(f"class {name!r} has {images} image{'s' * (images != 1)}{lie}")
    if faults:
        more = f"; and {len(faults) - _SHOWN} more such classes" if len(faults) > _SHOWN else ""
        apiece = f"one each for {', '.join(parts)}" if need > 1 else "one for train"
        kind = "images" if groups is None else "images or groups"
        raise InputError(
            f"{what}: {'; '.join(faults[:_SHOWN])}{more}. Every class needs at least {need} {kind} to train on and "
            f"hold out: {apiece}"
        )
