"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.report import figures

FORMATTERS = (
    figures.integer,
    figures.decimal,
    figures.percent,
    figures.human,
    figures.size,
    figures.duration,
)


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("number", [None, math.nan, math.inf, -math.inf])
def test_what_is_missing_is_a_dash(formatter: object, number: float | None) -> None:
    assert callable(formatter) and formatter(number) == "–"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_is_shown(number: float) -> None:
    for formatter in FORMATTERS:
        assert formatter(number)


@given(st.floats(1e-3, 1e15))
def test_human_numbers_are_right_to_four_digits(number: float) -> None:
    digits, _, prefix = figures.human(number).partition(" ")
    scale = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}[prefix]
    assert float(digits.replace(",", "")) * scale == pytest.approx(number, rel=1e-3, abs=5.001e-4)
    assert len(digits.replace(",", "").replace(".", "").lstrip("0")) <= 4


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.000 k"),
        (999_949, "999.9 k"),
        (999_960, "1.000 M"),
        (5_288_548, "5.289 M"),
        (385_825_092, "385.8 M"),
        (37e9, "37.00 G"),
        (0.5, "0.500"),
        (-1500, "-1.500 k"),
    ],
)
def test_human(number: float, shown: str) -> None:
    assert figures.human(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 ms"),
        (0.9996, "1.0 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (86_399, "1 d 00 h"),
        (90_000, "1 d 01 h"),
        (-5, "-5.0 s"),
    ],
)
def test_durations_carry_over(seconds: float, shown: str) -> None:
    assert figures.duration(seconds) == shown


def test_a_rounded_nothing_has_no_direction() -> None:
    assert figures.decimal(-0.0001) == "0.00"
    assert figures.decimal(-0.0001, sign=True) == "+0.00"


def test_digits_suit_the_smallest() -> None:
    assert figures.digits_for([385_825_092, 2_104_320], scale=1e-6) == 3
    assert figures.digits_for([None, math.nan]) == 1
