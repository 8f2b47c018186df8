"""Which file has which class and split: by folders `DIR/CLASS/…`, `DIR/SPLIT/CLASS/…` or `DIR/CLASS/SPLIT/…`.

A split is a folder of a usual name, in any case: train or training; val, valid, validation or dev; test, testing or
eval. The first level is splits when it holds a train folder with folders in it. Files in folders below a class belong
to the class. Class names that are equal in any Unicode form are one class; classes are in the order of their names.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaling_search.data.dataset import SplitName
from scaling_search.data.folders.walk import File, Found, Left
from scaling_search.data.paths import printable
from scaling_search.errors import InputError, few

NAMES: dict[SplitName, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "eval"),
}
_SHOWN = 20
_SPLITS: dict[str, SplitName] = {name: split for split, names in NAMES.items() for name in names}


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A file with the name of its class, its split (None: to be drawn), and the folders below that of its class.

    `group`: what labels.csv says; `cells`: its row there.
    """

    file: File
    label: str
    split: SplitName | None
    below: tuple[str, ...] = ()
    group: str | None = None
    cells: dict[str, str] | None = None

    @property
    def key(self) -> str:
        """The class, in one writing for all forms of its name."""
        return same_name(self.label)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All labelled files, in the order of class and path; how they were found; what a user should know of it."""

    files: tuple[Labelled, ...]
    names: dict[str, str]  # a class as people see it, by its key
    described: str
    notes: tuple[str, ...] = ()


def split_of(name: str) -> SplitName | None:
    """The split that a folder of this name is.

    >>> split_of("Val"), split_of("TRAINING"), split_of("cats")
    ('validation', 'train', None)
    """
    return _SPLITS.get(same_name(name).casefold())


def same_name(name: str) -> str:
    """One writing for all that are equal in some Unicode form (NFKC is the one that most names share).

    >>> same_name("cafe\\u0301") == same_name("caf\\u00e9"), same_name("\\ufb01sh")
    (True, 'fish')
    """
    return unicodedata.normalize("NFKC", name)


def by_folders(root: Path, found: Found, left: Left) -> Layout:
    """The layout of a folder without labels.csv. InputError: two folders for one split, a class without files."""
    files, top = found.files, _tree(found.files)
    roles = {name: split_of(name) for name in top}
    inner = [split_of(name) for below in top.values() for name in below]
    if any(role == "train" and top[name] for name, role in roles.items()):
        _one_folder_each(root, [name for name in top if roles[name]])
        described, classes, splits = "folders of splits, with folders of classes in them", 1, 0
        _none_empty(
            steps
            for steps in found.empty
            if split_of(steps[0]) and len(steps) <= 1 + (split_of(steps[0]) == "train")
        )
    elif "train" in inner and all(inner) and all(top.values()):
        for below in top.values():
            _one_folder_each(root, sorted(below))
        described, classes, splits = "folders of classes, with folders of splits in them", 0, 1
    else:
        if top and all(roles.values()) and all(top.values()):
            raise InputError(
                f"{printable(root)} holds {few(list(map(printable, top)))}, but no folder for training; legal names "
                f"are {' and '.join(NAMES['train'])}"
            )
        described, classes, splits = "folders of classes", 0, None
        _none_empty(steps for steps in found.empty if len(steps) == 1 and files)
    depth = 2 if splits is None else 3
    labelled = [
        Labelled(
            file=file,
            label=file.steps[classes],
            split=None if splits is None else split_of(file.steps[splits]),
            below=file.steps[depth - 1 : -1],
        )
        for file in files
        if _placed(file, left, depth, splits != 0 or roles.get(file.steps[0]) is not None)
    ]
    return Layout(
        files=tuple(sorted(labelled, key=lambda one: (one.key, one.file.steps))),
        names=class_names(root, labelled),
        described=described,
        notes=tuple(_doubts(top, described, labelled)),
    )


def class_names(root: Path, labelled: Iterable[Labelled]) -> dict[str, str]:
    """Each class as people see it. InputError: two that look the same, though they are not."""
    first: dict[str, str] = {}
    for one in labelled:
        first.setdefault(one.key, printable(unicodedata.normalize("NFC", one.label)))
    names = {key: first[key] for key in sorted(first)}
    if len(set(names.values())) < len(names):
        raise InputError(f"{printable(root)}: two classes have the same name when printed")
    return names


def _tree(files: Sequence[File]) -> dict[str, set[str]]:
    """Folders of the first level, each with the names of the folders in it, as far as there are files below."""
    top: dict[str, set[str]] = {}
    for file in files:
        if len(file.steps) > 1:
            top.setdefault(file.steps[0], set()).update(file.steps[1:2] if len(file.steps) > 2 else ())
    return top


def _one_folder_each(root: Path, names: Sequence[str]) -> None:
    first: dict[SplitName | None, str] = {}
    for name in names:
        other = first.setdefault(split_of(name), name)
        if other != name:
            raise InputError(
                f"{printable(root)} holds two folders for one split, {printable(other)} and {printable(name)}: "
                "join them, or move one away"
            )


def _none_empty(folders: Iterable[tuple[str, ...]]) -> None:
    names = [printable("/".join(steps)) for steps in folders]
    if names:
        raise InputError(
            f"{', '.join(names[:_SHOWN])}: no images in there; move away what is no class or split"
        )


def _placed(file: File, left: Left, depth: int, in_split: bool) -> bool:
    """Whether a file lies in a folder of a class; if not, it is counted."""
    if len(file.steps) > 1 and not in_split:
        left.add(f"in a folder that is no split: {printable(file.steps[0])}", file.name)
    elif len(file.steps) < depth:
        left.add("outside of the folders of classes", file.name)
    else:
        return True
    return False


def _doubts(top: dict[str, set[str]], described: str, labelled: list[Labelled]) -> list[str]:
    """What looks like another layout than the one that was read."""
    notes = []
    inner = list(top.values())
    if (
        described == "folders of classes"
        and len(top) > 1
        and len(inner[0]) > 1
        and all(b == inner[0] for b in inner)
    ):
        notes.append(
            f"the folders {few(list(map(printable, top)))} were taken for classes, and all hold the same folders "
            f"({few(sorted(map(printable, inner[0])))}): if they are splits, call them train, val and test"
        )
    written: dict[str, set[str]] = {}
    for one in labelled:
        written.setdefault(one.key, set()).add(one.label)
    merged = [printable(key) for key, forms in written.items() if len(forms) > 1]
    if merged:
        notes.append(f"folders whose names are equal in some Unicode form are one class: {few(merged)}")
    loose: dict[str, list[str]] = {}
    for key in written:
        loose.setdefault(key.casefold().strip(), []).append(repr(printable(key)))
    for alike in loose.values():
        if len(alike) > 1:
            notes.append(f"classes that differ in capitals or spaces alone are kept apart: {few(alike)}")
    return notes
