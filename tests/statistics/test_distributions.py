"""Tails without SciPy, against SciPy's."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import special

from scaling_search.statistics.distributions import (
    beta,
    binomial_tail,
    f_tail,
    inverse_chi_square,
    normal_quantile,
    normal_tail,
)

CHANCE = st.floats(1e-9, 1 - 1e-9)


def test_the_normal_tail_keeps_its_digits_far_out() -> None:
    x = np.linspace(-9, 30, 300)
    np.testing.assert_allclose(normal_tail(x), special.ndtr(-x), rtol=1e-12)
    assert normal_tail(x.reshape(3, 100)).shape == (3, 100)


@given(CHANCE)
def test_the_normal_quantile(chance: float) -> None:
    assert normal_quantile(chance) == pytest.approx(special.ndtri(chance), rel=1e-9, abs=1e-12)


@given(st.floats(0, 1), st.floats(0.5, 3000), st.floats(0.5, 3000))
def test_the_beta_function(x: float, a: float, b: float) -> None:
    assert beta(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-13)


@given(st.floats(0, 500), st.integers(1, 9), st.integers(1, 2000))
@example(2.220446049250313e-16, 1, 2)  # 1 - 1e-8, which 1/(1 + 1e-16) has forgotten
def test_the_f_tail(ratio: float, upper: int, lower: int) -> None:
    expected = special.fdtrc(upper, lower, ratio)
    assert f_tail(ratio, upper, lower) == pytest.approx(expected, rel=1e-8, abs=1e-13)


@given(st.integers(1, 30_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), CHANCE)
def test_the_binomial_tail(least_and_trials: tuple[int, int], chance: float) -> None:
    least, trials = least_and_trials
    expected = special.bdtrc(least - 1, trials, chance) if least else 1.0
    assert binomial_tail(least, trials, chance) == pytest.approx(expected, rel=1e-7, abs=1e-13)


@pytest.mark.parametrize("degrees", [0.7, 1.0, 2.0, 3.5, 14.0, 70.0, 99.9, 100.0, 500.5, 1e4, 1e7])
def test_inverse_chi_square(degrees: float) -> None:
    points, found = inverse_chi_square(degrees)
    assert np.all(np.diff(points) > 0) and points[0] < 2e-5 and points[-1] > 1 - 2e-5
    np.testing.assert_allclose(found, degrees / special.chdtri(degrees, 1 - points), rtol=4e-7)
