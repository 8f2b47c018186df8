"""Factor rules: pycls's shares, multipliers, published tables."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost
from scaling_search.errors import UsageError
from scaling_search.scaling.rules import TABLES, factors, scale_by_rule, shared

amounts = st.floats(0.01, 1000)
weights = st.tuples(*[st.floats(0, 10)] * 3).filter(lambda triple: sum(triple) > 0.01)


@given(amounts, weights)
def test_shares_multiply_to_the_factor(s: float, triple: tuple[float, float, float]) -> None:
    depth, width, resolution = triple
    found = shared(s, depth=depth, width=width, resolution=resolution)
    assert math.isclose(found.depth * found.width**2 * found.resolution**2, s, rel_tol=1e-9)


@given(amounts, amounts, weights)
def test_shares_compose(s: float, t: float, triple: tuple[float, float, float]) -> None:
    depth, width, resolution = triple
    a, b, both = (shared(x, depth=depth, width=width, resolution=resolution) for x in (s, t, s * t))
    assert math.isclose(a.depth * b.depth, both.depth, rel_tol=1e-9)
    assert math.isclose(a.width * b.width, both.width, rel_tol=1e-9)
    assert math.isclose(a.resolution * b.resolution, both.resolution, rel_tol=1e-9)


@given(weights)
def test_a_factor_of_one_changes_nothing(triple: tuple[float, float, float]) -> None:
    depth, width, resolution = triple
    found = shared(1.0, depth=depth, width=width, resolution=resolution)
    assert (found.depth, found.width, found.resolution) == (1.0, 1.0, 1.0)


# From pycls's own scaling_factors: d, w, r for scale types and factors.
@pytest.mark.parametrize(
    ("rule", "s", "expected"),
    [
        ("d", 4, (4, 1, 1)),
        ("w", 4, (1, 2, 1)),
        ("r", 4, (1, 1, 2)),
        ("dwr", 8, (2, math.sqrt(2), math.sqrt(2))),
        ("dw", 4, (2, math.sqrt(2), 1)),
        ("d1_w2", 8, (2, 2, 1)),
        ("d1_w2_r1", 16, (2, 2, math.sqrt(2))),
        ("d1_w8_r1", 4, (4**0.1, 4**0.4, 4**0.05)),
    ],
)
def test_pycls_rules(rule: str, s: float, expected: tuple[float, float, float]) -> None:
    found = factors(rule, s)
    assert (found.depth, found.width, found.resolution) == pytest.approx(expected)
    assert (found.rounding.depth, found.rounding.resolution_step) == ("round", 4)


def test_pycls_rule_scales_a_network() -> None:
    scaled = scale_by_rule(baseline("resnet-50"), "dwr", 2)
    assert scaled.name == "resnet-50@dwr,2"
    assert scaled.resolution == 252  # 224 * 2^(1/6) = 251.4, to a multiple of 4
    assert scaled.depths == (4, 5, 8, 4)  # 3, 4, 6, 3 times 2^(1/3), rounded to the nearest
    assert cost(scaled).macs / cost(baseline("resnet-50")).macs == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("index", range(8))
def test_official_table_builds_the_official_networks(index: int) -> None:
    scaled = scale_by_rule(baseline("efficientnet-b0"), f"b{index}")
    official = baseline(f"efficientnet-b{index}")
    assert (scaled.depths, scaled.widths, scaled.resolution) == (
        official.depths,
        official.widths,
        official.resolution,
    )
    assert cost(scaled) == cost(official)


def test_mobilenet_multipliers() -> None:
    thin = scale_by_rule(baseline("mobilenetv1"), "mobilenet-0.5-160")
    assert thin.resolution == 160
    assert round(cost(thin).macs, -6) == 77_000_000  # printed on the authors' release page
    assert sum(name.startswith("mobilenet-") for name in TABLES) == 16


@pytest.mark.parametrize(
    ("rule", "factor", "message"),
    [
        ("b9", None, r"unknown rule 'b9'\. Legal: "),
        ("dd", 2, "unknown rule 'dd'"),
        ("d1_d2", 2, "unknown rule"),
        ("d1_w2_g2", 2, "unknown rule"),
        ("", 2, "unknown rule"),
        ("dwr", None, "needs a factor"),
        ("b3", 2, "takes no factor"),
        ("dwr", 0, "factor 0"),
        ("dwr", float("nan"), "factor nan"),
        ("d0_w0", 2, "a weight above 0"),
    ],
)
def test_what_is_no_rule_is_refused(rule: str, factor: float | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        factors(rule, factor)
