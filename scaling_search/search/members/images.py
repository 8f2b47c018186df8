"""Images to predict: files, folders of them, or a data set's split; with their classes where these are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from scaling_search.data import catalog
from scaling_search.data.images import form as forms
from scaling_search.data.images.form import Form
from scaling_search.data.images.pixels import UnusableError, full_scale
from scaling_search.data.images.reading import EXTENSIONS, read
from scaling_search.errors import InputError
from scaling_search.system.text import full_path

TEST = "test"
_MOST_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Source:
    """What is to be predicted. `paths` of files; or `split` of a data set, whose images are decoded already.

    `labels`: the class of each, by name; None where a class is not known.
    """

    name: str
    paths: tuple[Path, ...] = ()
    split: str | None = None
    labels: tuple[str | None, ...] = ()


def find(text: str, classes: Sequence[str]) -> Source:
    """An image file, a folder, or a data set by name (`NAME`, `NAME:validation`; its test split unless named).

    In a folder, images of a subfolder that is named like a class are of that class. Errors: InputError.
    """
    path = full_path(text)
    if path.is_dir():
        files = sorted(
            file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in EXTENSIONS
        )
        if not files:
            raise InputError(
                f"{text}: no image below this folder (by suffix: {', '.join(sorted(EXTENSIONS))})"
            )
        known = set(classes)
        labels = tuple(file.parent.name if file.parent.name in known else None for file in files)
        return Source(name=str(path), paths=tuple(files), labels=labels)
    if path.is_file():
        return Source(name=str(path), paths=(path,), labels=(None,))
    name, _, split = text.partition(":")
    if name not in catalog.names():
        raise InputError(f"{text}: no such file or folder, and no data set of that name")
    if split not in ("", TEST, "validation", "train"):
        raise InputError(f"{text}: legal splits are test, validation and train")
    return Source(name=name, split=split or TEST)


@dataclass(frozen=True, kw_only=True)
class Images:
    """Decoded images (N, H, W, C), what each is called, and its class number, -1 where it is not known."""

    images: UInt8[np.ndarray, "n h w c"]
    names: tuple[str, ...]
    labels: np.ndarray


def decode(source: Source, form: Form, classes: Sequence[str]) -> Images:
    """All of a source, in the form in which a member's own images were. Errors: InputError naming what is no image."""
    if source.split is not None:
        return _of_dataset(source, classes)
    stored, faults = [], []
    for path in source.paths:
        try:
            pixels = read(path)
            own = form
            if pixels.white is None and pixels.values.dtype.kind in "iu":
                own = form.model_copy(update={"white": full_scale(int(pixels.values.max()))})
            stored.append(forms.stored(pixels, own)[0])
        except UnusableError as error:
            faults.append(f"{path}: {error.kind}: {error}")
    if faults:
        more = f"\nand {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
        raise InputError("\n".join(faults[:_MOST_SHOWN]) + more)
    different = {array.shape[2] for array in stored} - {form.channels}
    if different:
        raise InputError(
            f"{source.name}: images of {min(different)} channels, where the network takes {form.channels}"
        )
    numbers = {name: number for number, name in enumerate(classes)}
    return Images(
        images=np.stack(stored),
        names=tuple(str(path) for path in source.paths),
        labels=np.array([-1 if label is None else numbers[label] for label in source.labels]),
    )


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
