"""A folder of images becomes a data set: found, looked at, decoded, grouped, split, stored, and summed up."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from scaling_search.data.dataset import SplitName
from scaling_search.data.duplicates import Groups, found, in_groups, merged
from scaling_search.data.folders import labels_file, remarks
from scaling_search.data.folders.contents import Contents, Options, Progress, Reader, sizes_met
from scaling_search.data.folders.grouping import group_names
from scaling_search.data.folders.layout import Layout, by_folders
from scaling_search.data.folders.splitting import hang_together, split_all
from scaling_search.data.folders.walk import Left, walk
from scaling_search.data.images.library_warnings import LibraryWarnings
from scaling_search.data.paths import printable
from scaling_search.data.prepared import said_of_folder
from scaling_search.data.storage import (
    FOLDER_RECORD,
    Entry,
    Record,
    read_record,
    remove_abandoned,
    write_record,
    write_split,
    writing,
)
from scaling_search.data.summary import Summary
from scaling_search.errors import InputError

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def import_folder(folder: Path, own: Path, name: str, options: Options, *, progress: Progress) -> Record:
    """Decode every image under `folder` and store the set under its name in our `own` folder; returns its record.

    A long list of damaged files is written there too.

    InputError: no folder, no images, one class, a class too small, damaged images (all of them named), counts of
    channels that cannot be mixed, groups that do not fit. StorageError: no space or permission.
    """
    left, target, faults_file = Left(), own / "folders" / name, own / "damaged" / f"{name}.txt"
    layout = _layout(folder, left, own)
    with LibraryWarnings() as warned:
        reader = Reader(left=left, warned=warned, progress=progress)
        files, looks = reader.looks(layout.files)
        if not files:
            raise (
                remarks.faulty(reader.faults, faults_file) if reader.faults else remarks.nothing(folder, left)
            )
        with _set_folder(target), reader.decoded(target, files, looks, options) as contents:
            if reader.faults and not (options.skip_damaged and contents.files):
                raise remarks.faulty(reader.faults, faults_file)
            for damaged, kind, _ in reader.faults:
                left.add(kind, damaged)
            record = _stored(folder, target, options, layout, contents, reader)
            write_record(target, FOLDER_RECORD, record, splits=SPLITS)
            return record


@contextlib.contextmanager
def _set_folder(target: Path) -> Iterator[None]:
    """The folder of the set, which is not there afterwards if nothing came of it."""
    with writing(target, 0):
        remove_abandoned(target)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # it is not empty
                target.rmdir()


def _layout(folder: Path, left: Left, own: Path) -> Layout:
    below = walk(folder, left, own)
    if other := said_of_folder(folder, own / "tfds"):
        raise InputError(f"{printable(folder)} {other}")
    table = labels_file.find(below.files)
    layout = (
        by_folders(folder, below, left)
        if table is None
        else labels_file.by_labels(folder, table, below.files, left)
    )
    if not layout.files:
        raise remarks.nothing(folder, left)
    if len(layout.names) == 1:
        only = next(iter(layout.names.values()))
        inner = {one.below[0] for one in layout.files if one.below}
        hint = (
            f"; it holds folders: did you mean --from {printable(folder / only)}?" if len(inner) > 1 else ""
        )
        raise InputError(f"{printable(folder)} holds one class, {only!r}; at least two are needed{hint}")
    return layout


def _stored(
    folder: Path, target: Path, options: Options, layout: Layout, contents: Contents, reader: Reader
) -> Record:
    """Split and write what was decoded."""
    what = printable(folder)
    classes = tuple(layout.names.values())
    numbers = {key: number for number, key in enumerate(layout.names)}
    labels = np.array([numbers[one.key] for one in contents.files], np.int32)
    remarks.check_classes(layout, contents.files, what)
    same = merged(len(labels), [contents.digests])
    named = group_names(contents.files, options.groups)
    near = _near(contents, same)
    given = [one.split for one in contents.files]
    grouped, too_alike = hang_together(
        labels, given, named=named, digests=contents.digests, near=near or () if options.group_near else ()
    )
    groups = in_groups(grouped)
    splits, made = split_all(given, labels, groups, classes=classes, what=what)
    entries: dict[SplitName, Entry] = {}
    for split in SPLITS:
        if rows := [row for row, one in enumerate(splits) if one == split]:
            entries[split] = write_split(
                target,
                split,
                (len(rows), *contents.form.size, contents.form.channels),
                ((contents.images[row], int(labels[row])) for row in rows),
                classes=len(classes),
                groups=None if groups is None else in_groups(groups[rows]),
            )
    names = [one.file.name for one in contents.files]
    summary = Summary(
        layout=layout.described,
        splits=made,
        depth=remarks.depth(contents),
        files=len(names),
        sizes=sizes_met(contents.looks),
        converted=dict(sorted(contents.changes.items(), key=lambda one: (-one[1], one[0]))),
        duplicates=found(same, labels, splits, names),
        near=None if near is None else found(merged(len(labels), [], near), labels, splits, names),
        notes=(
            *layout.notes,
            *remarks.on_likeness(too_alike, classes),
            *remarks.on_groups(merged(len(labels), [named]), splits, options.groups),
            *remarks.on_near(near, options.group_near),
            *remarks.on_classes(classes, entries),
            *remarks.on_replacing(target.name, read_record(target, FOLDER_RECORD), entries),
        ),
        left_out=reader.left.counted(),
        warnings=reader.warned.lines(),
    )
    return Record(
        classes=classes,
        source=f"folder {printable(folder.name)}",
        origin=printable(folder.absolute()),
        splits=entries,
        form=contents.form,
        groups=options.groups or ("group" if any(named) else None),
        skipped=_skipped(reader.faults),
        summary=summary,
    )


def _near(contents: Contents, same: Groups) -> list[tuple[int, int]] | None:
    """Pairs of nearly equal images, one of each kind of equal ones; None where they are too small to tell."""
    # SciPy takes a while to load, and only an import needs it.
    from scaling_search.data.near_duplicates import LEAST_SIDE, near_pairs

    if min(contents.form.size) < LEAST_SIDE:
        return None
    _, first = np.unique(same, return_index=True)
    return near_pairs(contents.images, first.tolist())


def _skipped(faults: Sequence[tuple[str, str, str]]) -> tuple[int, str] | None:
    if not faults:
        return None
    names = "\n".join(sorted(name for name, *_ in faults))
    return len(faults), hashlib.sha256(names.encode()).hexdigest()
