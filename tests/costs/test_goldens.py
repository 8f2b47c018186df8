"""Our counts against published figures: `scaling_search/costs/published.json`, which `scaling-search verify` prints.

To check by hand: `python -m pytest tests/costs/test_goldens.py`. The figures come from publications and other
programs, each with its source; they are never regenerated from our own count.
"""

from __future__ import annotations

import json
import statistics
from importlib import resources
from typing import Any

import pytest

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.baselines.load import baseline, names
from scaling_search.costs.count import cost
from scaling_search.scaling.coefficients import Coefficients, grid, parse_values
from scaling_search.scaling.scale import scale, scale_network

PUBLISHED: dict[str, Any] = json.loads(
    resources.files("scaling_search.costs").joinpath("published.json").read_text(encoding="utf-8")
)
FIGURES = ("resolution", "parameters", "batch_stats", "macs", "activations")


def figures(network: Network) -> dict[str, int]:
    counted = cost(network)
    return {
        "resolution": network.resolution,
        "parameters": counted.parameters,
        "batch_stats": counted.batch_stats,
        "macs": counted.macs,
        "activations": counted.activations,
    }


def compare(network: Network, row: dict[str, Any]) -> None:
    ours = figures(network)
    wrong = [
        f"{key}: ours {ours[key]:,}, published {row[key]:,}, difference {ours[key] - row[key]:+,}"
        for key in FIGURES
        if key in row and row[key] != ours[key]
    ]
    assert not wrong, (
        f"{network.name} no longer counts as published ({row['source']}):\n  " + "\n  ".join(wrong) + "\n"
        "Every conv and dense layer counts; see `convention` in scaling_search/costs/published.json. Mend the block "
        "or the baseline's table; change the figure only together with its source."
    )


@pytest.mark.parametrize("name", names())
def test_every_built_in_network_counts_as_published(name: str) -> None:
    assert name in PUBLISHED["networks"], (
        f"{name} has no row in scaling_search/costs/published.json: add its figures with their source, or derive "
        "them from the paper and write the derivation beside them"
    )
    row = PUBLISHED["networks"][name]
    assert {"parameters", "macs", "source"} <= row.keys()
    compare(baseline(name), row)


def test_no_row_without_its_network() -> None:
    assert sorted(PUBLISHED["networks"]) == sorted(names())


@pytest.mark.parametrize("row", PUBLISHED["scaled"], ids=lambda row: f"{row['network']}@phi={row['phi']}")
def test_the_formula_family(row: dict[str, Any]) -> None:
    triple = Coefficients(alpha=row["alpha"], beta=row["beta"], gamma=row["gamma"])
    compare(scale_network(baseline(row["network"]), triple, phi=row["phi"]), row)


@pytest.mark.parametrize(
    "row",
    PUBLISHED["printed"],
    ids=lambda row: f"{row['network']}-d{row['depth']:g}-w{row['width']:g}-{row['resolution']}px",
)
def test_figures_printed_in_papers(row: dict[str, Any]) -> None:
    """Within half a unit of the last digit printed; where not, a note must say so (and where so, no note may)."""
    base = baseline(row["network"])
    network = scale(
        base, depth=row["depth"], width=row["width"], resolution=row["resolution"] / base.resolution
    )
    assert network.resolution == row["resolution"]
    agrees = abs(cost(network).macs - row["macs"]) <= row["rounded_to"] / 2
    assert agrees == ("note" not in row), f"{cost(network).macs:,} counted, {row['macs']:,} printed"


def test_the_grid_of_the_paper() -> None:
    """108 triples, 65 networks; 11 within 10 % of twice the base cost, and the ratios' range, over the 108."""
    published = PUBLISHED["grid"]
    base = baseline(published["network"])
    triples = grid(
        alpha=parse_values(published["alpha"]),
        beta=parse_values(published["beta"]),
        gamma=parse_values(published["gamma"]),
        tolerance=published["tolerance"],
    )
    networks = [scale_network(base, triple, phi=1) for triple in triples]
    counted = {fingerprint(network): network for network in networks}
    ratios = [cost(network).macs / cost(base).macs for network in networks]
    assert len(triples) == published["nominal_candidates"]
    assert len(counted) == published["distinct_networks"]
    assert (
        sum(abs(ratio / 2 - 1) <= 0.1 for ratio in ratios) == published["within_10_percent_of_twice_the_macs"]
    )
    assert round(min(ratios), 3) == published["macs_ratio_min"]
    assert round(statistics.median_high(ratios), 3) == published["macs_ratio_median"]
    assert round(max(ratios), 3) == published["macs_ratio_max"]
