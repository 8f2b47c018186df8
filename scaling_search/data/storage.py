"""Decoded images on disk: written whole or not at all, named by their content, checked when read.

A folder holds arrays (`SPLIT-DIGEST-images.npy`, `-labels.npy`, `-groups.npy` where images hang together) and records,
small JSON files that say which arrays are the set. Arrays are written first and the record is put in place by one
rename, so a reader sees the old set or the new one, and a process that dies leaves nothing that will be read.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import StringConstraints, ValidationError

from scaling_search.data.dataset import Split, SplitName
from scaling_search.data.duplicates import Groups, image_digest, in_groups, merged
from scaling_search.data.images.form import Form
from scaling_search.data.paths import printable
from scaling_search.data.splits import begin_digest, content_digest, end_digest
from scaling_search.data.summary import Kept, Summary
from scaling_search.errors import InputError, StorageError
from scaling_search.system.files import DRAFT_PREFIX, as_new, replacing, sync_folder

FOLDER_RECORD = "set.json"  # of an imported folder: all its splits
PREPARING = ".preparing-"  # folders in which a set is put together
_ABANDONED_SECONDS = 24 * 3600
_ROWS = 1024

Shape = tuple[int, int, int, int]  # N, H, W, C
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Entry(Kept):
    """One split: the shape (N, H, W, C) of its images, the digest of its content, whether it has groups.

    `counts`: how many images each class has.
    """

    shape: Shape
    digest: Digest
    grouped: bool = False
    counts: tuple[int, ...]


class Record(Kept):
    """What a record file says. `origin` changes when the files that the arrays came from do.

    `groups`: what groups were made by, as the user asked; `skipped`: how many files were left out as damaged, and the
    digest of their names.
    """

    format: Literal[2] = 2
    classes: tuple[str, ...]
    source: str
    origin: str
    splits: dict[SplitName, Entry]
    form: Form | None = None
    groups: str | None = None
    skipped: tuple[int, Digest] | None = None
    summary: Summary | None = None


@contextlib.contextmanager
def writing(folder: Path, needed: int) -> Iterator[None]:
    """Turn a full disk or a missing permission inside into StorageError; `needed` bytes are checked for first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise StorageError(f"no space in {printable(folder)}: {needed} bytes needed, {free} free")
        yield
    except OSError as error:
        if error.errno is None:  # not the system's: requests, for one, derives its errors from OSError
            raise
        why = {errno.ENOSPC: "no space", errno.EDQUOT: "quota used up", errno.EROFS: "read-only file system"}
        reason = why.get(error.errno) or error.strerror or str(error)
        room = f" ({needed:,} bytes needed)" if needed else ""
        raise StorageError(
            f"cannot write in {printable(folder)}: {reason}{room}; "
            "another folder can be named with SCALING_SEARCH_DATA"
        ) from error


def write_split(
    folder: Path,
    split: SplitName,
    shape: Shape,
    pairs: Iterable[tuple[np.ndarray, int]],
    *,
    classes: int,
    groups: Groups | None = None,
    find_groups: bool = False,
) -> Entry:
    """Write the arrays of one split from (image (H, W, C) uint8, label) pairs, as many as `shape` says.

    `find_groups` puts images that are the same into one group, where no `groups` are given.
    """
    digest, digests = begin_digest(shape), []
    with writing(folder, math.prod(shape) + 8 * shape[0] + 4096), draft(folder) as path:
        remove_abandoned(folder)
        labels: list[int] = []
        stream = iter(pairs)
        # Not a mapped array: on a full disk, writing to mapped memory kills the process instead of raising.
        with path.open("wb") as file:
            file.write(_header(np.dtype(np.uint8), shape))
            while part := list(islice(stream, _ROWS)):
                block = np.stack([image for image, _ in part])
                if block.dtype != np.uint8 or block.shape[1:] != shape[1:]:
                    raise AssertionError(f"images {block.dtype}{block.shape[1:]} in a split of {shape}")
                labels += [label for _, label in part]
                digest.update(block.data)
                file.write(block.data)
                digests += [image_digest(image) for image in block] if find_groups else []
            file.flush()
            os.fsync(file.fileno())
        if len(labels) != shape[0]:
            raise InputError(f"{printable(folder)}: {len(labels)} images where {shape[0]} were promised")
        numbers = np.array(labels, "<i4")
        if find_groups and groups is None:
            groups = in_groups(merged(len(digests), [digests]))
        end_digest(digest, numbers, groups)
        counts = np.bincount(numbers[numbers >= 0], minlength=classes)
        entry = Entry(
            shape=shape,
            digest=digest.hexdigest(),
            grouped=groups is not None,
            counts=tuple(counts.tolist()),
        )
        for kind, array in (("labels", numbers), ("groups", groups)):
            if array is not None:
                with replacing(folder / _file(split, entry, kind)) as file:
                    file.write(_header(np.dtype("<i4"), array.shape))
                    file.write(np.ascontiguousarray(array, "<i4").data)
        path.replace(folder / _file(split, entry, "images"))
    return entry


