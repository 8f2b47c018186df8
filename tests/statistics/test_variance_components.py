"""Seeds, images, flips and the common effect of a seed, against definitions written out."""

import dataclasses

import numpy as np
import pytest

from scaling_search.statistics.images import image_sample
from scaling_search.statistics.variance_components import errors, noise, without_common
from tests.statistics.scored import scored, stacked, with_holes


def holes(candidates: int, seeds: int, generator: np.random.Generator) -> np.ndarray:
    """A race's cells: everybody has the first two seeds, then they stop one by one."""
    last = generator.integers(2, seeds + 1, candidates)
    last[0] = seeds
    return np.asarray(np.arange(seeds) < last[:, None])


@pytest.mark.parametrize(("candidates", "seeds"), [(2, 2), (8, 3), (3, 8), (12, 5)])
def test_the_common_effect_is_removed_by_weighted_least_squares(candidates: int, seeds: int) -> None:
    """Against numpy's least squares on the design written out, several tables at once."""
    generator = np.random.default_rng(candidates)
    present = holes(candidates, seeds, generator)
    tables = np.where(present, generator.normal(size=(4, candidates, seeds)), 0)
    weights = generator.random(candidates) + 0.1
    candidate, seed = np.nonzero(present)
    design = np.zeros((len(candidate), candidates + seeds))
    design[np.arange(len(candidate)), candidate] = 1
    design[np.arange(len(candidate)), candidates + seed] = 1
    root = np.sqrt(weights[candidate])
    means, residuals = without_common(tables, present, weights)
    for table, mean, residual in zip(tables, means, residuals, strict=True):
        fit = np.linalg.lstsq(design * root[:, None], table[present] * root, rcond=None)[0]
        np.testing.assert_allclose(mean - mean[0], fit[:candidates] - fit[0], atol=1e-10)
        np.testing.assert_allclose(residual[present], table[present] - design @ fit, atol=1e-10)


def test_who_has_no_cell_has_no_mean_and_changes_nobody_elses() -> None:
    generator = np.random.default_rng(2)
    present, table = holes(7, 3, generator), generator.normal(size=(7, 3))
    padded = np.pad(present, ((0, 1), (0, 0)))
    means = without_common(np.pad(np.where(present, table, 0), ((0, 1), (0, 0))), padded, np.ones(8))[0]
    expected = without_common(np.where(present, table, 0), present, np.ones(7))[0]
    assert np.isnan(means[7])
    np.testing.assert_allclose(means[:7], expected, atol=1e-12)


def test_a_seed_that_nobody_is_judged_on_changes_nothing() -> None:
    scores = scored(seeds=3, images=200)
    padded = stacked(
        np.concatenate([scores.correct, scores.correct[:, :1]], axis=1),
        np.pad(scores.present, ((0, 0), (0, 1))),
    )
    np.testing.assert_allclose(noise(padded).square, noise(scores).square, rtol=1e-9)
    np.testing.assert_allclose(noise(padded).means, noise(scores).means, rtol=1e-12)


def test_an_easy_seed_flatters_nobody() -> None:
    """Two candidates alike, but one was never trained with the hard seed: their difference stays near nothing."""
    generator = np.random.default_rng(4)
    ease = np.array([0.0, 0.0, -0.1])
    correct = generator.random((6, 3, 4000)) < (0.85 + ease)[None, :, None]
    present = np.ones((6, 3), bool)
    present[0, 2] = False
    found, plain = noise(stacked(correct, present)), stacked(correct, present).means
    assert plain[0] - plain[1] > 0.02
    assert abs(found.means[0] - found.means[1]) < 0.01


def test_flips_are_those_of_the_definition() -> None:
    scores = scored(seeds=4)
    found = noise(scores)
    within = scores.correct.astype(float).var(axis=1, ddof=1).mean(axis=1)
    square = scores.seed_means.var(axis=1, ddof=1)
    np.testing.assert_allclose(found.flips, np.maximum(0, (within - square) / (scores.images - 1)), rtol=1e-9)


@pytest.mark.parametrize("group", [1, 10])
def test_flips_of_groups_are_the_part_of_a_seeds_scatter_that_images_explain(group: int) -> None:
    """Copies of an image flip together: s² is then all flips, of a sample as small as the groups are few."""
    generator = np.random.default_rng(0)
    correct = np.repeat(generator.random((200, 5, 60)) < 0.8, group, axis=2)
    sample = image_sample(groups=np.repeat(np.arange(60), group))
    found = noise(dataclasses.replace(stacked(correct), sample=sample))
    assert found.flips.mean() == pytest.approx(0.8 * 0.2 / 60, rel=0.05)
    assert found.square.mean() == pytest.approx(0.8 * 0.2 / 60, rel=0.1)


def test_a_noisy_candidate_leaves_the_others_as_they_are() -> None:
    """Its noise is not taken for a common effect of the seeds, which all others would then show too."""
    generator = np.random.default_rng(0)
    scatter = np.array([0.1, *[0.01] * 3])
    quiet = []
    for _ in range(40):
        level = 0.8 + scatter[:, None] * generator.standard_normal((4, 3))
        quiet.append(noise(stacked(generator.random((4, 3, 4000)) < level[:, :, None])).square[1:].mean())
    expected = 0.01**2 + 0.8 * 0.2 / 4000
    assert np.mean(quiet) == pytest.approx(expected, rel=0.35)


def test_what_a_seed_does_to_all_is_in_accuracies_and_not_in_differences() -> None:
    generator = np.random.default_rng(3)
    shift = 0.05 * generator.standard_normal(5)[None, :, None]
    found = noise(stacked(generator.random((8, 5, 4000)) < 0.8 + shift))
    assert np.median(found.raw.other_median) > 3 * np.median(found.seed.other_median)


def test_degrees_are_what_the_common_effect_leaves() -> None:
    """K candidates, S seeds: (K − 1)(S − 1) in all, as in any two-way layout."""
    for candidates, seeds in ((2, 3), (8, 5)):
        bits = np.random.default_rng(1).random((candidates, seeds, 300)) < 0.9
        found = noise(stacked(bits))
        assert found.degrees.sum() == pytest.approx((candidates - 1) * (seeds - 1))


def test_where_nobody_has_two_seeds_nothing_is_known_of_them() -> None:
    found = noise(scored(seeds=1))
    assert not found.seed.known and not found.raw.known
    assert found.seed.own_median.tolist() == [0.0] * 8


def test_errors_of_means_shrink_with_their_seeds() -> None:
    scores = with_holes()
    found = errors(scores)
    assert found[4] > found[0]
    assert errors(scored(seeds=5)).shape == (8,)
