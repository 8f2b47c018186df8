"""One function of network, recipe and platform for the memory of a step."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scaling_search.baselines.load import load
from scaling_search.costs.count import cost
from scaling_search.costs.memory import training_memory
from scaling_search.scaling.proxy import proxy
from scaling_search.training.memory import step_memory
from scaling_search.training.recipe import named

NETWORK = proxy(load("efficientnet-b0"), resolution=16, width=0.25, channels=1, classes=10)
COUNTED = cost(NETWORK)


@pytest.mark.parametrize("platform", ["cpu", "gpu", "tpu"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize("averages", [True, False])
def test_a_step_takes_what_its_recipe_keeps(platform: str, optimizer: str, averages: bool) -> None:
    base = named("efficientnet" if optimizer == "rmsprop" else "fast", batch_size=32, optimizer=optimizer)
    recipe = base if averages else base.model_copy(update={"ema_images": None})
    element_bytes = 4 if platform == "cpu" else 2
    slots = 1 if optimizer == "sgd" else 2
    expected = training_memory(
        NETWORK, batch_size=32, element_bytes=element_bytes, slots=slots, average=averages
    )
    assert step_memory(NETWORK, recipe, platform) == expected.total
    assert step_memory(NETWORK, recipe, platform, counted=COUNTED) == expected.total


def test_slots_and_average_are_float32_vectors_of_the_parameters() -> None:
    recipe = named("fast", batch_size=32)
    lean = recipe.model_copy(update={"ema_images": None})
    plain = named("fast", batch_size=32, optimizer="sgd").model_copy(update={"ema_images": None})
    weights, statistics = 4 * COUNTED.parameters, 4 * COUNTED.batch_stats
    assert step_memory(NETWORK, recipe, "gpu") - step_memory(NETWORK, lean, "gpu") == weights + statistics
    assert step_memory(NETWORK, lean, "gpu") - step_memory(NETWORK, plain, "gpu") == weights


def test_it_loads_no_accelerator_library() -> None:
    code = (
        "import sys, scaling_search.training.memory; assert not {'jax', 'optax', 'flax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
