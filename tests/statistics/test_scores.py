"""Tables of right and wrong: what is kept, what is refused."""

import numpy as np
import pytest

from scaling_search.errors import InputError
from scaling_search.statistics.intervals import accuracies
from scaling_search.statistics.scores import gather, summed
from tests.statistics.scored import scored, stacked, with_holes


def test_some_of_the_scores_are_those_asked_for() -> None:
    scores = with_holes()
    for rows in ([0, 1], [1, 2], [4]):
        some = scores.only([f"c{row}" for row in rows])
        np.testing.assert_array_equal(some.correct, scores.correct[rows])
        np.testing.assert_array_equal(some.present, scores.present[rows])


def test_trials_left_out_are_absent_and_count_nothing() -> None:
    scores = scored(seeds=3, images=50)
    cells = np.zeros_like(scores.present)
    cells[1, 2] = True
    left = scores.without(cells)
    assert left.correct.dtype == np.bool_
    assert left.counts.tolist() == [3, 2, 3, 3, 3, 3, 3, 3]
    assert left.means[1] == pytest.approx(scores.correct[1, :2].mean())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_bits_and_shares_are_summed_alike(axis: int) -> None:
    right = np.random.default_rng(1).random((3, 4, 700)) < 0.9
    for marks in (right, right[:, ::2, ::3]):
        expected = marks.astype(np.float64).sum(axis=axis)
        for kind in (np.bool_, np.float32, np.float64):
            found = summed(marks.astype(kind), axis=axis)
            assert found.dtype == np.float64
            np.testing.assert_array_equal(found, expected)


def test_shares_are_compared_like_bits() -> None:
    """Where a candidate is judged by two networks, an image counts once, as the share that got it right."""
    bits = scored(seeds=3).correct
    trials = {f"c{c}": {s: bits[c, s].astype(float) for s in range(3)} for c in range(8)}
    shares = accuracies(gather(trials))
    whole = accuracies(stacked(bits))
    assert [e.low for e in shares] == pytest.approx([e.low for e in whole], abs=1e-6)
    halves = gather({"a": {0: np.full(10, 0.5)}, "b": {0: np.ones(10)}})
    assert halves.means == pytest.approx([0.5, 1.0])


def test_seeds_come_in_the_order_given_and_others_are_left_out() -> None:
    trials = {"a": {seed: np.full(4, seed > 1) for seed in range(4)}}
    assert gather(trials).seeds == (0, 1, 2, 3)
    found = gather(trials, seeds=[3, 1])
    assert found.seeds == (3, 1)
    assert found.seed_means.tolist() == [[1.0, 0.0]]


def test_trials_scored_on_different_images_are_refused() -> None:
    with pytest.raises(InputError, match="b with seed 0 was scored on 9 validation images and a on 10"):
        gather({"a": {0: np.ones(10, bool)}, "b": {0: np.ones(9, bool)}})
    with pytest.raises(InputError, match="no complete trial"):
        gather({"a": {}})
    with pytest.raises(InputError, match="1 validation image: at least 2"):
        gather({"a": {0: np.ones(1, bool)}})
