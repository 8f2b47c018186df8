"""Triples, ranges and the paper's grid: exact at the edges."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.architecture.network import fingerprint
from scaling_search.baselines.load import baseline
from scaling_search.errors import UsageError
from scaling_search.scaling.coefficients import Coefficients, grid, parse_phi, parse_values
from scaling_search.scaling.scale import scale_network


def paper_grid(tolerance: float = 0.1) -> list[Coefficients]:
    up_to_half = parse_values("1:1.5:0.05")
    return grid(alpha=parse_values("1:2:0.05"), beta=up_to_half, gamma=up_to_half, tolerance=tolerance)


def test_the_papers_grid_has_108_triples_and_65_networks() -> None:
    triples = paper_grid()
    assert len(triples) == len(set(triples)) == 108
    assert Coefficients(alpha=1.2, beta=1.1, gamma=1.15) in triples
    base = baseline("efficientnet-b0")
    assert len({fingerprint(scale_network(base, triple, phi=1)) for triple in triples}) == 65


def test_the_edge_is_compared_exactly() -> None:
    """2 * 1^2 * 1^2 - 2 = 0 and 1.9 * 1 * 1 - 2 = -0.1: the second is on the edge, and out, whatever floats say."""
    inside = [(t.alpha, t.beta, t.gamma) for t in paper_grid()]
    assert (2.0, 1.0, 1.0) in inside
    assert (1.9, 1.0, 1.0) not in inside
    assert (1.95, 1.0, 1.0) in inside
    one = parse_values("1")
    assert len(grid(alpha=parse_values("1.9"), beta=one, gamma=one, tolerance=0.1)) == 0
    assert len(grid(alpha=parse_values("1.9"), beta=one, gamma=one, tolerance=0.1000001)) == 1
    assert len(grid(alpha=parse_values("2.1"), beta=one, gamma=one, tolerance=0.1)) == 0


def test_growth_is_exact() -> None:
    triple = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
    assert triple.growth() == Fraction("1.92027")
    assert triple.growth((1, 1, 2)) == Fraction("1.7457")
    assert triple.growth((1, 2, 0)) == Fraction("1.452")


def test_a_grid_keeps_the_growth_of_what_it_is_told_to() -> None:
    up = parse_values("1:2:0.25")
    found = grid(alpha=up, beta=up, gamma=up, tolerance=0.01, exponents=(1, 2, 0))
    assert {(triple.alpha, triple.beta) for triple in found} == {(2.0, 1.0)}
    assert [triple.gamma for triple in found] == [1.0, 1.25, 1.5, 1.75, 2.0]


def test_a_range_ends_where_it_says() -> None:
    assert list(parse_values("1:1.5:0.05"))[-1] == 1.5
    assert len(list(parse_values("1:2:0.05"))) == 21
    assert list(parse_values("1.3")) == [1.3]
    assert list(parse_values("1:2:0.7")) == [1.0, 1.7]


@given(first=st.integers(100, 300), count=st.integers(0, 40), step=st.integers(1, 30), decimals=st.just(100))
def test_a_range_has_every_step(first: int, count: int, step: int, decimals: int) -> None:
    text = f"{first / decimals}:{(first + count * step) / decimals}:{step / decimals}"
    assert list(parse_values(text)) == [(first + index * step) / decimals for index in range(count + 1)]


@pytest.mark.parametrize(
    "text", ["", "a", "1:2", "2:1:0.1", "1:2:0", "1:2:-1", "0.9:2:0.1", "1:2:1/0", "1:1000:1", "1:9:0.0001"]
)
def test_a_bad_range_is_named(text: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_values(text)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("key", ["alpha", "beta", "gamma"])
@pytest.mark.parametrize("value", [0.99, 0.0, -1.0, float("nan"), float("inf"), 101.0])
def test_a_coefficient_under_one_is_refused_by_name(key: str, value: float) -> None:
    triple = {"alpha": 1.2, "beta": 1.1, "gamma": 1.15, key: value}
    with pytest.raises(UsageError, match=key):
        Coefficients(**triple)


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=5))
def test_a_list_of_phi_is_sorted_and_without_repeats(values: list[int]) -> None:
    assert parse_phi(",".join(map(str, values))) == tuple(sorted(set(map(float, values))))


@given(st.integers(-20, 20), st.integers(0, 40))
def test_a_range_of_phi_takes_every_whole_step(low: int, steps: int) -> None:
    high = min(20, low + steps)
    assert parse_phi(f"{low}..{high}") == tuple(map(float, range(low, high + 1)))


def test_phi_may_be_fractional_negative_or_mixed() -> None:
    assert parse_phi("0.5..2.5, -1") == (-1.0, 0.5, 1.5, 2.5)
    assert parse_phi("0..1.5") == (0.0, 1.0)


@pytest.mark.parametrize(
    "text", ["", "one", "1..", "..1", "2..1", "nan", "inf", "0..21", "-21", "1,,2", "1...2"]
)
def test_phi_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="write a range such as"):
        parse_phi(text)


@given(st.text(max_size=8))
def test_any_text_is_phi_or_a_usage_error(text: str) -> None:
    try:
        found = parse_phi(text)
    except UsageError:
        return
    assert found == tuple(sorted(set(found)))
    assert all(math.isfinite(phi) and abs(phi) <= 20 for phi in found)
