"""The largest difference by chance: what bounds spare must not change any figure."""

import numpy as np
import pytest

from scaling_search.statistics.max_statistic import NullMaximum, usual_draws
from scaling_search.statistics.paired_differences import compare
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import SeedNoise, difference_noise, image_effects
from tests.statistics.scored import stacked

DRAWS = 2000


def field(candidates: int, images: int, seeds: int = 3) -> Scores:
    generator = np.random.default_rng(candidates)
    return stacked(
        generator.random((candidates, seeds, images)) < 0.8 + 0.1 * generator.random((candidates, 1, 1))
    )


def maxima(null: NullMaximum, row: int) -> np.ndarray:
    """Each draw's maximum, by its definition."""
    gaps = (null._drawn - null._drawn[:, row, None]) / null._error[row]
    gaps[:, row] = -np.inf
    return gaps.max(axis=1)


@pytest.mark.parametrize(("candidates", "images"), [(2, 300), (9, 300), (60, 40)])
@pytest.mark.parametrize("error", [0.3, 0.05, 0.001])
def test_figures_are_those_of_all_differences(candidates: int, images: int, error: float) -> None:
    scores = field(candidates, images)
    null = NullMaximum(scores, difference_noise(scores), DRAWS)
    for row in (0, candidates - 1, int(null._highest[0, 0])):
        largest = np.sort(maxima(null, row))
        threshold = float(largest[int(np.ceil((1 - error) * DRAWS)) - 1])
        for statistic in (-np.inf, -3.0, -0.5, 0.0, 1.0, 2.5, 4.0, 20.0, threshold, float(largest[7])):
            p = (1 + np.count_nonzero(largest >= statistic)) / (1 + DRAWS)
            assert null.test(row, statistic, error) == (threshold, p)
            assert null.inside({row: statistic}, error) == [statistic <= threshold]


@pytest.mark.parametrize(("candidates", "images"), [(9, 300), (60, 40)])
def test_rows_judged_at_once_are_those_judged_alone(candidates: int, images: int) -> None:
    scores = field(candidates, images)
    null = NullMaximum(scores, difference_noise(scores), DRAWS)
    rows = range(candidates - 1, 0, -2)
    statistics = dict(zip(rows, np.linspace(-1, 6, len(rows)).tolist(), strict=True)) | {0: -np.inf}
    alone = [null.inside({row: statistic}, 0.05) for row, statistic in statistics.items()]
    assert null.inside(statistics, 0.05) == [within for (within,) in alone]
    assert {within for (within,) in alone} == {True, False}


@pytest.mark.parametrize("statistic", [-1.5, -0.2, 0.0, 0.7, 2.0])
def test_how_many_draws_reach_a_statistic_is_bounded(statistic: float) -> None:
    """By the one highest candidate of each draw: of its own maximum, the second."""
    scores = field(4, 300)
    null = NullMaximum(scores, difference_noise(scores), DRAWS)
    for row, (least, most) in null._reached(dict.fromkeys(range(4), statistic)).items():
        assert least <= np.count_nonzero(maxima(null, row) >= statistic) <= most


def test_the_most_likely_has_the_highest_p() -> None:
    scores = field(9, 300)
    null = NullMaximum(scores, difference_noise(scores), DRAWS)
    statistics = {row: 2.0 + 0.1 * row for row in range(1, 9)}
    p = {row: null.test(row, statistic, 0.05)[1] for row, statistic in statistics.items()}
    assert null.most_likely(statistics) == max(p, key=lambda row: (p[row], -statistics[row]))


@pytest.mark.parametrize(("candidates", "images"), [(9, 300), (60, 40)])
def test_draws_scatter_as_images_and_seeds_do(candidates: int, images: int) -> None:
    """By a root of the covariance, and, of more candidates than images, by one normal an image."""
    scores = field(candidates, images)
    noise = SeedNoise(raw=3e-4, flips=1e-4, degrees=1e9)  # so many that the pivot is the estimate
    drawn = NullMaximum(scores, noise, 40_000)._drawn.astype(np.float64)
    added = 1 / (2 * scores.counts * images**2) + 2e-4 / scores.counts
    effects = image_effects(scores).astype(np.float64)
    expected = effects @ effects.T + np.diag(added)
    largest = np.abs(np.diag(expected)).max()
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.05 * largest)
    np.testing.assert_allclose(np.var(drawn, axis=0), np.diag(expected), rtol=0.05)


def test_draws_do_not_depend_on_what_was_drawn_before() -> None:
    scores = field(9, 300)
    first = NullMaximum(scores, difference_noise(scores), DRAWS)._drawn.copy()
    np.testing.assert_array_equal(NullMaximum(scores, difference_noise(scores), DRAWS)._drawn, first)


@pytest.mark.parametrize(
    ("candidates", "draws"), [(2, 10_000), (400, 10_000), (500, 8_000), (1000, 4_000), (9000, 4_000)]
)
def test_many_candidates_have_fewer_draws(candidates: int, draws: int) -> None:
    assert usual_draws(candidates) == draws


def test_draws_are_as_many_as_usual_unless_said() -> None:
    scores = field(500, 20, seeds=1)
    assert NullMaximum(scores, difference_noise(scores))._drawn.shape == (8_000, 500)


@pytest.mark.parametrize(("candidates", "images"), [(9, 300), (60, 40)])
def test_its_errors_are_those_of_the_differences(candidates: int, images: int) -> None:
    """With the half image that `compare` adds: of candidates that get the same images right it is all there is."""
    scores = field(candidates, images)
    scores = stacked(np.concatenate([scores.correct, scores.correct[:1]]))
    noise = SeedNoise(raw=2e-4, flips=2e-4, degrees=12.0)
    error = NullMaximum(scores, noise, 100)._error
    others = ~np.eye(candidates + 1, dtype=bool)
    np.testing.assert_allclose(error[others] ** 2, compare(scores).image[others], rtol=1e-3)
