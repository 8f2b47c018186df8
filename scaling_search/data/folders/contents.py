"""What the files of a layout hold, all of them looked at and decoded before anything is refused."""

from __future__ import annotations

import contextlib
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from scaling_search.data.duplicates import image_digest
from scaling_search.data.folders.layout import Labelled
from scaling_search.data.folders.walk import File, Left
from scaling_search.data.images.form import Form, settle, stored
from scaling_search.data.images.library_warnings import LibraryWarnings
from scaling_search.data.images.pixels import Look, UnusableError
from scaling_search.data.images.reading import look, read
from scaling_search.data.paths import printable
from scaling_search.data.storage import draft, writing
from scaling_search.data.summary import Change, Fit, Sizes

T = TypeVar("T")
_BATCH = 256  # images decoded ahead of the disk
Progress = Callable[[str, int, int], None]  # what is being done, how many of how many


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a folder is imported; see `catalog.prepare`."""

    size: int | None = None
    channels: int | None = None
    fit: Fit | None = None
    groups: str | None = None
    group_near: bool = False
    skip_damaged: bool = False


@dataclass
class Contents:
    """Images that could be decoded, in the form of their set."""

    files: list[Labelled]
    looks: list[Look]
    form: Form
    images: np.ndarray  # (N, H, W, C), mapped from a file that is gone with the context that made it
    digests: list[bytes]
    changes: Counter[Change]
    bits: tuple[int, ...]  # used by each image in which nothing says what white is


@dataclass
class Reader:
    """Looks at files and decodes them on threads.

    `faults`: (name, kind, reason) of each file that should be an image and gives none.
    """

    left: Left
    warned: LibraryWarnings
    progress: Progress
    faults: list[tuple[str, str, str]] = field(default_factory=list)

    def looks(self, files: Sequence[Labelled]) -> tuple[list[Labelled], list[Look]]:
        """Files that hold images, and their sizes; those that hold none are left out, damaged ones are faults."""
        kept: list[Labelled] = []
        seen: list[Look] = []
        for file, found in self._each("looking at", files, lambda file: look(file.file.path)):
            if isinstance(found, UnusableError):
                self._refused(file, found)
            else:
                kept.append(file)
                seen.append(found)
        return kept, seen

    @contextlib.contextmanager
    def decoded(
        self, folder: Path, files: list[Labelled], looks: list[Look], options: Options
    ) -> Iterator[Contents]:
        """The images of these files, once, in a file in `folder` that is gone afterwards.

        Where some turn out to be damaged, the form is settled by the others: as if the damaged ones were not there.
        """

        def settled() -> Form:
            names = [one.file.name for one in files]
            return settle(looks, names, size=options.size, channels=options.channels, fit=options.fit)

        form = settled()
        while True:
            needed = 2 * len(files) * math.prod(form.size) * form.channels  # once here, once by splits
            with writing(folder, needed), draft(folder) as path:
                contents = self._decoded(path, files, looks, form)
                files, looks = contents.files, contents.looks
                if not files or (other := settled()) == form:
                    yield contents
                    return
            form = other

    def _decoded(self, path: Path, files: list[Labelled], looks: list[Look], form: Form) -> Contents:
        kept: list[int] = []
        digests: list[bytes] = []
        changes: Counter[Change] = Counter()

        def one(file: Labelled) -> tuple[np.ndarray, set[Change]]:
            pixels = read(file.file.path)
            image, done = stored(pixels, form)
            return image, done | pixels.changes

        with path.open("wb") as out:
            for index, (file, found) in enumerate(self._each("reading", files, one)):
                if isinstance(found, UnusableError):
                    self._refused(file, found)
                    continue
                image, done = found
                kept.append(index)
                digests.append(image_digest(image))
                changes.update(done)
                out.write(image.data)
        shape = (len(kept), *form.size, form.channels)
        tops = [looks[i].top for i in kept]
        return Contents(
            files=[files[i] for i in kept],
            looks=[looks[i] for i in kept],
            form=form,
            images=np.memmap(path, np.uint8, "r", 0, shape) if kept else np.empty(shape, np.uint8),
            digests=digests,
            changes=changes,
            bits=tuple(top.bit_length() for top in tops if isinstance(top, int)),
        )

    def _each(
        self, doing: str, files: Sequence[Labelled], function: Callable[[Labelled], T]
    ) -> Iterator[tuple[Labelled, T | UnusableError]]:
        def safely(file: Labelled) -> T | UnusableError:
            with self.warned.about(file.file.name):
                try:
                    return function(file)
                except UnusableError as error:
                    return error

        with ThreadPoolExecutor(min(32, (os.cpu_count() or 1) + 1)) as threads:
            for start in range(0, len(files), _BATCH):
                batch = files[start : start + _BATCH]
                yield from zip(batch, threads.map(safely, batch), strict=True)
                self.progress(doing, min(start + _BATCH, len(files)), len(files))

    def _refused(self, file: Labelled, error: UnusableError) -> None:
        if error.kind == "no image":
            self.left.add(no_image(file.file), file.file.name)
        else:
            self.faults.append((file.file.name, error.kind, str(error)))


def sizes_met(looks: Sequence[Look]) -> Sizes:
    """What sizes there are, as the images are seen."""
    counts = Counter((one.height, one.width) for one in looks)
    commonest, images = max(counts.items(), key=lambda item: (item[1], item[0]))
    return Sizes(
        different=len(counts),
        smallest=min(counts, key=lambda size: (size[0] * size[1], size)),
        largest=max(counts, key=lambda size: (size[0] * size[1], size)),
        commonest=commonest,
        commonest_images=images,
    )


def no_image(file: File) -> str:
    """Why a file is left out whose content is no image."""
    suffix = Path(file.steps[-1]).suffix.lower()
    return f"no image ({printable(suffix) if 1 < len(suffix) <= 12 else 'no suffix'})"
