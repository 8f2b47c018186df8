"""Accuracies and differences with intervals, the winner's corrected for its choice."""

import dataclasses

import numpy as np
import pytest

from scaling_search.racing.simulated_trainer import CHANCE, SimulatedTrainer, Surface, one_best
from scaling_search.statistics.images import ImageSample, image_sample
from scaling_search.statistics.intervals import IMAGES, IMAGES_AND_SEEDS, Estimate, accuracies, winner
from scaling_search.statistics.multiple_comparisons import compare
from scaling_search.statistics.scores import Scores
from tests.statistics.scored import at_least, scored, stacked, with_holes

SEARCHES = 50


def differences(scores: Scores, leader: str) -> tuple[Estimate, ...]:
    found = winner(scores, leader, compare(scores)).differences
    return tuple(found[name] for name in scores.names)


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_winners_figures_hold_although_it_was_chosen(seeds: int) -> None:
    surface, held, plain, apart = one_best(0), 0, 0, 0.0
    for search in range(SEARCHES):
        scores = scored(surface, seeds=seeds, search=search, images=300)
        chosen = scores.names[int(scores.means.argmax())]
        found = winner(scores, chosen, compare(scores, draws=1000), draws=1000)
        alone = accuracies(scores, draws=1000)[int(scores.means.argmax())]
        held += found.accuracy.low <= 0.9 <= found.accuracy.high
        plain += alone.low <= 0.9 <= alone.high
        apart += np.mean([e.low <= 0 <= e.high for name, e in found.differences.items() if name != chosen])
    assert at_least(held, SEARCHES, 0.95), held
    assert plain <= held, "the plain interval of a winner lies too high"
    assert at_least(round(apart), SEARCHES, 0.95), apart


def test_the_correction_is_downwards_and_only_as_far_as_there_was_a_choice() -> None:
    scores = scored(one_best(20.0))
    plain, found = accuracies(scores)[0], winner(scores, "c0", compare(scores)).accuracy
    assert found.low == pytest.approx(plain.low, abs=0.004)
    tied = scored(one_best(0, 16))
    chosen = int(tied.means.argmax())
    alone, corrected = (
        accuracies(tied)[chosen],
        winner(tied, tied.names[chosen], compare(tied)).accuracy,
    )
    assert corrected.low < alone.low - 0.003
    assert corrected.high == pytest.approx(alone.high, abs=0.004)
    assert corrected.value == alone.value


def test_a_tied_row_always_has_nought_in_its_difference() -> None:
    for search in range(15):
        scores = scored(one_best(1.0), search=search, images=300)
        behind = compare(scores, draws=1000)
        for chosen in behind.set[:2]:
            found = winner(scores, chosen, behind, draws=1000).differences
            assert all(found[name].low <= 0 <= found[name].high for name in behind.set)
            assert found[chosen] == dataclasses.replace(found[chosen], value=0, low=0, high=0)


def test_a_deviation_is_over_the_seeds_there_are() -> None:
    scores = with_holes()
    for row, (accuracy, difference) in enumerate(
        zip(accuracies(scores), differences(scores, "c1"), strict=True)
    ):
        own, both = scores.present[row], scores.present[row] & scores.present[1]
        assert accuracy.sd == sample_deviation(scores.seed_means[row][own])
        gaps = scores.seed_means[row] - scores.seed_means[1]
        assert difference is not None and difference.sd == sample_deviation(gaps[both])
    assert differences(scores, "c0")[5].seeds == 0


def sample_deviation(values: np.ndarray) -> object:
    return None if len(values) < 2 else pytest.approx(values.std(ddof=1), abs=1e-15)


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
    # The half width is found by draws.
    assert (estimate.low, estimate.high) == pytest.approx((centre - half, centre + half), abs=2e-3)


@pytest.mark.parametrize("value", [False, True])
def test_an_accuracy_of_nought_or_all_has_an_interval_inside_nought_to_one(value: bool) -> None:
    estimate = accuracies(stacked(np.full((2, 3, 50), value)))[0]
    assert estimate.low >= 0 and estimate.high <= 1
    assert estimate.low - 1e-12 <= estimate.value <= estimate.high + 1e-12
    assert 0.03 < estimate.high - estimate.low < 0.2


def test_no_seed_in_common_gives_no_difference() -> None:
    scores = scored(seeds=2)
    present = np.ones((8, 2), dtype=bool)
    present[1], present[0] = (True, False), (False, True)
    assert differences(stacked(scores.correct, present), "c0")[1].seeds == 0


def test_groups_of_near_duplicates_are_covered_and_without_their_labels_they_are_not() -> None:
    images = 1000
    surface = Surface(name="groups", gaps=(0.0,) * 2, group=50)
    held = unaware = 0
    for search in range(SEARCHES):
        trainer = SimulatedTrainer(surface=surface, search=search, images=images)
        scores = scored(surface, seeds=6, search=search, images=images)
        grouped = dataclasses.replace(scores, sample=trainer.sample())
        known, unknown = (accuracies(some, draws=1000)[0] for some in (grouped, scores))
        held += known.low <= 0.9 <= known.high
        unaware += unknown.low <= 0.9 <= unknown.high
    assert at_least(held, SEARCHES, 0.92), held
    assert not at_least(unaware, SEARCHES, 0.92), unaware


def test_too_few_groups_have_no_interval() -> None:
    scores = dataclasses.replace(scored(), sample=image_sample(groups=np.arange(500) % 5))
    found = winner(scores, "c0", compare(scores))
    assert np.isnan([found.accuracy.low, found.accuracy.high, found.differences["c1"].low]).all()
    assert found.accuracy.value > 0.8


def test_what_collapsed_is_left_out_and_said_apart() -> None:
    surface = Surface(name="collapse", gaps=(0.0,) * 4, collapse=0.15)
    sample, held, searches = ImageSample(chance=CHANCE), 0, 0
    for search in range(40):
        scores = dataclasses.replace(scored(surface, seeds=5, search=search, images=300), sample=sample)
        found = winner(scores, "c0", compare(scores, draws=1000), draws=1000)
        assert found.accuracy.low > 0.7
        if found.expected is None:
            assert found.collapses.collapsed == 0
            continue
        searches += 1
        assert found.expected.value < found.accuracy.value
        held += found.expected.low <= 0.85 * 0.9 + 0.15 * CHANCE <= found.expected.high
    assert searches > 25
    assert at_least(held, searches, 0.93), (held, searches)


def test_the_interval_of_equal_noise_is_little_wider_than_that_of_one_pooled_sd() -> None:
    """The price of not assuming that all candidates scatter alike."""
    from benchmarks.validate import pooled

    wide, before = [], []
    for search in range(20):
        scores = scored(search=search)
        chosen = int(scores.means.argmax())
        found = winner(scores, scores.names[chosen], compare(scores, draws=2000), draws=2000).accuracy
        wide.append(found.high - found.low)
        before.append(pooled.width(scores, chosen))
    assert 1 < np.median(wide) / np.median(before) < 1.6
