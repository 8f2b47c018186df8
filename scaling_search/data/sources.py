"""Where a named set is read from: `digits`, an imported folder, or a set of tensorflow-datasets.

Each source tells what it holds (`info`) and reads one split at a time (`read`). `catalog` is the door to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from scaling_search.data import digits, fashion_mnist
from scaling_search.data.dataset import DatasetInfo, Split, SplitName
from scaling_search.data.images.form import Form, settle, stored, stored_size
from scaling_search.data.images.pixels import Look, Pixels
from scaling_search.data.paths import printable, tfds_directories
from scaling_search.data.prepared import PreparedSet, Refused, find_prepared
from scaling_search.data.storage import (
    FOLDER_RECORD,
    Record,
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

    def skipped(self) -> str | None:
        """The digest of the names of files that were left out as damaged; None without any."""
        return None

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
        record = read_record(path, FOLDER_RECORD)
        if record is not None:
            found[path.name] = Folder(path, record)
        elif path.is_dir():
            again = "is damaged, or was imported by another version: import it again"
            found.setdefault(path.name, Refused(again))
    return found


class Digits(Source):
    """scikit-learn's digits; nothing is stored."""

    def info(self) -> DatasetInfo:
        """See `digits`."""
        return digits.INFO

    def read(self, split: SplitName) -> tuple[Split, str]:
        """See `digits.read_digits`."""
        return digits.read_digits(test=split == "test")


@dataclass(frozen=True)
class Unprepared(Source):
    """A set that is known but not on this machine."""

    about: DatasetInfo

    def info(self) -> DatasetInfo:
        """What its makers say of it."""
        return self.about

    def read(self, split: SplitName) -> tuple[Split, str]:
        """Always InputError, with the command that prepares the set."""
        raise InputError(f"{self.about.name} is not prepared ({split}): run `{self.about.how_to_prepare}`")


@dataclass(frozen=True)
class Folder(Source):
    """An imported folder of images."""

    path: Path
    record: Record

    def info(self) -> DatasetInfo:
        """As its record says."""
        splits = self.record.splits
        shape = splits["train"].shape
        return DatasetInfo(
            name=self.path.name,
            classes=self.record.classes,
            channels=shape[3],
            size=shape[1:3],
            train_count=shape[0],
            test_count=splits["test"].shape[0],
            validation_count=splits["validation"].shape[0] if "validation" in splits else None,
            counts={split: entry.counts for split, entry in splits.items()},
            groups=self.record.groups,
            skipped=self.record.skipped[0] if self.record.skipped else 0,
            native=self.record.form.native if self.record.form else None,
            fit=self.record.form.fit if self.record.form else None,
            shape=self.record.form.shape if self.record.form else None,
            summary=self.record.summary,
            source=self.record.source,
            location=self.path,
        )

    def skipped(self) -> str | None:
        """As its record says."""
        return self.record.skipped[1] if self.record.skipped else None

    def read(self, split: SplitName) -> tuple[Split, str]:
        """From the stored arrays."""
        entry = self.record.splits[split]
        found = read_split(self.path, split, entry)
        if found is None:
            raise InputError(
                f"the stored images of {self.path.name} ({split}) are damaged: import them again with "
                f"`scaling-search data prepare {self.path.name} --from DIR` (they came from {self.record.origin})"
            )
        return found, entry.digest


@dataclass(frozen=True)
class Prepared(Source):
    """A set of tensorflow-datasets; each split is decoded once into the folder `decoded`.

    Its validation split is the set's own where it has a test split too; without one it is the test split.
    """

    found: PreparedSet
    decoded: Path

    def info(self) -> DatasetInfo:
        """As its JSON files say."""
        counts = self.found.counts
        test, validation = self._stored_as("test"), self._stored_as("validation")
        return DatasetInfo(
            name=self.found.name,
            classes=self.found.classes,
            channels=self.found.channels,
            size=self.found.size and stored_size([self.found.size])[0],
            train_count=counts["train"],
            test_count=0 if test is None else counts[test],
            validation_count=None if validation is None else counts[validation],
            source=f"tensorflow-datasets {self.found.name}/{self.found.version}",
            location=self.found.directory,
        )

    def read(self, split: SplitName) -> tuple[Split, str]:
        """From the decoded arrays, decoding first where there are none, or other ones, or damaged ones."""
        name = f"{split}.json"
        record = read_record(self.decoded, name)
        if record is not None and record.origin == self.found.origin and split in record.splits:
            entry = record.splits[split]
            if (found := read_split(self.decoded, split, entry)) is not None:
                return found, entry.digest
        record = self._decode(split)
        write_record(self.decoded, name, record, splits=[split])
        entry = record.splits[split]
        if (found := read_split(self.decoded, split, entry)) is None:
            raise InputError(f"the arrays in {printable(self.decoded)} changed while they were being read")
        return found, entry.digest

    def _stored_as(self, split: SplitName) -> str | None:
        """The name that a split of ours has in the set; None where there is none."""
        if split == "test":
            return self.found.test_split
        if split == "validation" and self.found.test_split == "validation":
            return None
        return split if split in self.found.counts else None

    def _decode(self, split: SplitName) -> Record:
        stored_as = self._stored_as(split)
        if stored_as is None:
            raise InputError(f"{self.found.name} has no {split} split")
        form = self._form()
        entry = write_split(
            self.decoded,
            split,
            (self.found.counts[stored_as], *form.size, form.channels),
            (
                (stored(Pixels(values=image, white=255), form)[0], label)
                for image, label in self._images(stored_as)
            ),
            classes=len(self.found.classes),
            find_groups=True,
        )
        return Record(
            classes=self.found.classes,
            source=self.info().source,
            origin=self.found.origin,
            splits={split: entry},
            form=form,
        )

    def _form(self) -> Form:
        """Settled by the images of train alone; where all have one size, without reading them."""
        channels = self.found.channels
        if self.found.size is not None:
            sizes = iter([self.found.size])
        else:
            sizes = ((image.shape[0], image.shape[1]) for image, _ in self._images("train"))
        looks = [Look(height=height, width=width, channels=channels) for height, width in sizes]
        return settle(looks, [self.found.name] * len(looks))

    def _images(self, split: str) -> Iterator[tuple[np.ndarray, int]]:
        # Importing tensorflow_datasets takes a second, and only a set not yet decoded needs it.
        from scaling_search.data.tfds_builder import read_images

        return read_images(
            self.found.directory,
            (split,),
            image_key=self.found.image_key,
            label_key=self.found.label_key,
        )
