"""What a data set is once decoded: arrays of 8-bit images with their class numbers.

Everything in the program takes these few types; where the images came from is the business of `catalog`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from scaling_search.errors import InputError

if TYPE_CHECKING:
    from scaling_search.data.summary import Fit, Summary

Images = UInt8[np.ndarray, "n h w c"]
Labels = Int32[np.ndarray, " n"]
PerChannel = Float32[np.ndarray, " c"]
SplitName = Literal["train", "validation", "test"]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Images (N, H, W, C), 0..255, with the class number (N,) of each, 0..classes-1.

    `groups` numbers the group of each image (N,): images of one group are not independent of each other (one patient,
    one scene, copies of one file). None: each image stands alone. Splits made here never share a group.
    """

    images: Images
    labels: Labels
    groups: Labels | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, chosen: np.ndarray) -> Split:
        """The images that a mask (N,) or indices choose, in their order."""
        groups = None if self.groups is None else self.groups[chosen]
        return Split(images=self.images[chosen], labels=self.labels[chosen], groups=groups)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set as the search sees it: train and validation, never test.

    `fingerprint` is the SHA-256 of the decoded train images, labels and groups and of the rule that splits them, so
    that trials on other pixels or another split can never share a row of the ledger. `fixed_validation`: the set
    brings its validation split along, and no fraction or seed chose it.
    """

    name: str
    classes: tuple[str, ...]
    fingerprint: str
    train: Split
    validation: Split
    fixed_validation: bool = False
    native: int | None = None  # see `DatasetInfo`

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour; other counts for images of several bands."""
        return int(self.train.images.shape[3])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the stored images, in pixels."""
        return int(self.train.images.shape[1]), int(self.train.images.shape[2])

    @property
    def native_resolution(self) -> int:
        """Pixels on the shorter side that images really have: a network above it sees only interpolated ones."""
        return self.native or min(self.size)

    @cached_property
    def moments(self) -> tuple[PerChannel, PerChannel]:
        """`channel_moments` of the train split (not of validation: nothing held out leaks into training)."""
        return channel_moments(self.train.images)

    @property
    def mean(self) -> PerChannel:
        """Mean of each channel over the train split, in the images' own units (0..255)."""
        return self.moments[0]

    @property
    def std(self) -> PerChannel:
        """Standard deviation of each channel over the train split, in the images' own units (0..255)."""
        return self.moments[1]


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What `data list` says of a data set, known without decoding it. None: not known yet."""

    name: str
    classes: tuple[str, ...] = field(repr=False)
    channels: int
    size: tuple[int, int] | None  # height and width, pixels; None: images of many sizes, settled when decoded
    train_count: int
    test_count: int
    prepared: bool = True
    how_to_prepare: str = ""  # a command to type; "" when nothing is to do
    source: str
    location: Path | None = None
    validation_count: int | None = None  # of the set's own validation split; None: it is held out of train
    # Images of each class, by split.
    counts: Mapping[SplitName, tuple[int, ...]] | None = None
    # What put images into groups, as it was asked for; None: nothing but equal pixels.
    groups: str | None = None
    skipped: int = 0  # files left out as damaged
    # Pixels on the shorter side before most images were enlarged to `size`; None: they weren't.
    native: int | None = None
    summary: Summary | None = field(default=None, repr=False)  # what the import of a folder met
    fit: Fit | None = None  # how images of another shape were brought to `size`, where that was chosen
    shape: float | None = None  # the common width / height of the images as they came

    @property
    def native_resolution(self) -> int | None:
        """Pixels on the shorter side that images really have; None where they are of many sizes, not yet decoded."""
        return self.native or (self.size and min(self.size))


def channel_moments(images: Images) -> tuple[PerChannel, PerChannel]:
    """Mean and standard deviation of each channel: μ = Σx / n, σ = √(Σx² / n - μ²).

    Sums are of integers and so exact: they don't depend on the order of the images. A channel that never
    changes has σ = 1, so that normalising it gives 0 and not a division by 0.
    """
    channels = images.shape[3]
    total = np.zeros(channels, np.int64)
    squares = np.zeros(channels, np.int64)
    for start in range(0, len(images), 4096):
        part = images[start : start + 4096].reshape(-1, channels)
        total += part.sum(axis=0, dtype=np.int64)
        squares += np.square(part, dtype=np.int32).sum(axis=0, dtype=np.int64)
    count = images.size // channels
    mean = total / count
    # n·Σx² - (Σx)² in whole numbers of any size: the textbook formula loses digits to cancellation in floats.
    spread = np.array(
        [(count * int(q) - int(s) ** 2) / count**2 for q, s in zip(squares, total, strict=True)], np.float64
    )
    std = np.where(spread > 0, np.sqrt(spread), 1.0)
    return mean.astype(np.float32), std.astype(np.float32)


def check_labels(labels: np.ndarray, classes: Sequence[str], where: str) -> Labels:
    """The labels as int32, once all lie in 0..classes-1. InputError names the first that doesn't."""
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(wrong):
        raise InputError(
            f"{where}: image {int(wrong[0])} has label {int(labels[wrong[0]])}; "
            f"legal are 0 to {len(classes) - 1} ({len(classes)} classes)"
        )
    return labels.astype(np.int32)
