"""What is named, and what is said to be missing where that is open."""

import dataclasses

import numpy as np
import pytest

from scaling_search.errors import UsageError
from scaling_search.racing.simulated_trainer import CHANCE, Surface, one_best
from scaling_search.statistics.decision import HALF_A_POINT, Decision, decide
from scaling_search.statistics.images import ImageSample
from scaling_search.statistics.multiple_comparisons import compare
from scaling_search.statistics.scores import Scores
from tests.statistics.scored import at_most, scored, stacked

TRIPLES = {"c0": (2.0, 1.0, 1.0), "c1": (1.2, 1.1, 1.15), "c2": (1.0, 2**0.5, 1.0), "c3": (1.3, 1.1, 1.1)}
ALIKE = dict.fromkeys(TRIPLES, 1.0)


def decided(scores: Scores, **options: object) -> Decision:
    return decide(scores, compare(scores, draws=1000), **options)  # type: ignore[arg-type]


def duplicates() -> Scores:
    """Four candidates that get the very same images right."""
    bits = scored(one_best(0, 1), seeds=4).correct
    return stacked(np.repeat(bits, 4, axis=0))


def test_of_all_that_are_equal_within_the_indifference_the_cheapest_is_named_then_the_most_central() -> None:
    found = decided(duplicates(), costs=ALIKE, triples=TRIPLES, indifference=0.02)
    assert found.decided and found.missing is None
    assert found.winner in {"c1", "c3"}, "the corners are far from the centroid"
    assert set(found.within) == set(TRIPLES)
    cheaper = decided(duplicates(), costs=ALIKE | {"c2": 0.9}, triples=TRIPLES, indifference=0.02)
    assert cheaper.winner == "c2" and cheaper.within[0] == "c2"


def test_an_open_search_names_the_leading_candidate_and_says_how_many_seeds_would_do() -> None:
    scores = scored(one_best(0), seeds=3, images=2000)
    found = decided(scores, indifference=0.006)
    assert not found.decided and found.within == ()
    assert found.winner == scores.names[int(scores.means.argmax())]
    assert found.missing == "seeds" and found.seeds is not None and found.seeds > 10
    assert found.images is None


def test_the_seeds_that_are_said_to_decide_it_mostly_do() -> None:
    """Candidates alike within the indifference: what is said after three seeds, then trained."""
    surface = one_best(0, 4)
    right = 0
    for search in range(6):
        found = decided(scored(surface, search=search, images=2000), indifference=0.012)
        seeds = 3 if found.decided else found.seeds
        assert seeds is not None and 3 <= seeds < 60
        right += decided(scored(surface, search=search, images=2000, seeds=seeds), indifference=0.012).decided
    assert right >= 3, right


def test_beyond_the_budget_it_is_neither() -> None:
    scores = scored(one_best(0), seeds=3, images=2000)
    assert decided(scores, indifference=0.006, most_seeds=8).missing == "neither"


def test_networks_that_disagree_on_images_for_good_need_more_images() -> None:
    """Every seed of a candidate gets the same images right: only other images could tell the two apart."""
    generator = np.random.default_rng(0)
    right = np.arange(300) < 240
    bits = np.array([[generator.permutation(right)] * 4 for _ in range(2)])
    flips = generator.random(bits.shape) < 0.01
    found = decided(stacked(bits ^ flips), indifference=0.005)
    assert found.missing == "images"
    assert found.images is not None and found.images > 3000
    assert found.seeds is None


def test_the_usual_indifference_is_half_a_point_or_what_the_images_can_show() -> None:
    alike = decided(duplicates())
    assert alike.indifference == HALF_A_POINT and alike.smallest == 0
    generator = np.random.default_rng(0)
    apart = decided(stacked(np.repeat(generator.random((3, 1, 300)) < 0.8, 3, axis=1)))
    assert apart.smallest > 0.05
    assert apart.indifference == pytest.approx(2**0.5 * apart.smallest)


def test_fewer_than_three_seeds_decide_nothing() -> None:
    found = decided(scored(one_best(20.0), seeds=2))
    assert not found.decided and found.winner == "c0"
    assert (found.missing, found.seeds) == ("seeds", 3)


def test_the_only_candidate_is_the_only_one() -> None:
    found = decided(scored(one_best(0, 1), seeds=1))
    assert found.alone and found.decided and found.winner == "c0"


def test_whose_seeds_collapse_twice_is_not_named() -> None:
    generator = np.random.default_rng(0)
    level = np.array([[0.95, 0.1, 0.95, 0.1, 0.95], [0.90] * 5, [0.89] * 5])
    scores = stacked(generator.random((3, 5, 3000)) < level[:, :, None])
    flagged = dataclasses.replace(scores, sample=ImageSample(chance=CHANCE))
    assert compare(flagged).set == ("c0",)
    found = decided(flagged, indifference=0.02)
    assert (found.winner, found.decided) == ("c1", False), "the best of those that train reliably"
    assert found.missing == "neither"
    twice = stacked(generator.random((2, 5, 3000)) < level[[0, 0]][:, :, None])
    nobody = decided(dataclasses.replace(twice, sample=ImageSample(chance=CHANCE)))
    assert nobody.winner is None and not nobody.decided


def test_what_passes_for_equal_seldom_is_not() -> None:
    """Gaps a little larger than what counts as nothing, and the worse ones cheaper."""
    surface = Surface(name="beyond", gaps=(0.0, *(1.8,) * 3))
    costs = {f"c{at}": -float(at) for at in range(4)}
    wrong, searches = 0, 50
    for search in range(searches):
        found = decided(scored(surface, seeds=4, search=search, images=2000), costs=costs, indifference=0.012)
        wrong += found.decided and found.winner != "c0"
    assert at_most(wrong, searches, 0.05), wrong


def test_an_indifference_that_is_no_share_is_refused() -> None:
    with pytest.raises(UsageError, match=r"indifference 1\.5"):
        decided(scored(), indifference=1.5)
