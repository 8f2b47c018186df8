"""How validation images count and hang together."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.errors import UsageError
from scaling_search.statistics.images import (
    ImageSample,
    chance_level,
    image_sample,
    one_class,
    scarce_classes,
)
from tests.statistics.scored import scored

LABELS = np.random.default_rng(2).choice(3, 400, p=(0.7, 0.2, 0.1))


def test_effects_multiply_to_the_covariance_of_the_accuracies() -> None:
    means = np.random.default_rng(0).random((4, 60))
    effects = ImageSample().effects(means)
    np.testing.assert_allclose(effects @ effects.T, np.cov(means) / 60, rtol=1e-12)


def test_balanced_accuracy_is_the_mean_over_classes() -> None:
    scores = dataclasses.replace(scored(images=400), sample=image_sample(LABELS, metric="balanced-accuracy"))
    expected = np.mean([scores.correct[:, :, k == LABELS].mean(axis=2) for k in range(3)], axis=0)
    np.testing.assert_allclose(scores.seed_means, expected, rtol=1e-12)


def test_images_drawn_within_classes_have_the_variance_of_the_mean_of_classes() -> None:
    means = np.random.default_rng(0).random((2, 400)) + LABELS
    effects = image_sample(LABELS, metric="balanced-accuracy").effects(means)
    by_class = [np.cov(means[:, k == LABELS]) / (k == LABELS).sum() / 9 for k in range(3)]
    np.testing.assert_allclose(effects @ effects.T, np.sum(by_class, axis=0), rtol=1e-12)


@given(st.integers(2, 60))
def test_groups_of_one_image_change_nothing(images: int) -> None:
    means = np.random.default_rng(images).random((3, images))
    alone, grouped = ImageSample(), image_sample(groups=np.arange(images)[::-1])
    one, other = (sample.effects(means) for sample in (alone, grouped))
    np.testing.assert_allclose(one @ one.T, other @ other.T, rtol=1e-9)
    assert alone.units(images) == grouped.units(images) == images


def test_a_group_of_copies_counts_as_one_image() -> None:
    means = np.random.default_rng(0).random((3, 40))
    copied = image_sample(groups=np.repeat(np.arange(40), 5))
    effects, alone = copied.effects(np.repeat(means, 5, axis=1)), ImageSample().effects(means)
    np.testing.assert_allclose(effects @ effects.T, alone @ alone.T, rtol=1e-12)
    assert (copied.units(200), copied.degrees(200)) == (40, 39)


def test_sums_over_groups_are_weighted_and_add_up_to_the_mean() -> None:
    groups = np.array([2, 0, 2, 1])
    sample = ImageSample(weights=np.array([0.1, 0.2, 0.3, 0.4]), groups=groups)
    np.testing.assert_allclose(sample.unit_sums(np.eye(4)).sum(axis=1), [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(sample.unit_weights(4), [0.2, 0.4, 0.4])


def test_chance_is_what_naming_the_commonest_class_gives() -> None:
    common = int(np.argmax(np.bincount(LABELS)))
    assert chance_level(LABELS) == np.mean(common == LABELS)
    assert chance_level(LABELS, metric="balanced-accuracy") == pytest.approx(1 / 3)
    assert image_sample(LABELS).chance == chance_level(LABELS)
    assert image_sample(None).chance is None


def test_a_network_that_names_one_class_for_ever_is_found() -> None:
    assert one_class(LABELS == 1, LABELS) == 1
    almost = LABELS == 1
    almost[np.flatnonzero(LABELS == 0)[0]] = True
    assert one_class(almost, LABELS) is None
    assert one_class(np.zeros(400, bool), LABELS) is None
    missed = LABELS == 1
    missed[np.flatnonzero(missed)[0]] = False
    assert one_class(missed, LABELS) is None


def test_scarce_classes_are_named() -> None:
    assert scarce_classes(np.repeat([5, 6, 7], [10, 9, 2])) == {6: 9, 7: 2}


def test_another_metric_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="metric 'f1': one of accuracy, balanced-accuracy"):
        image_sample(LABELS, metric="f1")
    with pytest.raises(UsageError, match="needs the class of each"):
        image_sample(metric="balanced-accuracy")
