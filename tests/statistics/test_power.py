"""Seeds that a wanted difference needs, against simulated t tests."""

import numpy as np
import pytest

from scaling_search.racing.simulated_trainer import noise_sd
from scaling_search.statistics.power import measured, seeds_needed
from tests.statistics.scored import scored


def test_the_power_promised_is_the_power_got() -> None:
    from scipy.special import stdtrit

    needed = seeds_needed(0.006, noise_sd=0.004, candidates=6, images=6000)
    assert needed.seeds is not None and needed.power is not None
    generator, runs = np.random.default_rng(0), 4000
    seeds = needed.seeds
    gap = 0.006 + 0.004 * np.sqrt(2 / seeds) * generator.standard_normal(runs)
    degrees = 5 * (seeds - 1)
    pooled = 0.004 * np.sqrt(generator.chisquare(degrees, runs) / degrees)
    found = np.mean(gap / (pooled * np.sqrt(2 / seeds)) > stdtrit(degrees, 1 - 0.05 / 5))
    assert found == pytest.approx(needed.power, abs=0.02)
    assert needed.power >= 0.8


def test_half_the_difference_needs_four_times_the_seeds() -> None:
    wide = seeds_needed(0.004, noise_sd=0.004, candidates=8, images=6000).seeds
    narrow = seeds_needed(0.002, noise_sd=0.004, candidates=8, images=6000).seeds
    assert wide is not None and narrow is not None
    assert narrow == pytest.approx(4 * wide, rel=0.1)


def test_more_candidates_need_more_seeds() -> None:
    few = seeds_needed(0.004, noise_sd=0.004, candidates=3, images=6000).seeds
    many = seeds_needed(0.004, noise_sd=0.004, candidates=65, images=6000).seeds
    assert few is not None and many is not None
    assert few < many


def test_where_images_are_the_limit_no_number_of_seeds_helps() -> None:
    found = seeds_needed(0.003, noise_sd=0.003, candidates=8, images=600, disagreement=0.007)
    assert (found.seeds, found.power) == (None, None)
    assert found.smallest > 0.003
    assert found.images == pytest.approx(600 * (found.smallest / 0.003) ** 2, abs=1)


def test_a_difference_of_nought_is_refused() -> None:
    with pytest.raises(ValueError, match="positive difference"):
        seeds_needed(0.0, noise_sd=0.003, candidates=8, images=600)


def test_noise_is_measured_in_the_terms_that_power_asks_for() -> None:
    found = [measured(scored(seeds=6, search=search, images=1000)) for search in range(8)]
    noise = [m.noise_sd for m in found if m is not None]
    assert np.mean(noise) == pytest.approx(noise_sd(0.9, 1000), rel=0.1)
    assert all(m is not None and m.disagreement < 0.003 for m in found), (
        "networks of one kind agree on images"
    )
    assert measured(scored(seeds=1)) is None
