"""`digits`: the embedded default, 1,797 real 8x8 images of handwritten digits in scikit-learn's own files.

E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(the part that UCI calls the test set). UCI names no split of these 1,797 images, so ours is made once: the
test split is 20 % of each class, chosen by `splits.held_out` with seed 0. It never changes.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from scaling_search.data.dataset import DatasetInfo, Images, Labels, Split
from scaling_search.data.splits import TEST_STREAM, content_digest, held_out
from scaling_search.errors import InputError

TEST_FRACTION = 0.2
CONTENT = "cc2cf7a0c519a9fb838f639b9b0c258afdce0d41a083690124a070d229e60126"
INFO = DatasetInfo(
    name="digits",
    classes=tuple("0123456789"),
    channels=1,
    size=(8, 8),
    train_count=1438,
    test_count=359,
    source="UCI optical digits, in scikit-learn",
)


def read_digits(*, test: bool) -> tuple[Split, str]:
    """The train or the test split, in the file's order, and its digest; 17 grey levels spread over 0..255."""
    images, labels = _read()
    chosen = held_out(
        labels, fraction=TEST_FRACTION, seed=0, stream=TEST_STREAM, classes=INFO.classes, what="digits"
    )
    keep = chosen if test else ~chosen
    split = Split(images=images[keep], labels=labels[keep])
    return split, content_digest(split.images, split.labels)


@cache
def _read() -> tuple[Images, Labels]:
    # sklearn.datasets.load_digits reads this very file, but importing it takes more than a second.
    path = Path(str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")))
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.float64)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            f"digits: the installed scikit-learn has no readable {path.name}: {error}"
        ) from error
    images = np.floor(table[:, :-1] * (255 / 16) + 0.5).astype(np.uint8).reshape(-1, 8, 8, 1)
    labels = table[:, -1].astype(np.int32)
    if content_digest(images, labels) != CONTENT:
        raise InputError(
            f"digits: {path.name} of the installed scikit-learn holds other images than expected"
        )
    return images, labels
