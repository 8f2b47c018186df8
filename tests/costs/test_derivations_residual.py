"""Residual and shuffle networks that nobody published to the unit, derived by hand from the papers."""

from __future__ import annotations

from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost


def test_preact_resnet_164() -> None:
    counted = cost(baseline("preact-resnet-164"))
    weights = macs = activations = normalised = 0
    for p, c, s in [(16, 16, 32), (64, 32, 16), (128, 64, 8)]:
        stage = p * c + 9 * c**2 + 4 * c**2 + 4 * p * c + 17 * (4 * c**2 + 9 * c**2 + 4 * c**2)
        weights, macs = weights + stage, macs + stage * s**2
        activations += (18 * 6 * c + 4 * c) * s**2
        normalised += p + 2 * c + 17 * 6 * c
    stem, dense, normalised = 27 * 16, 256 * 10 + 10, normalised + 256
    assert counted.parameters == weights + stem + dense + 2 * normalised == 1_703_258
    assert counted.batch_stats == 2 * normalised
    assert counted.macs == macs + stem * 32**2 + dense
    assert counted.activations == activations + 16 * 32**2 + 10


def test_wrn_28_10() -> None:
    counted = cost(baseline("wrn-28-10"))
    weights = macs = activations = normalised = 0
    for p, c, s in [(16, 160, 32), (160, 320, 16), (320, 640, 8)]:
        stage = 9 * p * c + 9 * c**2 + p * c + 3 * 18 * c**2
        weights, macs = weights + stage, macs + stage * s**2
        activations += 9 * c * s**2
        normalised += p + c + 3 * 2 * c
    stem, dense, normalised = 27 * 16, 640 * 10 + 10, normalised + 640
    assert counted.parameters == weights + stem + dense + 2 * normalised == 36_479_194
    assert counted.batch_stats == 2 * normalised == 17_952
    assert counted.macs == macs + stem * 32**2 + dense
    assert counted.activations == activations + 16 * 32**2 + 10


def test_shufflenetv1() -> None:
    counted = cost(baseline("shufflenetv1-1.0"))
    weights = macs = activations = normalised = 0
    for p, w, s, more, g in [(24, 240, 28, 3, 1), (240, 480, 14, 7, 3), (480, 960, 7, 3, 3)]:
        c = w // 4
        first, behind = p * c // g, 9 * c + c * (w - p) // 3
        other = w * c // 3 + 9 * c + c * w // 3
        weights += first + behind + more * other
        macs += first * (2 * s) ** 2 + (behind + more * other) * s**2
        activations += c * (2 * s) ** 2 + (c + w) * s**2 + more * (2 * c + w) * s**2
        normalised += 2 * c + w - p + more * (2 * c + w)
    stem, dense, normalised = 27 * 24, 960 * 1000 + 1000, normalised + 24
    assert counted.parameters == weights + stem + dense + 2 * normalised == 1_865_728
    assert counted.batch_stats == 2 * normalised
    assert counted.macs == macs + stem * 112**2 + dense
    assert counted.activations == activations + 24 * 112**2 + 24 * 56**2 + 1000
