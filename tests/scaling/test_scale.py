"""Networks scaled: by the reference's table, by the formula, backwards, and by any family's own rules."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_search.architecture.network import Network, fingerprint, parts
from scaling_search.architecture.toml import parse, write
from scaling_search.baselines.load import baseline, names
from scaling_search.costs.count import cost
from scaling_search.errors import UsageError
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale, scale_network

# width, depth, resolution: the reference implementation's `efficientnet_params`
OFFICIAL = {
    "b1": (1.0, 1.1, 240),
    "b2": (1.1, 1.2, 260),
    "b3": (1.2, 1.4, 300),
    "b4": (1.4, 1.8, 380),
    "b5": (1.6, 2.2, 456),
    "b6": (1.8, 2.6, 528),
    "b7": (2.0, 3.1, 600),
}


@pytest.mark.parametrize("index", OFFICIAL)
def test_b0_scaled_by_the_official_factors_is_the_official_table(index: str) -> None:
    width, depth, side = OFFICIAL[index]
    table = baseline(f"efficientnet-{index}")
    scaled = scale(baseline("efficientnet-b0"), width=width, depth=depth, resolution=side / 224)
    assert (scaled.stem, scaled.stages, scaled.resolution) == (table.stem, table.stages, table.resolution)
    assert scaled.head.model_copy(update={"dropout": 0.0}) == table.head.model_copy(update={"dropout": 0.0})


def test_phi_0_is_the_network_itself() -> None:
    base = baseline("shufflenetv2-1.0")  # 116 channels are no multiple of 8
    triple = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
    assert fingerprint(scale_network(base, triple, phi=0)) == fingerprint(base)


def test_a_factor_of_1_leaves_its_dimension_alone() -> None:
    base = baseline("shufflenetv2-1.0")
    deeper = scale(base, depth=2.0)
    assert deeper.widths == base.widths
    assert deeper.depths == (8, 16, 8)
    assert scale(base, width=2.0).depths == base.depths
    assert scale(base, resolution=0.5).resolution == 112


def test_negative_and_fractional_phi() -> None:
    base, triple = baseline("efficientnet-b0"), Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
    ladder = [scale_network(base, triple, phi=phi) for phi in (-2, -1, -0.5, 0, 0.5, 1, 1.5, 2)]
    macs = [cost(network).macs for network in ladder]
    assert macs == sorted(macs)
    assert [network.resolution for network in ladder] == [169, 195, 209, 224, 240, 258, 276, 296]
    assert scale_network(base, triple, phi=-0.5).name == "efficientnet-b0@phi=-0.5"


def test_the_official_b2_is_phi_1() -> None:
    """All but the resolution, 260 by hand and 258 by the formula: phi is not the B index."""
    base, triple = baseline("efficientnet-b0"), Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
    by_formula = scale_network(base, triple, phi=1)
    assert by_formula.stages == baseline("efficientnet-b2").stages
    assert (by_formula.resolution, baseline("efficientnet-b2").resolution) == (258, 260)


@pytest.mark.parametrize("key", ["depth", "width", "resolution"])
@pytest.mark.parametrize("factor", [0.0, -1.0, 1e5, float("nan"), float("inf")])
def test_an_absurd_factor_is_named(key: str, factor: float) -> None:
    factors = {"depth": 1.0, "width": 1.0, "resolution": 1.0, key: factor}
    with pytest.raises(UsageError, match=key):
        scale(
            baseline("lenet-5"),
            depth=factors["depth"],
            width=factors["width"],
            resolution=factors["resolution"],
        )


def test_a_resolution_too_large_to_build_is_refused() -> None:
    with pytest.raises(UsageError, match="8192"):
        scale(baseline("efficientnet-b0"), resolution=50.0)


def reads_back(network: Network) -> None:
    """A scaled network is a legal table of its own."""
    assert fingerprint(parse(write(network))) == fingerprint(network)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("divisor", [1, 8, 7])
@pytest.mark.parametrize("factor", [0.1, 0.55, 1.1, 1.37])
def test_every_network_scales_in_width_with_any_divisor(name: str, divisor: int, factor: float) -> None:
    base = baseline(name)
    scaled = scale(base, width=factor, rounding=Rounding(divisor=divisor))
    reads_back(scaled)
    assert scaled.depths == base.depths
    wider = cost(scaled).macs > cost(base).macs
    assert wider == (factor > 1)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("factor", [0.3, 1.2, 2.0])
def test_every_network_scales_in_depth(name: str, factor: float) -> None:
    base = baseline(name)
    scaled = scale(base, depth=factor)
    reads_back(scaled)
    assert scaled.widths == base.widths
    assert (cost(scaled).macs >= cost(base).macs) == (factor > 1) or scaled.depths == base.depths


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("factor", [0.9, 1.15, 2.0])
def test_every_network_scales_in_resolution(name: str, factor: float) -> None:
    base = baseline(name)
    if base.resolution < 64:
        factor = max(factor, 1.1)  # a network made for 32 px may have no map left at 29
    scaled = scale(base, resolution=factor)
    reads_back(scaled)
    assert (scaled.depths, scaled.widths) == (base.depths, base.widths)
    assert (cost(scaled).macs > cost(base).macs) == (factor > 1)
    convolutional = base.head.block == "conv"
    assert not convolutional or cost(scaled).parameters == cost(base).parameters


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(names()),
    depth=st.floats(0.05, 2.0),
    width=st.floats(0.05, 2.0),
    resolution=st.floats(1.0, 1.5),
    divisor=st.integers(1, 20),
)
def test_no_scaling_breaks_a_network(
    name: str, depth: float, width: float, resolution: float, divisor: int
) -> None:
    scaled = scale(
        baseline(name), depth=depth, width=width, resolution=resolution, rounding=Rounding(divisor=divisor)
    )
    assert parts(scaled)[-1].outputs == (1, 1, scaled.classes)
    reads_back(scaled)


def test_every_printed_width_multiplier_of_mobilenet() -> None:
    base = baseline("mobilenetv1")
    published = json.loads(
        resources.files("scaling_search.costs").joinpath("published.json").read_text(encoding="utf-8")
    )
    rows = [row for row in published["printed"] if row["network"] == "mobilenetv1" and row["width"] < 1]
    assert {row["width"] for row in rows} == {0.75, 0.5, 0.25}
    assert scale(base, width=0.25).widths == (16, 32, 64, 128, 256)
    assert scale(base, width=0.75).widths == (48, 96, 192, 384, 768)
