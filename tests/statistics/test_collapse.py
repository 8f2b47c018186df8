"""Seeds that collapsed are flagged, and nothing else is."""

import dataclasses

import numpy as np
import pytest

from scaling_search.racing.simulated_trainer import CHANCE, Surface
from scaling_search.statistics.collapse import collapse_rate, collapsed, judged, with_collapses
from scaling_search.statistics.images import ImageSample
from scaling_search.statistics.multiple_comparisons import compare
from scaling_search.statistics.scores import Scores
from tests.statistics.scored import scored, stacked


def accuracies(table: list[list[float]], images: int = 2000, chance: float | None = CHANCE) -> Scores:
    generator = np.random.default_rng(0)
    scores = stacked(generator.random((*np.shape(table), images)) < np.array(table)[:, :, None])
    return dataclasses.replace(scores, sample=ImageSample(chance=chance))


def test_a_seed_below_half_of_the_way_is_flagged() -> None:
    scores = accuracies([[0.9, 0.9, 0.45], [0.9, 0.1, 0.9], [0.9, 0.55, 0.9]])
    assert collapsed(scores).tolist() == [[False, False, True], [False, True, False], [False, False, False]]
    assert not collapsed(accuracies([[0.9, 0.1]], chance=None)).any()


def test_where_nothing_was_learnt_nothing_has_collapsed() -> None:
    """Accuracies a little above chance scatter around half of the way; that is noise."""
    scores = accuracies([[0.11, 0.10, 0.12]] * 3, images=500)
    assert not collapsed(scores).any()


def test_tidy_searches_have_no_collapse() -> None:
    for search in range(10):
        scores = dataclasses.replace(scored(search=search), sample=ImageSample(chance=CHANCE))
        assert not collapsed(scores).any()


def test_a_candidate_is_judged_on_its_other_seeds_and_one_that_has_none_on_all() -> None:
    scores = accuracies([[0.9, 0.9, 0.1], [0.9, 0.9, 0.9], [0.1, 0.12, 0.1], [0.9, 0.9, 0.9]])
    flagged = collapsed(scores)
    kept = judged(scores, flagged)
    assert flagged.sum(axis=1).tolist() == [1, 0, 3, 0]
    assert kept.counts.tolist() == [2, 3, 3, 3]
    assert kept.means[0] > 0.85 and kept.means[2] < 0.2


def test_two_collapses_cannot_be_named_and_widen_nobody() -> None:
    table = [[0.95, 0.95, 0.1, 0.1, 0.95], [0.85] * 5, [0.85, 0.1, 0.85, 0.85, 0.85]]
    found = compare(accuracies(table))
    assert found.collapsed.tolist() == [2, 0, 1]
    assert found.set == ("c0",)
    assert not found.nameable.any() and found.within(0.5) == ()
    assert found.high.max() < 0.2, "a collapse of 80 points is not counted as scatter"


def test_the_best_is_inside_though_one_seed_in_ten_collapses() -> None:
    surface = Surface(name="collapse", gaps=(0.0, 4.0, 4.0, 4.0), collapse=0.1)
    sizes = {"flagged": 0, "all": 0}
    for search in range(30):
        scores = scored(surface, seeds=4, search=search)
        found = compare(dataclasses.replace(scores, sample=ImageSample(chance=CHANCE)), draws=1000)
        assert found.inside[0]
        sizes["flagged"] += len(found.set)
        sizes["all"] += len(compare(scores, draws=1000).set)
    assert sizes["flagged"] < 0.75 * sizes["all"], sizes


@pytest.mark.parametrize(("count", "trials"), [(0, 10), (3, 24), (7, 7)])
def test_the_rate_has_the_exact_interval(count: int, trials: int) -> None:
    """Clopper & Pearson: at either end such a count has a chance of 2.5 %."""
    from scipy.special import bdtr, bdtrc

    found = collapse_rate(count, trials)
    assert found.low <= found.value <= found.high
    assert count == 0 or bdtrc(count - 1, trials, found.low) == pytest.approx(0.025)
    assert count == trials or bdtr(count, trials, found.high) == pytest.approx(0.025)


def test_the_accuracy_to_expect_is_a_mixture() -> None:
    draws = with_collapses(np.full(4000, 0.9), collapse_rate(20, 100), 0.1)
    assert draws.mean() == pytest.approx(0.8 * 0.9 + 0.2 * 0.1, abs=0.005)
    assert draws.std() == pytest.approx(0.8 * 0.04, rel=0.1)
