from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.data.splits import held_out, split_fingerprint
from scaling_search.errors import InputError

CLASSES = ("a", "b", "c")
labels_of = st.lists(st.integers(0, 2), min_size=1, max_size=60).map(lambda a: np.array(a * 2, np.int32))


def hold(labels: np.ndarray, fraction: float = 0.25, seed: int = 0, stream: int = 2) -> np.ndarray:
    return held_out(labels, fraction=fraction, seed=seed, stream=stream, classes=CLASSES, what="set")


@given(labels_of, st.floats(0.01, 0.99), st.integers(0, 2**64 - 1))
def test_each_class_gives_its_share(labels: np.ndarray, fraction: float, seed: int) -> None:
    chosen = hold(labels, fraction, seed)
    for label in np.unique(labels):
        n = int((labels == label).sum())
        assert chosen[labels == label].sum() == min(max(int(fraction * n + 0.5), 1), n - 1)


@given(labels_of, st.floats(0.01, 0.5), st.integers(0, 99))
def test_a_larger_fraction_holds_out_a_superset(labels: np.ndarray, fraction: float, seed: int) -> None:
    assert not (hold(labels, fraction, seed) & ~hold(labels, fraction + 0.3, seed)).any()


def test_the_choice_is_fixed_for_ever() -> None:
    # Written down, not computed: if this changes, old ledgers no longer say what they trained on.
    assert np.flatnonzero(hold(np.arange(30, dtype=np.int32) % 3)).tolist() == [
        6,
        10,
        13,
        14,
        24,
        25,
        26,
        27,
        29,
    ]


def test_seed_and_stream_choose_differently() -> None:
    labels = np.zeros(200, np.int32)
    choices = [hold(labels, seed=seed, stream=stream) for seed in (0, 1) for stream in (1, 2)]
    for i, one in enumerate(choices):
        for other in choices[:i]:
            # Independent quarters of 200 share 12.5 images, give or take 2.7.
            assert 3 <= (one & other).sum() <= 24


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan"), float("inf")])
def test_bad_fraction(fraction: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        hold(np.zeros(4, np.int32), fraction)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_bad_seed(seed: int) -> None:
    with pytest.raises(InputError, match="split seed"):
        hold(np.zeros(4, np.int32), seed=seed)


def test_a_class_of_one_image_is_named() -> None:
    with pytest.raises(InputError, match="class 'b' has one image"):
        hold(np.array([0, 0, 1], np.int32))


def test_the_fingerprint_tells_all_apart() -> None:
    base = {"classes": 3, "validation": 0.2, "split_seed": 0}
    variants = [
        split_fingerprint("aa", **base),
        split_fingerprint("ab", **base),
        split_fingerprint("aa", **(base | {"classes": 4})),
        split_fingerprint("aa", **(base | {"validation": 0.25})),
        split_fingerprint("aa", **(base | {"split_seed": 1})),
    ]
    assert len(set(variants)) == len(variants)
