"""Draws of what chance makes of the candidates have the variance that the model says."""

import dataclasses

import numpy as np
import pytest

from scaling_search.statistics.draws import drawn, usual_draws, variances
from scaling_search.statistics.images import image_sample
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import noise
from tests.statistics.scored import scored, stacked, with_holes


def many_images() -> Scores:
    """More candidates than images: the draws then begin at the images."""
    return stacked(np.random.default_rng(0).random((30, 1, 20)) < 0.7)


@pytest.mark.parametrize("scores", [scored(seeds=1), many_images()], ids=["few", "many"])
def test_without_seeds_draws_scatter_as_images_do(scores: Scores) -> None:
    found = noise(scores)
    chance = drawn(scores, found, draws=40_000)
    expected = variances(scores, found, np.arange(2))
    for row in range(2):
        gaps = chance.other - chance.own[:, row, None]
        others = np.arange(len(scores.names)) != row
        np.testing.assert_allclose(gaps.var(axis=0)[others], expected[row][others], rtol=0.16)


def test_seeds_add_to_what_images_do_and_more_for_the_candidate_under_test() -> None:
    scores = scored(seeds=3)
    found = noise(scores)
    chance = drawn(scores, found, draws=20_000)
    assert (chance.own.std(axis=0) > 1.02 * chance.other.std(axis=0)).all()
    images = np.sqrt((found.effects**2).sum(axis=1))
    assert (chance.other.std(axis=0) > 1.02 * images).all()


def test_a_maximum_is_the_largest_of_all_differences() -> None:
    scores = scored(seeds=3)
    chance, errors = drawn(scores, noise(scores), draws=50), np.linspace(0.01, 0.02, 8)
    expected = [
        max((chance.other[d, j] - chance.own[d, 2]) / errors[j] for j in range(8) if j != 2)
        for d in range(50)
    ]
    np.testing.assert_allclose(chance.maxima(2, errors), expected, rtol=1e-5)


def test_the_same_scores_give_the_same_draws() -> None:
    first, second = (drawn(scored(), noise(scored()), draws=100) for _ in range(2))
    np.testing.assert_array_equal(first.own, second.own)


def test_few_groups_have_students_tails() -> None:
    bits = np.random.default_rng(1).random((3, 1, 400)) < 0.8
    tails = []
    for groups in (np.arange(400), np.arange(400) % 11):
        scores = dataclasses.replace(stacked(bits), sample=image_sample(groups=groups))
        found = noise(scores)
        other = drawn(scores, found, draws=20_000).other[:, 0]
        tails.append(float(np.quantile(np.abs(other), 0.99)) / float(np.sqrt((found.effects[0] ** 2).sum())))
    assert tails == pytest.approx([2.58, 3.17], rel=0.06), "normal, and Student's with 10 degrees of freedom"


def test_other_seeds_bring_the_doubt_about_their_ease() -> None:
    """Candidates with the same seeds differ as surely as ever; those with others less so."""
    scores = with_holes()
    found = noise(scores)
    assert found.shared is not None
    plain = dataclasses.replace(found, shared=None)
    with_doubt, without = (variances(scores, some, np.arange(6)) for some in (found, plain))
    assert (with_doubt >= without - 1e-12).all()
    assert with_doubt[0, 5] > 1.01 * without[0, 5]


def test_points_far_out_have_more_draws_and_very_many_candidates_fewer() -> None:
    assert usual_draws(0.95, 8) == 4000
    assert usual_draws(0.997, 8) > 10_000
    assert usual_draws(0.9999999, 8) == 20_000
    assert usual_draws(0.95, 5000) == 1000
