"""Bytes of a training step, from network, recipe and platform: one figure for plans, limits, refusals and forecasts."""

from __future__ import annotations

from scaling_search.architecture.network import Network
from scaling_search.costs.count import Cost
from scaling_search.costs.memory import training_memory
from scaling_search.training.recipe import Recipe


def step_memory(network: Network, recipe: Recipe, platform: str, *, counted: Cost | None = None) -> int:
    """Bytes that a training step holds at its fullest (`costs.memory`); accelerators keep maps in 16 bits.

    `counted` is the network's cost, where it is known already.
    """
    return training_memory(
        network,
        batch_size=recipe.batch_size,
        element_bytes=4 if platform == "cpu" else 2,
        slots=1 if recipe.optimizer == "sgd" else 2,
        average=recipe.ema is not None,
        counted=counted,
    ).total
