from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.data.splits import held_out, split_fingerprint
from scaling_search.errors import InputError

CLASSES = ("a", "b", "c")
labels_of = st.lists(st.integers(0, 2), min_size=1, max_size=60).map(lambda a: np.array(a * 2, np.int32))


def hold(
    labels: np.ndarray,
    fraction: float = 0.25,
    seed: int = 0,
    stream: int = 2,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    return held_out(
        labels, fraction=fraction, seed=seed, stream=stream, classes=CLASSES, what="set", groups=groups
    )


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
        split_fingerprint("aa", **base, grouped=True),
        split_fingerprint("aa", **base, fixed="bb"),
        split_fingerprint("aa", **base, fixed="bc"),
        split_fingerprint("aa", **base, skipped="bb"),
    ]
    assert len(set(variants)) == len(variants)


def test_a_fixed_validation_split_makes_share_and_seed_nothing() -> None:
    one = split_fingerprint("aa", classes=3, validation=0.2, split_seed=0, fixed="bb")
    assert one == split_fingerprint("aa", classes=3, validation=0.4, split_seed=7, fixed="bb")


# Groups


@given(labels_of, st.floats(0.01, 0.99), st.integers(0, 99))
def test_groups_of_one_image_are_no_groups(labels: np.ndarray, fraction: float, seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(len(labels)).astype(np.int32)
    assert (hold(labels, fraction, seed, groups=groups) == hold(labels, fraction, seed)).all()


@given(st.integers(3, 30), st.integers(1, 9), st.floats(0.1, 0.6), st.integers(0, 99))
def test_whole_groups_are_held_out_near_to_their_share(
    count: int, largest: int, fraction: float, seed: int
) -> None:
    """Groups of one class each, of any size: each class is as near to its share as its groups allow."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, largest + 1, 3 * count)
    groups = np.repeat(np.arange(3 * count), sizes).astype(np.int32)
    labels = (groups % 3).astype(np.int32)
    chosen = hold(labels, fraction, seed, groups=groups)
    for group in range(3 * count):
        assert len(set(chosen[groups == group].tolist())) == 1
    for label in range(3):
        mine = labels == label
        share = min(max(int(fraction * mine.sum() + 0.5), 1), mine.sum() - 1)
        assert 0 < chosen[mine].sum() < mine.sum()
        assert abs(chosen[mine].sum() - share) <= largest


def test_groups_are_drawn_by_their_first_image_for_ever() -> None:
    # Written down, not computed, as above.
    groups = np.arange(30, dtype=np.int32) // 3
    chosen = hold(np.arange(30, dtype=np.int32) % 3, groups=groups)
    assert np.unique(groups[chosen]).tolist() == [2, 8, 9]


def test_a_class_in_one_group_is_named() -> None:
    labels, groups = np.array([0, 0, 1, 1, 1, 2, 2], np.int32), np.array([0, 1, 2, 2, 2, 3, 4], np.int32)
    with pytest.raises(InputError, match="class 'b' cannot be split by groups: its images lie in 1 of them"):
        hold(labels, groups=groups)
