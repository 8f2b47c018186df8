"""Accuracies, paired differences and their variance, against definitions and simulated truth."""

import numpy as np
import pytest

from scaling_search.errors import InputError
from scaling_search.racing.simulated_trainer import SimulatedTrainer, one_best
from scaling_search.statistics import variance_components
from scaling_search.statistics.intervals import IMAGES, IMAGES_AND_SEEDS, accuracies, differences
from scaling_search.statistics.scores import gather, summed
from scaling_search.statistics.variance_components import (
    SeedNoise,
    accuracy_noise,
    difference_noise,
    half_width,
    image_effects,
    image_variance,
)
from tests.statistics.scored import at_most, scored, stacked, with_holes


def test_seed_noise_is_that_of_the_analysis_of_variance() -> None:
    """A second derivation: residuals of the balanced three-way layout, by its textbook means."""
    scores = scored(seeds=4)
    y = scores.correct.astype(float)
    cell = y.mean(axis=2)
    residual = cell - cell.mean(1, keepdims=True) - cell.mean(0, keepdims=True) + cell.mean()
    degrees = (y.shape[0] - 1) * (y.shape[1] - 1)
    full = (
        y
        - y.mean(2, keepdims=True)
        - y.mean(1, keepdims=True)
        - y.mean(0, keepdims=True)
        + y.mean((1, 2), keepdims=True)
        + y.mean((0, 2), keepdims=True)
        + y.mean((0, 1), keepdims=True)
        - y.mean()
    )
    noise = difference_noise(scores)
    assert noise.degrees == degrees
    assert noise.raw == pytest.approx(np.sum(residual**2) / degrees, rel=1e-6)
    flips = np.sum(full**2) / (degrees * (scores.images - 1)) / scores.images
    assert noise.flips == pytest.approx(flips, rel=1e-4)


