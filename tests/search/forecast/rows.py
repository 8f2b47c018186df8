"""Measurements and trials, written by hand."""

from __future__ import annotations

from typing import Any

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.forecast.timing_cache import Calibration
from scaling_search.search.trial.timing import Timing
from scaling_search.training import recipe as recipes

RECIPE = recipes.named("fast", epochs=5, batch_size=64)


def timing(network: str, macs: int, **more: Any) -> Timing:
    """A network that takes 0.1 s a step."""
    fields: dict[str, Any] = {
        "compile_seconds": 10.0,
        "setup_seconds": 1.0,
        "step_seconds": 0.1,
        "image_seconds": 0.01,
        "memory_bytes": None,
    }
    return Timing(network=network, macs=macs, **(fields | more))


def calibrated(*timings: Timing, device: str = "cpu, here", platform: str = "cpu") -> Calibration:
    """A measurement of these."""
    return Calibration(device=device, platform=platform, memory_bytes=2**30, timings=timings)


def trial(network: str, macs: int, seconds: float, **more: Any) -> TrialRow:
    """A complete trial that trained so long, and was evaluated for a second."""
    fields: dict[str, Any] = {
        "key": f"{network}/{more.get('seed', 0)}",
        "network_name": network,
        "recipe": RECIPE.canonical(),
        "dataset": "d",
        "dataset_name": "digits",
        "seed": 0,
        "state": "complete",
        "train_seconds": seconds,
        "evaluate_seconds": 1.0,
        "compile_seconds": 20.0,
        "device": "cpu, here",
        "finished_at": "2026-01-01T00:00:00+00:00",
    }
    return TrialRow(network=network, macs=macs, **(fields | more))
