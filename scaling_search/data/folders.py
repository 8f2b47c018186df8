"""A user's folder of pictures, imported once: `DIR/CLASS/*` or `DIR/SPLIT/CLASS/*`.

The first level is splits when it holds a folder `train` with folders in it. `test` is then the test split;
without it `validation` (or `valid`, `val`) is; with both, validation joins train, since what is held out of
train is chosen by seed. Without any of them, or with classes on the first level, the test split is 20 % of each
class, chosen by `splits.held_out` with seed 0 over the files in the order of their paths. Classes are the
folders of train in the order of their names. Hidden files and folders are passed over, and so are files without
a picture's extension.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scaling_search.data.pictures import EXTENSIONS, decode, look, stored_size
from scaling_search.data.places import printable
from scaling_search.data.splits import TEST_STREAM, held_out
from scaling_search.data.storage import Record, SplitName, write_record, write_split
from scaling_search.errors import InputError, StorageError

RECORD = "set.json"
TEST_FRACTION = 0.2
VALIDATION_NAMES = ("validation", "valid", "val")


@dataclass(frozen=True, kw_only=True)
class Files:
    """The picture files of a split, with the class number of each."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]


def import_folder(
    folder: Path, target: Path, *, size: int | None = None, channels: int | None = None
) -> Record:
    """Decode every picture under `folder` and store the set in `target`; returns its record.

    `size` (pixels) and `channels` (1 or 3) replace the rules by which `pictures` settles them.
    InputError: no folder, no pictures, one class, a bad picture, grey and colour mixed and no `channels` given.
    StorageError: no space or permission.
    """
    classes, splits = find_files(folder)
    every = [path for files in splits.values() for path in files.paths]
    with ThreadPoolExecutor() as threads:
        looks = list(threads.map(look, every))
        shape = stored_size([(height, width) for height, width, _ in looks], size)
        depth = _one_kind([kind for *_, kind in looks], every, channels)

        def pixels(files: Files) -> Iterator[tuple[np.ndarray, int]]:
            # In batches: an executor's map would hold every picture that is not yet written in memory.
            for start in range(0, len(files.paths), 256):
                batch = files.paths[start : start + 256]
                images = threads.map(lambda path: decode(path, channels=depth, size=shape), batch)
                yield from zip(images, files.labels[start : start + 256], strict=True)

        entries = {
            split: write_split(target, split, (len(files.paths), *shape, depth), pixels(files))
            for split, files in splits.items()
        }
    record = Record(
        classes=classes,
        source=f"folder {printable(folder.name)}",
        origin=printable(folder.absolute()),
        splits=entries,
    )
    write_record(target, RECORD, record)
    return record


def find_files(folder: Path) -> tuple[tuple[str, ...], dict[SplitName, Files]]:
    """The class names and the files of train and test, by the rules at the head of this file.

    InputError: no folder, no pictures, one class, a class without pictures, a test class that train lacks.
    """
    if not folder.is_dir():
        raise InputError(f"{printable(folder)} is not a folder")
    top = {path.name: path for path in _folders(folder)}
    if "train" not in top or not _folders(top["train"]):
        classes, labelled = _labelled([folder])
        return classes, _with_test(labelled, classes, folder)
    held = next((top[name] for name in VALIDATION_NAMES if name in top), None)
    if "test" in top:
        classes, train = _labelled([top["train"]] if held is None else [top["train"], held])
        return classes, {"train": train, "test": _labelled_as(classes, top["test"])}
    classes, train = _labelled([top["train"]])
    if held is not None:
        return classes, {"train": train, "test": _labelled_as(classes, held)}
    return classes, _with_test(train, classes, folder)


def _labelled(roots: Sequence[Path]) -> tuple[tuple[str, ...], Files]:
    """Classes (the folders of the first root) and the pictures of all roots."""
    folders = _folders(roots[0])
    names = [path.name for path in folders]
    classes = tuple(printable(name) for name in names)
    if not classes or not any(_pictures(path) for path in folders):
        raise InputError(
            f"{printable(roots[0])} holds no images: expected are folders named after classes, with files "
            f"ending in {', '.join(sorted(EXTENSIONS))}"
        )
    if len(classes) == 1:
        raise InputError(f"{printable(roots[0])} holds one class, {classes[0]!r}; at least two are needed")
    if len(set(classes)) < len(classes):
        raise InputError(f"{printable(roots[0])}: two classes have the same name when printed")
    paths: list[Path] = []
    labels: list[int] = []
    for root in roots:
        for path in _folders(root):
            if path.name not in names:
                raise InputError(_stranger(path, classes))
            found = _pictures(path)
            if not found and root == roots[0]:
                raise InputError(f"class folder {printable(path)} holds no images")
            paths += found
            labels += [names.index(path.name)] * len(found)
    return classes, Files(paths=tuple(paths), labels=tuple(labels))


def _labelled_as(classes: tuple[str, ...], root: Path) -> Files:
    """The pictures under `root` with the numbers of classes that are known already."""
    paths: list[Path] = []
    labels: list[int] = []
    for path in _folders(root):
        if printable(path.name) not in classes:
            raise InputError(_stranger(path, classes))
        found = _pictures(path)
        paths += found
        labels += [classes.index(printable(path.name))] * len(found)
    if not paths:
        raise InputError(f"{printable(root)} holds no images")
    return Files(paths=tuple(paths), labels=tuple(labels))


def _stranger(path: Path, classes: tuple[str, ...]) -> str:
    return f"{printable(path)}: train has no such class; legal are {', '.join(map(repr, classes))}"


def _with_test(files: Files, classes: tuple[str, ...], folder: Path) -> dict[SplitName, Files]:
    labels = np.array(files.labels, np.int32)
    test = held_out(
        labels, fraction=TEST_FRACTION, seed=0, stream=TEST_STREAM, classes=classes, what=printable(folder)
    )

    def part(chosen: np.ndarray) -> Files:
        indices = np.flatnonzero(chosen)
        return Files(
            paths=tuple(files.paths[i] for i in indices), labels=tuple(files.labels[i] for i in indices)
        )

    return {"train": part(~test), "test": part(test)}


def _one_kind(kinds: Sequence[int], paths: Sequence[Path], wanted: int | None) -> int:
    if wanted is not None:
        if wanted not in (1, 3):
            raise InputError(f"channels must be 1 (grey) or 3 (colour), got {wanted}")
        return wanted
    if len(set(kinds)) > 1:
        grey, colour = (printable(paths[kinds.index(kind)]) for kind in (1, 3))
        raise InputError(
            f"grey and colour images are mixed ({kinds.count(1)} grey, as {grey}; {kinds.count(3)} in colour, "
            f"as {colour}): say --channels 3 to keep all in colour or --channels 1 to make all grey"
        )
    return kinds[0]


def _folders(root: Path) -> list[Path]:
    return [path for path in _entries(root) if path.is_dir()]


def _pictures(root: Path) -> list[Path]:
    return [path for path in _entries(root) if path.suffix.lower() in EXTENSIONS and path.is_file()]


def _entries(root: Path) -> list[Path]:
    try:
        return sorted(path for path in root.iterdir() if not path.name.startswith("."))
    except PermissionError as error:
        raise StorageError(f"cannot read {printable(root)}: {error.strerror}") from error
