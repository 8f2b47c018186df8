"""The derivations that stand beside figures in published.json, as arithmetic that knows nothing of our blocks."""

import json
from importlib import resources
from typing import Any

import pytest

NETWORKS: dict[str, Any] = json.loads(
    resources.files("scaling_search.costs").joinpath("published.json").read_text(encoding="utf-8")
)["networks"]

# (weights with biases, side of the map behind the layer) for every convolution and dense layer
LENET = [(156, 28), (2_416, 10), (48_120, 1), (10_164, 1), (850, 1)]
ZFNET = [
    (49 * 3 * 96 + 96, 110),
    (25 * 96 * 256 + 256, 26),
    (9 * 256 * 384 + 384, 13),
    (9 * 384 * 384 + 384, 13),
    (9 * 384 * 256 + 256, 13),
    (6 * 6 * 256 * 4096 + 4096, 1),
    (4096 * 4096 + 4096, 1),
    (4096 * 1000 + 1000, 1),
]
NIN = [
    (25 * 3 * 192 + 192, 32),
    (192 * 160 + 160, 32),
    (160 * 96 + 96, 32),
    (25 * 96 * 192 + 192, 16),
    (2 * (192 * 192 + 192), 16),
    (9 * 192 * 192 + 192, 8),
    (192 * 192 + 192, 8),
    (192 * 10 + 10, 8),
]


@pytest.mark.parametrize(
    ("name", "layers", "activations"),
    [
        ("lenet-5", LENET, 6 * 784 + 6 * 196 + 16 * 100 + 16 * 25 + 120 + 84 + 10),
        (
            "zfnet",
            ZFNET,
            96 * (110**2 + 55**2)
            + 256 * (26**2 + 13**2)
            + (384 + 384 + 256) * 13**2
            + 256 * 6**2
            + 4096
            + 4096
            + 1000,
        ),
        (
            "network-in-network",
            NIN,
            (192 + 160 + 96) * 1024 + 96 * 256 + 3 * 192 * 256 + 192 * 64 + (2 * 192 + 10) * 64,
        ),
    ],
)
def test_networks_with_biases(name: str, layers: list[tuple[int, int]], activations: int) -> None:
    row = NETWORKS[name]
    assert row["parameters"] == sum(weights for weights, _ in layers)
    assert row["macs"] == sum(weights * side**2 for weights, side in layers)
    assert row["activations"] == activations
    assert row["batch_stats"] == 0


def test_fractalnet() -> None:
    widths, sides = (16, 32, 64, 128, 128), (32, 16, 8, 4, 2)
    inputs = (3, *widths[:-1])
    weights = [9 * p * c * 4 + 9 * c * c * 11 for p, c in zip(inputs, widths, strict=True)]
    row = NETWORKS["fractalnet"]
    assert row["parameters"] == sum(weights) + 2 * 15 * sum(widths) + 128 * 100 + 100
    assert row["batch_stats"] == 2 * 15 * sum(widths)
    assert row["macs"] == sum(w * s**2 for w, s in zip(weights, sides, strict=True)) + 12_900
    assert row["activations"] == (
        sum(15 * c * s**2 + c * (s // 2) ** 2 for c, s in zip(widths, sides, strict=True)) + 100
    )
