"""Moderated standard deviations: pooled where candidates look alike, their own where they do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.statistics.moderation import moderated

POINTS = np.linspace(0.01, 0.99, 25)


def drawn(sigma: np.ndarray, degrees: int, search: int = 0, flips: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(search)
    return np.asarray((sigma**2 + flips) * generator.chisquare(degrees, len(sigma)) / degrees)


def test_what_looks_alike_is_pooled() -> None:
    """With 60 candidates of one sd their own scatter hardly counts: all are near the truth."""
    found = moderated(drawn(np.full(60, 0.01), 2), np.full(60, 2.0), np.zeros(60))
    assert found.other_median == pytest.approx(np.full(60, 0.01), rel=0.25)


def test_one_that_is_ten_times_as_noisy_keeps_its_own() -> None:
    sigma = np.array([0.1, *[0.01] * 7])
    found = [
        moderated(drawn(sigma, 4, search), np.full(8, 4.0), np.zeros(8)).other_median for search in range(20)
    ]
    middle = np.median(found, axis=0)
    assert middle[0] > 0.05
    assert middle[1:] == pytest.approx(np.full(7, 0.01), rel=0.4)


def test_a_candidate_under_test_is_never_believed_to_be_quieter() -> None:
    square = np.array([1e-9, 1e-4, 1e-4, 1e-4, 4e-4])
    found = moderated(square, np.full(5, 2.0), np.zeros(5))
    assert (found.own_quantiles(POINTS) >= found.other_quantiles(POINTS) * 0.999).all()
    # Seeds that agree by chance make the other candidate quiet; the candidate itself is at least typical.
    assert found.other_median[0] < 0.5 * found.other_median[1]
    assert found.own_median[0] > 0.7 * found.other_median[1]


def test_the_image_part_is_taken_away() -> None:
    """Where flips explain all of the scatter little is left for the seeds."""
    flips = 1e-4
    square = drawn(np.zeros(30), 4, flips=flips)
    found = moderated(square, np.full(30, 4.0), np.full(30, flips))
    assert np.median(found.other_median) < 0.5 * np.sqrt(flips)


def test_who_has_one_seed_is_like_the_others_and_less_sure() -> None:
    square = drawn(np.full(12, 0.01), 2)
    found = moderated(square, np.array([0.0, *[2.0] * 11]), np.zeros(12))
    spread = np.log(found.other_quantiles(np.array([0.1, 0.9])))
    assert 0.005 < found.other_median[0] < 0.02
    assert spread[0, 1] - spread[0, 0] >= (spread[1:, 1] - spread[1:, 0]).min()


@given(st.floats(1e-4, 1e3), st.integers(0, 50))
def test_other_units_change_nothing_else(scale: float, search: int) -> None:
    square, degrees, flips = drawn(np.array([1.0, 2.0, 9.0]), 2, search), np.full(3, 2.0), np.full(3, 0.3)
    plain, scaled = moderated(square, degrees, flips), moderated(square * scale**2, degrees, flips * scale**2)
    np.testing.assert_allclose(scaled.own_median, plain.own_median * scale, rtol=1e-6)


@given(st.permutations(range(5)), st.integers(0, 50))
def test_the_order_of_the_candidates_does_not_matter(order: list[int], search: int) -> None:
    square, degrees, flips = drawn(np.array([1.0, 1, 1, 2, 9]), 2, search), np.full(5, 2.0), np.full(5, 0.3)
    plain, other = moderated(square, degrees, flips), moderated(square[order], degrees, flips)
    np.testing.assert_allclose(other.other_quantiles(POINTS), plain.other_quantiles(POINTS)[order], rtol=1e-9)


@pytest.mark.parametrize("square", [[0.0, 0.0], [0.0, 1e-3], [1e-30, 1e3]])
def test_the_oddest_tables_give_finite_posteriors(square: list[float]) -> None:
    found = moderated(np.array(square), np.full(2, 1.0), np.zeros(2))
    assert np.isfinite(found.own_quantiles(POINTS)).all() and (found.own_quantiles(POINTS) > 0).all()
