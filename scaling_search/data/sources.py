"""Where a named set is read from: `digits`, an imported folder, or a set of tensorflow-datasets.

Each source tells what it holds (`info`) and reads one split at a time (`read`). `catalog` is the door to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from scaling_search.data import digits, fashion_mnist, folders
from scaling_search.data.dataset import DatasetInfo, Split
from scaling_search.data.pictures import fit, stored_size
from scaling_search.data.places import printable, tfds_directories
from scaling_search.data.prepared import PreparedSet, Refused, find_prepared
from scaling_search.data.storage import (
    Record,
    SplitName,
    read_record,
    read_split,
    write_record,
    write_split,
)
from scaling_search.errors import InputError


class Source(Protocol):
    """What `catalog` needs of a source."""

    def info(self) -> DatasetInfo:
        """What it holds, without decoding it."""

    def read(self, split: SplitName) -> tuple[Split, str]:
        """One split and the digest of its content. InputError: there is no such split, or it is damaged."""


def find_sources(data_dir: Path) -> dict[str, Source | Refused]:
    """Every source by name, the built-in ones first. One not prepared is there too, and says so when read."""
    found: dict[str, Source | Refused] = {"digits": Digits(), "fashion_mnist": Unprepared(fashion_mnist.INFO)}
    for name, one in sorted(find_prepared(tfds_directories(data_dir)).items()):
        if isinstance(one, PreparedSet):
            found[name] = Prepared(one, data_dir / "decoded" / f"{name}-{one.version}")
        else:
            found.setdefault(name, one)
    for path in sorted((data_dir / "folders").glob("*")):
        record = read_record(path, folders.RECORD)
        if record is not None:
            found[path.name] = Folder(path, record)
        elif path.is_dir():
            found.setdefault(
                path.name, Refused(name=path.name, reason="is damaged or was not imported whole")
            )
    return found


class Digits:
    """scikit-learn's digits; nothing is stored."""

    def info(self) -> DatasetInfo:
        """See `digits`."""
        return digits.INFO

    def read(self, split: SplitName) -> tuple[Split, str]:
        """See `digits.read_digits`."""
        return digits.read_digits(test=split == "test")


@dataclass(frozen=True)
class Unprepared:
    """A set that is known but not on this machine."""

    known: DatasetInfo

    def info(self) -> DatasetInfo:
        """What its makers say of it."""
        return self.known

    def read(self, split: SplitName) -> tuple[Split, str]:
        """Always InputError, with the command that prepares the set."""
        raise InputError(f"{self.known.name} is not prepared ({split}): run `{self.known.how_to_prepare}`")


@dataclass(frozen=True)
class Folder:
    """An imported folder of pictures."""

    path: Path
    record: Record

    def info(self) -> DatasetInfo:
        """As its record says."""
        shape = self.record.splits["train"].shape
        return DatasetInfo(
            name=self.path.name,
            classes=self.record.classes,
            channels=shape[3],
            size=shape[1:3],
            train_count=shape[0],
            test_count=self.record.splits["test"].shape[0],
            prepared=True,
            how_to_prepare="",
            source=self.record.source,
            location=self.path,
        )

    def read(self, split: SplitName) -> tuple[Split, str]:
        """From the stored arrays."""
        entry = self.record.splits[split]
        stored = read_split(self.path, split, entry)
        if stored is None:
            raise InputError(
                f"the stored images of {self.path.name} ({split}) are damaged: import them again with "
                f"`scaling-search data prepare {self.path.name} --from DIR` (they came from {self.record.origin})"
            )
        return stored, entry.digest


@dataclass(frozen=True)
class Prepared:
    """A set of tensorflow-datasets; each split is decoded once into the folder `decoded`."""

    found: PreparedSet
    decoded: Path

    def info(self) -> DatasetInfo:
        """As its JSON files say."""
        test = self.found.test_split
        return DatasetInfo(
            name=self.found.name,
            classes=self.found.classes,
            channels=self.found.channels,
            size=self.found.size and stored_size([self.found.size]),
            train_count=sum(self.found.counts[split] for split in self._splits("train")),
            test_count=0 if test is None else self.found.counts[test],
            prepared=True,
            how_to_prepare="",
            source=f"tensorflow-datasets {self.found.name}/{self.found.version}",
            location=self.found.directory,
        )

    def read(self, split: SplitName) -> tuple[Split, str]:
        """From the decoded arrays, decoding first where there are none, or other ones, or damaged ones."""
        name = f"{split}.json"
        record = read_record(self.decoded, name)
        if record is not None and record.origin == self.found.origin:
            entry = record.splits[split]
            stored = read_split(self.decoded, split, entry)
            if stored is not None:
                return stored, entry.digest
        record = self._decode(split)
        write_record(self.decoded, name, record)
        entry = record.splits[split]
        stored = read_split(self.decoded, split, entry)
        if stored is None:
            raise InputError(f"the arrays in {printable(self.decoded)} changed while they were being read")
        return stored, entry.digest

    def _splits(self, split: SplitName) -> tuple[str, ...]:
        """Splits of tfds that make up ours; validation joins train unless it has to be the test split."""
        test = self.found.test_split
        if split == "train":
            return (
                ("train", "validation")
                if test == "test" and "validation" in self.found.counts
                else ("train",)
            )
        if test is None:
            raise InputError(f"{self.found.name} has no test split")
        return (test,)

    def _decode(self, split: SplitName) -> Record:
        count = sum(self.found.counts[one] for one in self._splits(split))
        size = self._size()
        entry = write_split(
            self.decoded, split, (count, *size, self.found.channels), self._pixels(split, size)
        )
        return Record(
            classes=self.found.classes,
            source=self.info().source,
            origin=self.found.origin,
            splits={split: entry},
        )

    def _size(self) -> tuple[int, int]:
        if self.found.size is not None:
            return stored_size([self.found.size])
        return stored_size([image.shape[:2] for image, _ in self._images("train")])

    def _pixels(self, split: SplitName, size: tuple[int, int]) -> Iterator[tuple[np.ndarray, int]]:
        for image, label in self._images(split):
            if image.shape[:2] == size:
                yield image, label
            else:
                yield fit(Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image), size), label

    def _images(self, split: SplitName) -> Iterator[tuple[np.ndarray, int]]:
        # Importing tensorflow_datasets takes a second, and only a set not yet decoded needs it.
        from scaling_search.data.tfds_builder import read_images

        return read_images(
            self.found.directory,
            self._splits(split),
            image_key=self.found.image_key,
            label_key=self.found.label_key,
        )
