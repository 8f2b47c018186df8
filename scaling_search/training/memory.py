"""How many bytes a training step takes, before anything is compiled: a network's cost under a recipe."""

from __future__ import annotations

from scaling_search.architecture.network import Network
from scaling_search.costs.count import Cost
from scaling_search.costs.memory import FLOAT32, training_memory
from scaling_search.training.recipe import Recipe

# What each optimizer keeps for every parameter, in float32: momentum, and a mean of squares.
_SLOTS = {"sgd": 1, "rmsprop": 2, "adamw": 2}
BFLOAT16 = 2


def step_memory(network: Network, recipe: Recipe, platform: str, *, counted: Cost | None = None) -> int:
    """Bytes of one training step of ``network`` with ``recipe`` on ``platform`` ("cpu", "gpu", "tpu").

    Maps are float32 on a CPU and bfloat16 elsewhere (`networks.build`); weights, gradients, optimizer and moving
    average are float32 everywhere. ``counted``: the network's cost, where it is known already.
    """
    return training_memory(
        network,
        batch_size=recipe.batch_size,
        element_bytes=FLOAT32 if platform == "cpu" else BFLOAT16,
        slots=_SLOTS[recipe.optimizer],
        average=recipe.ema_images is not None,
        counted=counted,
    ).total