def test_image_effects_multiply_to_the_covariance_of_images() -> None:
    scores = with_holes()
    effects = image_effects(scores)
    expected = np.cov([scores.correct[row, own].mean(axis=0) for row, own in enumerate(scores.present)])
    np.testing.assert_allclose(effects @ effects.T, expected / scores.images, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(image_variance(scores), np.diag(expected) / scores.images, rtol=1e-12)


def test_a_deviation_is_over_the_seeds_there_are() -> None:
    scores = with_holes()
    for row, (accuracy, difference) in enumerate(
        zip(accuracies(scores), differences(scores, "c1"), strict=True)
    ):
        own, both = scores.present[row], scores.present[row] & scores.present[1]
        assert accuracy.sd == sample_deviation(scores.seed_means[row][own])
        gaps = scores.seed_means[row] - scores.seed_means[1]
        assert difference is not None and difference.sd == sample_deviation(gaps[both])
    assert differences(scores, "c0")[5] is None


def sample_deviation(values: np.ndarray) -> object:
    return None if len(values) < 2 else pytest.approx(values.std(ddof=1), abs=1e-15)


def test_some_of_the_scores_are_those_asked_for() -> None:
    scores = with_holes()
    for rows in ([0, 1], [1, 2], [4]):
        some = scores.only([f"c{row}" for row in rows])
        np.testing.assert_array_equal(some.correct, scores.correct[rows])
        np.testing.assert_array_equal(some.present, scores.present[rows])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_bits_and_shares_are_summed_alike(axis: int) -> None:
    right = np.random.default_rng(1).random((3, 4, 700)) < 0.9
    for marks in (right, right[:, ::2, ::3]):
        expected = marks.astype(np.float64).sum(axis=axis)
        for kind in (np.bool_, np.float32, np.float64):
            found = summed(marks.astype(kind), axis=axis)
            assert found.dtype == np.float64
            np.testing.assert_array_equal(found, expected)


def test_shuffling_the_images_of_one_candidate_widens_its_difference() -> None:
    scores = scored(seeds=3)
    paired = differences(scores, "c0")[1]
    correct = scores.correct.copy()
    correct[1] = correct[1][:, np.random.default_rng(0).permutation(scores.images)]
    unpaired = differences(stacked(correct), "c0")[1]
    assert paired is not None and unpaired is not None
    assert unpaired.value == pytest.approx(paired.value)
    assert unpaired.standard_error > 1.3 * paired.standard_error


def test_what_a_seed_does_to_all_candidates_widens_accuracies_but_not_differences() -> None:
    generator = np.random.default_rng(3)
    base = generator.random((6, 1, 400)) + 0.4 * generator.random((6, 4, 400))
    shift = np.array([0.0, 0.2, -0.2, 0.1])[None, :, None]
    alike, moved = stacked(base > 0.4), stacked(base + shift > 0.4)
    assert accuracies(moved)[0].standard_error > 2 * accuracies(alike)[0].standard_error
    with_shift, without = differences(moved, "c0")[1], differences(alike, "c0")[1]
    assert with_shift is not None and without is not None
    assert with_shift.standard_error < 1.5 * without.standard_error
    assert accuracy_noise(moved).degrees < 6, "four seeds that move together are few degrees of freedom"


@pytest.mark.parametrize("seeds", [2, 4])
def test_intervals_cover_the_truth(seeds: int) -> None:
    missed = {"accuracy": 0, "difference": 0}
    surface = one_best(1.0)
    searches = 100
    for search in range(searches):
        trainer = SimulatedTrainer(surface=surface, search=search, images=300)
        scores = scored(surface, seeds=seeds, search=search, images=300)
        truth = [trainer.truth(name) for name in surface.candidates]
        accuracy, difference = accuracies(scores)[0], differences(scores, "c0")[1]
        assert difference is not None
        missed["accuracy"] += not accuracy.low <= truth[0] <= accuracy.high
        missed["difference"] += not difference.low <= truth[1] - truth[0] <= difference.high
    assert all(at_most(count, searches, 0.05) for count in missed.values()), missed


def test_with_one_seed_only_images_are_covered_and_it_says_so() -> None:
    estimates = accuracies(scored(seeds=1))
    assert {estimate.sources for estimate in estimates} == {IMAGES}
    assert {estimate.sd for estimate in estimates} == {None}
    assert {estimate.sources for estimate in accuracies(scored(seeds=2))} == {IMAGES_AND_SEEDS}


def test_with_one_seed_the_accuracy_interval_is_wilsons() -> None:
    scores = scored(seeds=1, images=400)
    estimate = accuracies(scores)[0]
    mean, count, quantile = estimate.value, 400 - 1, 1.959964
    centre = (mean + quantile**2 / (2 * count)) / (1 + quantile**2 / count)
    half = (quantile * np.sqrt(mean * (1 - mean) / count + (quantile / (2 * count)) ** 2)) / (
        1 + quantile**2 / count
    )
    assert (estimate.low, estimate.high) == pytest.approx((centre - half, centre + half), abs=1e-4)


@pytest.mark.parametrize("value", [False, True])
def test_an_accuracy_of_nought_or_all_has_an_interval_inside_nought_to_one(value: bool) -> None:
    estimate = accuracies(stacked(np.full((2, 3, 50), value)))[0]
    assert estimate.low >= 0 and estimate.high <= 1
    assert estimate.low - 1e-12 <= estimate.value <= estimate.high + 1e-12
    assert 0.03 < estimate.high - estimate.low < 0.2


def test_equal_trials_differ_by_nought_give_or_take_an_image() -> None:
    bits = scored(seeds=2).correct[:1]
    estimate = differences(stacked(np.concatenate([bits, bits])), "c0")[1]
    assert estimate is not None
    assert estimate.value == 0
    assert 0 < estimate.high < 0.02


def test_differences_use_the_seeds_that_both_have() -> None:
    scores = scored(seeds=3)
    present = scores.present.copy()
    present[1, 2] = False
    estimate = differences(stacked(scores.correct, present), "c0")[1]
    expected = scores.correct[1, :2].mean() - scores.correct[0, :2].mean()
    assert estimate is not None
    assert estimate.value == pytest.approx(expected)
    assert estimate.seeds == 2


def test_no_seed_in_common_gives_no_difference() -> None:
    scores = scored(seeds=2)
    present = np.ones((8, 2), dtype=bool)
    present[1], present[0] = (True, False), (False, True)
    assert differences(stacked(scores.correct, present), "c0")[1] is None


def test_shares_are_compared_like_bits() -> None:
    """Where a candidate is judged by two networks, an image counts once, as the share that got it right."""
    bits = scored(seeds=3).correct
    trials = {f"c{c}": {s: bits[c, s].astype(float) for s in range(3)} for c in range(8)}
    shares = accuracies(gather(trials))
    whole = accuracies(stacked(bits))
    assert [e.low for e in shares] == pytest.approx([e.low for e in whole], abs=1e-6)
    halves = gather({"a": {0: np.full(10, 0.5)}, "b": {0: np.ones(10)}})
    assert halves.means == pytest.approx([0.5, 1.0])


def test_the_half_width_is_students_when_only_seeds_vary() -> None:
    from scipy.special import stdtrit

    noise = SeedNoise(raw=4.0, flips=0.0, degrees=3.0)
    found = half_width(np.array([1e-12]), np.array([0.5]), noise, level=0.95)
    assert found[0] == pytest.approx(np.sqrt(2.0) * stdtrit(3.0, 0.975), rel=0.01)


@pytest.mark.parametrize("degrees", [1.0, 2.0, 7.5, 200.0])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.9999])
def test_as_much_lies_outside_the_half_width_as_asked(
    degrees: float, level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defining equation, at image variances from none to all, in a few steps."""
    from scipy.special import ndtr

    monkeypatch.setattr(variance_components, "_MOST_STEPS", 22)
    noise = SeedNoise(raw=1e-4, flips=3e-5, degrees=degrees)
    image = np.array([1e-14, 1e-6, 1e-4, 1.0])
    half = half_width(image, np.full(4, 0.5), noise, level=level)
    nodes, weights = np.polynomial.legendre.leggauss(80)
    deviations = np.sqrt(image[:, None] + 0.5 * noise.pivots((1 + nodes) / 2))
    outside = (2 * ndtr(-half[:, None] / deviations)) @ (weights / 2)
    assert outside == pytest.approx(1 - level, rel=1e-6)


def test_trials_scored_on_different_images_are_refused() -> None:
    with pytest.raises(InputError, match="b with seed 0 was scored on 9 validation images and a on 10"):
        gather({"a": {0: np.ones(10, bool)}, "b": {0: np.ones(9, bool)}})
    with pytest.raises(InputError, match="no complete trial"):
        gather({"a": {}})
