"""Depth, width and resolution made whole."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.scaling.rounding import half_up, round_depth, round_resolution, round_width

# exact width -> rounded, as the reference's `round_filters` gives at divisor 8
REFERENCE = [
    (32.0, 32),
    (35.2, 32),
    (17.6, 16),
    (26.4, 24),
    (44.0, 48),
    (123.2, 120),
    (211.2, 208),
    (352.0, 352),
    (1408.0, 1408),
    (28.8, 32),
    (1.0, 8),
    (12.0, 16),  # halves go up: 1.5 steps of 8
    (20.0, 24),
]


@pytest.mark.parametrize(("exact", "rounded"), REFERENCE)
def test_widths_as_the_reference_rounds_them(exact: float, rounded: int) -> None:
    assert round_width(exact, 8) == rounded


def test_the_90_percent_rule() -> None:
    """The nearest multiple of 8 to 11 is 8, which is under 90 % of it: one step more. 80 of 88 may stay."""
    assert round_width(11.0, 8) == 16
    assert round_width(17.7, 8) == 16  # 90.4 %
    assert round_width(17.8, 8) == 24  # 89.9 %
    assert round_width(19.0, 8) == 24


@given(exact=st.floats(0.01, 1e5), divisor=st.integers(1, 256))
def test_widths_are_multiples_near_the_exact_value(exact: float, divisor: int) -> None:
    width = round_width(exact, divisor)
    assert width % divisor == 0
    assert width >= max(divisor, 0.9 * exact)
    assert width <= max(divisor, exact + divisor)


@given(width=st.integers(1, 10_000), divisor=st.integers(1, 64))
def test_a_legal_width_rounds_to_itself(width: int, divisor: int) -> None:
    assert round_width(float(width * divisor), divisor) == width * divisor


@given(a=st.floats(0.01, 1e4), b=st.floats(0.01, 1e4), divisor=st.sampled_from([1, 2, 3, 8, 16]))
def test_a_wider_network_is_never_narrower(a: float, b: float, divisor: int) -> None:
    low, high = sorted((a, b))
    assert round_width(low, divisor) <= round_width(high, divisor)


def test_depths_round_up_but_not_by_a_rounding_error() -> None:
    assert 100 * 1.1 > 110  # the float that a plain ceiling would turn into 111
    assert round_depth(100 * 1.1, "ceil") == 110
    assert round_depth(5 * 1.2, "ceil") == 6
    assert round_depth(2.01, "ceil") == 3
    assert round_depth(0.2, "ceil") == 1
    assert round_depth(0.2, "round") == 1
    assert (round_depth(2.5, "round"), round_depth(2.4, "round")) == (3, 2)


@given(depth=st.integers(1, 300), numerator=st.integers(100, 400))
def test_a_ceiling_is_that_of_the_exact_product(depth: int, numerator: int) -> None:
    """factor = numerator / 100, the decimals that people write."""
    exact = Fraction(numerator, 100) * depth
    assert round_depth(depth * (numerator / 100), "ceil") == math.ceil(exact)


@given(side=st.floats(1, 8000), step=st.sampled_from([1, 2, 4, 8, 32]))
def test_resolutions_are_multiples_of_their_step(side: float, step: int) -> None:
    rounded = round_resolution(side, step)
    assert rounded % step == 0
    assert rounded >= step
    assert abs(rounded - side) <= step / 2 + 1e-6 or rounded == step


def test_halves_go_up() -> None:
    assert [half_up(value) for value in (0.5, 1.5, 2.5, 2.4999)] == [1, 2, 3, 2]
    assert round_resolution(224 * 1.15, 1) == 258  # 257.6
