"""The door to data: which sets there are, what they hold, and loading them.

`load` opens the train split alone and holds validation out of it. `load_test` is the only function that opens
a test split.
"""

from __future__ import annotations

from pathlib import Path

from scaling_search.data import digits
from scaling_search.data.dataset import Dataset, DatasetInfo, Split, check_labels
from scaling_search.data.places import check_name, data_directory
from scaling_search.data.splits import VALIDATION_STREAM, held_out, split_fingerprint
from scaling_search.errors import InputError, suggest


def names(*, data_dir: Path | None = None) -> tuple[str, ...]:
    """Every set that can be loaded or prepared by its name alone."""
    data_directory(data_dir)
    return ("digits",)


def describe(name: str, *, data_dir: Path | None = None) -> DatasetInfo:
    """What is known of a set without decoding it. InputError: unknown name."""
    if check_name(name) not in names(data_dir=data_dir):
        raise InputError(suggest("data set", name, names(data_dir=data_dir)))
    return digits.INFO


def load(name: str, *, validation: float = 0.2, split_seed: int = 0, data_dir: Path | None = None) -> Dataset:
    """The train split of a set, with `validation` (a fraction) of each class held out of it by `split_seed`.

    The test split is never opened. InputError: unknown name, set not prepared, bad fraction or seed.
    """
    info = describe(name, data_dir=data_dir)
    split, content = digits.read_digits(test=False)
    labels = check_labels(split.labels, info.classes, f"{name}, train")
    chosen = held_out(labels, fraction=validation, seed=split_seed, stream=VALIDATION_STREAM, what=name)
    return Dataset(
        name=name,
        classes=info.classes,
        fingerprint=split_fingerprint(
            content, classes=len(info.classes), validation=validation, split_seed=split_seed
        ),
        train=Split(images=split.images[~chosen], labels=labels[~chosen]),
        validation=Split(images=split.images[chosen], labels=labels[chosen]),
    )


def load_test(name: str, *, data_dir: Path | None = None) -> Split:
    """The test split: for `scale` and `report`. A search that looks at it has no honest figure left."""
    describe(name, data_dir=data_dir)
    return digits.read_digits(test=True)[0]
