"""The door to data: which sets there are, what they hold, loading and preparing them.

`load` opens the train split alone and holds validation out of it. `load_test` is the only function that opens
a test split for use.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from scaling_search.data import fashion_mnist
from scaling_search.data.dataset import Dataset, DatasetInfo, Split, check_labels
from scaling_search.data.folders import import_folder
from scaling_search.data.places import check_name, data_directory
from scaling_search.data.prepared import Refused
from scaling_search.data.sources import Folder, Prepared, Source, find_sources
from scaling_search.data.splits import VALIDATION_STREAM, held_out, split_fingerprint
from scaling_search.data.storage import PREPARING, SplitName, remove_abandoned, writing
from scaling_search.errors import InputError, suggest

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
    """The train split of a set, with `validation` (a fraction) of each class held out of it by `split_seed`.

    The test split is never opened. InputError: unknown name, set not prepared, bad fraction or seed, bad labels.
    StorageError: a set has to be decoded and there is no room or permission.
    """
    split, content, classes = _read(name, "train", data_dir)
    chosen = held_out(
        split.labels,
        fraction=validation,
        seed=split_seed,
        stream=VALIDATION_STREAM,
        classes=classes,
        what=name,
    )
    return Dataset(
        name=name,
        classes=classes,
        fingerprint=split_fingerprint(
            content, classes=len(classes), validation=validation, split_seed=split_seed
        ),
        train=Split(images=split.images[~chosen], labels=split.labels[~chosen]),
        validation=Split(images=split.images[chosen], labels=split.labels[chosen]),
    )


def load_test(name: str, *, data_dir: Path | None = None) -> Split:
    """The test split: for `scale` and `report`. A search that looks at it has no honest figure left."""
    return _read(name, "test", data_dir)[0]


def prepare(
    name: str,
    *,
    source: Path | None = None,
    data_dir: Path | None = None,
    size: int | None = None,
    channels: int | None = None,
) -> DatasetInfo:
    """Make a set ready to load, whatever that takes, and describe it. Prepared sets are only decoded.

    `source` is a folder: of Fashion-MNIST's four files for `fashion_mnist`, of pictures (see `folders`) for a
    new name or one imported before, which is replaced. `size` (pixels) and `channels` (1 or 3) say how pictures
    are to be stored. Nothing is printed on standard output.

    InputError: unknown name and no source, a name that another kind of set has, bad pictures, no network.
    StorageError: no space or no permission.
    """
    base = data_directory(data_dir)
    known = find_sources(base).get(check_name(name))
    if name == "fashion_mnist":
        if not isinstance(known, Prepared):
            _prepare_fashion_mnist(base, source)
    elif source is not None:
        if known is not None and not isinstance(known, Folder | Refused):
            raise InputError(f"{name!r} names another data set here: choose another name for {source.name!r}")
        import_folder(source, base / "folders" / name, size=size, channels=channels)
    info = describe(name, data_dir=base)
    _read(name, "train", base)
    if info.test_count:
        _read(name, "test", base)
    return info


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


def _read(name: str, part: SplitName, data_dir: Path | None) -> tuple[Split, str, tuple[str, ...]]:
    source = _source(name, data_dir)
    classes = source.info().classes
    split, content = source.read(part)
    check_labels(split.labels, classes, f"{name}, {part}")
    return split, content, classes


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
