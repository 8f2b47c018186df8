"""The winner's accuracy on data that did not choose it."""

import dataclasses

import numpy as np
import pytest

from scaling_search.racing.simulated_trainer import one_best
from scaling_search.statistics.images import image_sample
from scaling_search.statistics.selection import _selection_error_ratio, held_out
from tests.statistics.scored import scored, stacked

SEARCHES = 80


@pytest.mark.parametrize("seeds", [2, 4])
def test_the_held_out_estimate_is_right_on_average(seeds: int) -> None:
    surface = one_best(0)
    apparent, honest = [], []
    for search in range(SEARCHES):
        scores = scored(surface, seeds=seeds, search=search, images=300)
        estimate = held_out(scores, scores.names[int(np.argmax(scores.means))])
        apparent.append(estimate.apparent - 0.9)
        honest.append(estimate.value - 0.9)
    error = np.std(honest) / np.sqrt(SEARCHES)
    assert abs(np.mean(honest)) < 3 * error
    assert np.mean(apparent) > 3 * error, "the plain mean of a winner is too high"


def test_a_winner_that_always_wins_keeps_its_mean() -> None:
    scores = scored(one_best(20.0), seeds=3)
    estimate = held_out(scores, "c0")
    assert estimate.optimism == pytest.approx(0, abs=1e-12)
    assert (estimate.agreement, estimate.choices, estimate.seeds) == (1.0, 15, True)
    assert not held_out(scored(one_best(20.0), seeds=1), "c0").seeds


def test_who_was_not_trained_with_the_held_out_seed_is_not_chosen() -> None:
    """c1 is right everywhere but has no fourth seed; c2 shares no seed with the others."""
    present = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 1]], dtype=bool)
    correct = np.ones((3, 5, 100), dtype=bool)
    correct[0] = np.random.default_rng(0).random((5, 100)) < 0.6
    estimate = held_out(stacked(correct, present), "c0")
    assert (estimate.choices, estimate.agreement) == (20, 5 / 20)


def test_the_held_out_choice_of_a_whole_table_is_that_of_plain_means() -> None:
    scores = scored(one_best(0), seeds=3, images=100)
    row = int(np.argmax(scores.means))
    estimate = held_out(scores, scores.names[row])
    chosen, gaps = [], []
    for seed in range(3):
        others = [one for one in range(3) if one != seed]
        for fold in range(5):
            part = np.arange(fold, 100, 5)
            rest = np.delete(scores.correct[:, others], part, axis=2).sum(axis=(1, 2))
            chosen.append(rest.argmax())
            gaps.append(rest.max() / 160 - scores.correct[chosen[-1], seed, part].mean())
    assert estimate.agreement == np.mean(np.array(chosen) == row)
    assert 0 < estimate.agreement < 1
    ratio = _selection_error_ratio(scores, row, folds=5, by_seed=True)
    assert estimate.optimism == pytest.approx(np.mean(gaps) * ratio, rel=1e-9)


def test_images_of_one_group_are_held_out_together() -> None:
    """Copies of what chose would choose the same again, and the optimism would be seen too small."""
    found = []
    for search in range(20):
        scores = scored(one_best(0), search=search, images=40)
        copied = stacked(np.repeat(scores.correct, 10, axis=2))
        grouped = dataclasses.replace(copied, sample=image_sample(groups=np.repeat(np.arange(40), 10)))
        name = scores.names[int(scores.means.argmax())]
        found.append([held_out(some, name).optimism for some in (scores, grouped)])
    alone, together = np.mean(found, axis=0)
    assert together == pytest.approx(alone, rel=0.25)