def write_record(folder: Path, name: str, record: Record, *, splits: Sequence[SplitName]) -> None:
    """Put the record in place; arrays of these splits that it does not name are removed."""
    content = record.model_dump_json(indent=1).encode()
    with writing(folder, len(content)):
        with replacing(folder / name) as file:
            file.write(content)
        kept = {
            _file(split, entry, kind)
            for split, entry in record.splits.items()
            for kind in ("images", "labels", "groups")
            if kind != "groups" or entry.grouped
        }
        for split in splits:
            for old in folder.glob(f"{split}-*.npy"):
                if old.name not in kept:
                    old.unlink(missing_ok=True)
        sync_folder(folder)


def read_record(folder: Path, name: str) -> Record | None:
    """The record, None where there is none or none that this version can read (it is then made anew)."""
    try:
        return Record.model_validate_json((folder / name).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None
    except OSError as error:
        raise StorageError(f"cannot read {printable(folder / name)}: {error.strerror}") from error


def read_split(folder: Path, split: SplitName, entry: Entry) -> Split | None:
    """The split, its images mapped from disk and checked against the digest; None where anything is amiss."""
    try:
        images = _map(folder / _file(split, entry, "images"), np.dtype(np.uint8), entry.shape)
        numbers = np.dtype("<i4"), entry.shape[:1]
        labels = _map(folder / _file(split, entry, "labels"), *numbers).astype(np.int32)
        groups = None
        if entry.grouped:
            groups = _map(folder / _file(split, entry, "groups"), *numbers).astype(np.int32)
    except PermissionError as error:
        raise StorageError(f"cannot read {printable(folder)}: {error.strerror}") from error
    except (OSError, ValueError):
        return None
    if content_digest(images, labels, groups) != entry.digest:
        return None
    return Split(images=images, labels=labels, groups=groups)


def _file(split: str, entry: Entry, kind: str) -> str:
    return f"{split}-{entry.digest[:16]}-{kind}.npy"


def _header(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    description = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": description, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def _map(path: Path, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> np.ndarray:
    """The array of an .npy file, mapped; ValueError: it is not to the byte as long and headed as it must be."""
    # Not np.load: whatever a damaged header makes of numpy's parser, it can't be what the record promises.
    header = _header(dtype, shape)
    with path.open("rb") as file:
        if file.read(len(header)) != header:
            raise ValueError(f"{path.name} has another header")
    if path.stat().st_size != len(header) + math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{path.name} has another length")
    return np.memmap(path, dtype, "r", len(header), shape)


@contextlib.contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """A file whose name is settled when its content is known; it vanishes if it was not renamed."""
    handle, name = tempfile.mkstemp(prefix=DRAFT_PREFIX, dir=folder)
    os.close(handle)
    path = Path(name)
    try:
        as_new(path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove what writers that died more than a day ago left in a folder."""
    for prefix in (DRAFT_PREFIX, PREPARING):
        for path in folder.glob(f"{prefix}*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
