"""The door to data: which sets there are, what they hold, loading and preparing them.

`load` opens the train split alone and holds validation out of it. `load_test` is the only function that opens
a test split for use.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from scaling_search.data import fashion_mnist
from scaling_search.data.dataset import Dataset, DatasetInfo, Split, SplitName, check_labels
from scaling_search.data.duplicates import found, image_digest, merged
from scaling_search.data.paths import check_name, data_directory
from scaling_search.data.prepared import Refused
from scaling_search.data.sources import Folder, Prepared, Source, find_sources
from scaling_search.data.splits import VALIDATION_STREAM, held_out, split_fingerprint
from scaling_search.data.storage import PREPARING, remove_abandoned, writing
from scaling_search.data.summary import Summary
from scaling_search.errors import InputError, UsageError, suggest

if TYPE_CHECKING:
    from scaling_search.data.summary import Fit

# What building fashion_mnist takes on disk: the four files, the records, and tfds's shuffling of them.
FASHION_MNIST_BYTES = 200_000_000


def names(*, data_dir: Path | None = None) -> tuple[str, ...]:
    """Every set that can be loaded, or prepared by its name alone; the built-in ones first."""
    found = find_sources(data_directory(data_dir))
    return tuple(name for name, source in found.items() if not isinstance(source, Refused))


def describe(name: str, *, data_dir: Path | None = None) -> DatasetInfo:
    """What is known of a set without decoding it. InputError: a name that is unknown or cannot be used."""
    return _source(name, data_dir).info()


def load(name: str, *, validation: float = 0.2, split_seed: int = 0, data_dir: Path | None = None) -> Dataset:
    """The train split of a set, and its own validation split where it has one.

    Without one, `validation` (a fraction) of each class of train is held out by `split_seed`, whole groups at a time.
    The test split is never opened. InputError: unknown name, set not prepared, bad fraction or seed, bad labels.
    StorageError: a set has to be decoded and there is no room or permission.
    """
    source = _source(name, data_dir)
    info = source.info()
    whole, content = _read(source, "train")
    fixed = None
    if info.validation_count is not None:
        train = whole
        held, fixed = _read(source, "validation")
    else:
        chosen = held_out(
            whole.labels,
            fraction=validation,
            seed=split_seed,
            stream=VALIDATION_STREAM,
            classes=info.classes,
            what=name,
            groups=whole.groups,
        )
        train, held = whole.part(~chosen), whole.part(chosen)
    return Dataset(
        name=name,
        classes=info.classes,
        fingerprint=split_fingerprint(
            content,
            classes=len(info.classes),
            validation=validation,
            split_seed=split_seed,
            grouped=whole.groups is not None,
            fixed=fixed,
            skipped=source.skipped(),
        ),
        train=train,
        validation=held,
        fixed_validation=fixed is not None,
        native=info.native,
    )


def load_test(name: str, *, data_dir: Path | None = None) -> Split:
    """The test split: for `scale` and `report`. A search that looks at it has no honest figure left."""
    return _read(_source(name, data_dir), "test")[0]


def prepare(
    name: str,
    *,
    source: Path | None = None,
    data_dir: Path | None = None,
    size: int | None = None,
    channels: int | None = None,
    fit: Fit | None = None,
    groups: str | None = None,
    group_near: bool = False,
    skip_damaged: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> DatasetInfo:
    """Make a set ready to load, whatever that takes, and describe it, with a summary of what was met.

    `source` is a folder: of Fashion-MNIST's four files for `fashion_mnist`, of images (see `folders.layout`) for a
    new name or one imported before, which is replaced. All else is for a folder of images: `size` (pixels, square),
    `channels` (1 to 8) and `fit` say how they are stored (see `images.form`), `groups` which hang together (see
    `folders.grouping`); `group_near` puts near duplicates into one group, `skip_damaged` leaves damaged files out.
    `progress` is told what is being done, how many are done, and of how many. Nothing is printed on standard output.

    InputError: unknown name and no source, a name that another kind of set has, bad images, no network.
    UsageError: options that this set does not have. StorageError: no space or no permission.
    """
    base = data_directory(data_dir)
    known = find_sources(base).get(check_name(name))
    options: dict[str, Any] = {
        "size": size,
        "channels": channels,
        "fit": fit,
        "groups": groups,
        "group_near": group_near,
        "skip_damaged": skip_damaged,
    }
    if name == "fashion_mnist":
        _refuse(options, name)
        if not isinstance(known, Prepared):
            _prepare_fashion_mnist(base, source)
    elif source is not None:
        if known is not None and not isinstance(known, Folder | Refused):
            raise InputError(f"{name!r} names another data set here: choose another name for {source.name!r}")
        # Image libraries take a while to load, and loading what was imported needs none.
        from scaling_search.data.folders.contents import Options
        from scaling_search.data.folders.importing import import_folder

        import_folder(source, base, name, Options(**options), progress=progress or (lambda *_: None))
    else:
        _refuse(options, name)
    load(name, data_dir=base)  # that validation can be held out shows now, not when a search begins
    ready = _source(name, base)
    info = ready.info()
    splits: dict[SplitName, Split] = {"train": _read(ready, "train")[0]}
    if info.validation_count is not None:
        splits["validation"] = _read(ready, "validation")[0]
    if info.test_count:
        splits["test"] = _read(ready, "test")[0]
    return info if info.summary is not None else _summed_up(info, splits)


def _refuse(options: Mapping[str, object], name: str) -> None:
    """UsageError: any option of folders was given for a set that is none."""
    given = [
        f"--{key.replace('_', '-')}"
        for key, value in options.items()
        if not (value is None or value is False)
    ]
    if given:
        raise UsageError(
            f"{', '.join(given)}: for a folder of images (`data prepare {name} --from DIR`), which {name} is not here"
        )


def _summed_up(info: DatasetInfo, splits: Mapping[SplitName, Split]) -> DatasetInfo:
    """What can be said of a set that was not imported from a folder: its classes, and images that are the same."""
    every = [image_digest(image) for split in splits.values() for image in split.images]
    where = [name for name, split in splits.items() for _ in range(len(split))]
    labels = np.concatenate([split.labels for split in splits.values()])
    summary = Summary(
        splits="splits are the set's own",
        files=len(every),
        duplicates=found(merged(len(every), [every]), labels, where),
    )
    counts = {
        name: tuple(np.bincount(split.labels, minlength=len(info.classes)).tolist())
        for name, split in splits.items()
    }
    return replace(info, summary=summary, counts=counts)


def _source(name: str, data_dir: Path | None) -> Source:
    found = find_sources(data_directory(data_dir))
    source = found.get(check_name(name))
    if isinstance(source, Refused):
        raise InputError(f"data set {name} {source.reason}")
    if source is None:
        legal = [one for one, kind in found.items() if not isinstance(kind, Refused)]
        raise InputError(
            f"{suggest('data set', name, legal)}; a folder of images becomes one with "
            f"`scaling-search data prepare {name} --from DIR`"
        )
    return source


def _read(source: Source, part: SplitName) -> tuple[Split, str]:
    info = source.info()
    split, digest = source.read(part)
    check_labels(split.labels, info.classes, f"{info.name}, {part}")
    return split, digest


def _prepare_fashion_mnist(base: Path, source: Path | None) -> None:
    from scaling_search.data.tfds_builder import build_fashion_mnist, can_download

    folder = source if source is not None else fashion_mnist.debian_folder()
    if folder is None and not can_download():
        raise InputError(
            "fashion_mnist: there is neither a network to download it nor Debian's package of it; install that "
            f"(`apt-get install --no-install-recommends {fashion_mnist.PACKAGE}`) or name a folder with its four "
            "files: `scaling-search data prepare fashion_mnist --from DIR`"
        )
    root = base / "tfds"
    with contextlib.ExitStack() as stack:
        stack.enter_context(writing(root, FASHION_MNIST_BYTES))
        remove_abandoned(root)
        files = None
        if folder is not None:
            files = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=PREPARING, dir=root)))
            fashion_mnist.restore(folder, files, fashion_mnist.FILES)
        build_fashion_mnist(root, files)
