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
    Entry,
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

    def known(self, split: SplitName) -> Entry | None:
        """What is stored of a split; None where it has to be decoded first."""

    def skipped(self) -> str | None:
        """The digest of the names of files that were left out as damaged; None without any."""

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
            found.setdefault(
                path.name,
                Refused(
                    name=path.name, reason="is damaged, or was imported by another version: import it again"
                ),
            )
    return found


class Digits:
    """scikit-learn's digits; nothing is stored."""

    def info(self) -> DatasetInfo:
        """See `digits`."""
        return digits.INFO

    def known(self, split: SplitName) -> Entry | None:
        """Read for it: there are few of them, and no two are the same."""
        found, digest = self.read(split)
        counts = tuple(np.bincount(found.labels).tolist())
        count, *size = found.images.shape
        return Entry(shape=(count, size[0], size[1], size[2]), digest=digest, counts=counts)

    def skipped(self) -> str | None:
        """Nothing is left out."""
        return None

    def read(self, split: SplitName) -> tuple[Split, str]:
        """See `digits.read_digits`."""
        return digits.read_digits(test=split == "test")


@dataclass(frozen=True)
class Unprepared:
    """A set that is known but not on this machine."""

    about: DatasetInfo

    def info(self) -> DatasetInfo:
        """What its makers say of it."""
        return self.about

    def known(self, _: SplitName) -> Entry | None:
        """Nothing."""
        return None

    def skipped(self) -> str | None:
        """Nothing is left out."""
        return None

    def read(self, split: SplitName) -> tuple[Split, str]:
        """Always InputError, with the command that prepares the set."""
        raise InputError(f"{self.about.name} is not prepared ({split}): run `{self.about.how_to_prepare}`")


@dataclass(frozen=True)
class Folder:
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
            prepared=True,
            how_to_prepare="",
            source=self.record.source,
            location=self.path,
        )

    def known(self, split: SplitName) -> Entry | None:
        """As its record says."""
        return self.record.splits.get(split)

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
class Prepared:
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
            prepared=True,
            how_to_prepare="",
            source=f"tensorflow-datasets {self.found.name}/{self.found.version}",
            location=self.found.directory,
        )

    def known(self, split: SplitName) -> Entry | None:
        """What was decoded, where it was from these record files."""
        record = self._record(split)
        return None if record is None else record.splits[split]

    def skipped(self) -> str | None:
        """Nothing is left out."""
        return None

    def read(self, split: SplitName) -> tuple[Split, str]:
        """From the decoded arrays, decoding first where there are none, or other ones, or damaged ones."""
        record = self._record(split)
        if record is not None:
            entry = record.splits[split]
            found = read_split(self.decoded, split, entry)
            if found is not None:
                return found, entry.digest
        record = self._decode(split)
        write_record(self.decoded, f"{split}.json", record, splits=[split])
        entry = record.splits[split]
        found = read_split(self.decoded, split, entry)
        if found is None:
            raise InputError(f"the arrays in {printable(self.decoded)} changed while they were being read")
        return found, entry.digest

    def _record(self, split: SplitName) -> Record | None:
        record = read_record(self.decoded, f"{split}.json")
        fits = record is not None and record.origin == self.found.origin and split in record.splits
        return record if fits else None

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
            ((stored(_pixels(image), form)[0], label) for image, label in self._images(stored_as)),
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


def _pixels(image: np.ndarray) -> Pixels:
    return Pixels(values=image, white=255)
