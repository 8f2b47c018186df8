"""Images to predict: files, folders of them, or a data set's split; with their classes where these are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from scaling_search.data import catalog
from scaling_search.data.folders.contents import no_image
from scaling_search.data.folders.walk import File, Left, walk
from scaling_search.data.images import form as forms
from scaling_search.data.images.form import Form
from scaling_search.data.images.pixels import UnusableError, full_scale
from scaling_search.data.images.reading import read
from scaling_search.data.paths import data_directory, printable
from scaling_search.data.summary import LeftOut
from scaling_search.errors import InputError
from scaling_search.report.figures import count
from scaling_search.system.text import full_path

TEST = "test"
_MOST_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is to be predicted: `files`, or a `split` of a data set, whose images are decoded already.

    `labels`: the class of each file, by name; None where a class is not known. `unknown`: of a `folder`, the folders in
    it that are named like no class; `left`: what in it is no file.
    """

    name: str
    files: tuple[File, ...] = ()
    split: str | None = None
    labels: tuple[str | None, ...] = ()
    unknown: tuple[str, ...] = ()
    left: Left = field(default_factory=Left)
    folder: bool = False


def find(text: str, classes: Sequence[str]) -> Source:
    """An image file, a folder, or a data set by name (`NAME`, `NAME:validation`; its test split unless named).

    In a folder whatever holds an image is one, by its content; one in a subfolder that is named like a class is of that
    class. Errors: InputError.
    """
    path = full_path(text)
    if path.is_dir():
        left = Left()
        files = tuple(walk(path, left, data_directory()).files)
        if not files:
            raise InputError(f"{text}: no image below this folder{_instead(left)}")
        known = set(classes)
        folders = [file.path.parent.name for file in files]
        labels = tuple(name if name in known else None for name in folders)
        inside = {file.path.parent.name for file in files if len(file.steps) > 1}
        unknown = tuple(sorted(inside - known))
        return Source(name=str(path), files=files, labels=labels, unknown=unknown, left=left, folder=True)
    if path.is_file():
        return Source(name=str(path), files=(File(path=path, steps=(path.name,)),), labels=(None,))
    name, _, split = text.partition(":")
    if name not in catalog.names():
        raise InputError(f"{text}: no such file or folder, and no data set of that name")
    if split not in ("", TEST, "validation", "train"):
        raise InputError(f"{text}: legal splits are test, validation and train")
    return Source(name=name, split=split or TEST)


@dataclass(frozen=True, kw_only=True)
class Images:
    """Decoded images (N, H, W, C), what each is called, and its class number, -1 where it is not known.

    `unknown`: folders that are named like no class. `left_out`: files of a folder that were not taken, by reason.
    """

    images: UInt8[np.ndarray, "n h w c"]
    names: tuple[str, ...]
    labels: np.ndarray
    unknown: tuple[str, ...] = ()
    left_out: dict[str, LeftOut] = field(default_factory=dict)


def decode(source: Source, form: Form, classes: Sequence[str]) -> Images:
    """All of a source, in the form in which a member's own images were. Errors: InputError naming what is no image."""
    if source.split is not None:
        return _of_dataset(source, classes)
    left = Left({reason: list(names) for reason, names in source.left.files.items()})
    stored, taken, faults = [], [], []
    for file, label in zip(source.files, source.labels, strict=True):
        try:
            pixels = read(file.path)
            own = form
            if pixels.white is None and pixels.values.dtype.kind in "iu":
                own = form.model_copy(update={"white": full_scale(int(pixels.values.max()))})
            stored.append(forms.stored(pixels, own)[0])
            taken.append((file, label))
        except UnusableError as error:
            if source.folder and error.kind == "no image":
                left.add(no_image(file), file.name)
            else:
                faults.append(f"{printable(file.path)}: {error.kind}: {error}")
    if faults:
        more = f"\nand {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
        raise InputError("\n".join(faults[:_MOST_SHOWN]) + more)
    if not stored:
        raise InputError(f"{source.name}: no image below this folder{_instead(left)}")
    different = {array.shape[2] for array in stored} - {form.channels}
    if different:
        raise InputError(
            f"{source.name}: images of {count(min(different), 'channel')}, where the network takes {form.channels}"
        )
    numbers = {name: number for number, name in enumerate(classes)}
    return Images(
        images=np.stack(stored),
        names=tuple(str(file.path) for file, _ in taken),
        labels=np.array([-1 if label is None else numbers[label] for _, label in taken]),
        unknown=source.unknown,
        left_out=left.counted(),
    )


def left_out(found: dict[str, LeftOut]) -> str:
    """What was not taken, in words: "2 no image (.txt) (a.txt, b.txt), 1 hidden (.git/)"."""
    return ", ".join(one.words(reason) for reason, one in found.items())


def _instead(left: Left) -> str:
    return f" (found: {left_out(left.counted())})" if left.files else ""


def _of_dataset(source: Source, classes: Sequence[str]) -> Images:
    info = catalog.describe(source.name)
    if tuple(info.classes) != tuple(classes):
        raise InputError(
            f"data set {source.name} has {len(info.classes)} classes ({', '.join(info.classes[:3])}, …), the network "
            f"{len(classes)} ({', '.join(classes[:3])}, …): they are not the same"
        )
    if source.split == TEST:
        split = catalog.load_test(source.name)
    else:
        dataset = catalog.load(source.name)
        split = dataset.train if source.split == "train" else dataset.validation
    names = tuple(f"{source.name}:{source.split}:{number}" for number in range(len(split)))
    return Images(images=split.images, names=names, labels=split.labels)
