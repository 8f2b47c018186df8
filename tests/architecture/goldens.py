"""Writes the golden fingerprints anew: ``.venv/bin/python -m tests.architecture.goldens``, then read the difference."""

from __future__ import annotations

import json
from pathlib import Path

from scaling_search.architecture.network import fingerprint
from scaling_search.architecture.schema import digest
from scaling_search.baselines.load import baseline, names
from scaling_search.ledger.storage.rows import trial_key
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.search_space import search_space
from scaling_search.training import recipe as recipes

GOLDENS = Path(__file__).with_name("fingerprints.json")
DATASET = "d" * 64
# The recipe follows the number of training images.
RECIPES = [("efficientnet", 1_281_167)] + [("fast", images) for images in (1_004, 5_000, 20_000, 45_000)]
# Not the packaged one: that may be tuned.
STUDY = """
baseline = "efficientnet-b0"
dataset = "digits"
proxy = { resolution = 8, width = 0.25, depth = 0.5 }
rounding = { depth = "round", divisor = 2 }
recipe = { name = "fast", epochs = 8, batch_size = 32 }
"""


def found() -> dict[str, dict[str, str]]:
    """What every fingerprint is now."""
    return {
        "networks": {name: fingerprint(baseline(name)) for name in names()},
        "recipes": {
            f"{name}, {images} images": digest(recipes.named(name, images=images).canonical())
            for name, images in RECIPES
        },
        "studies": {"one": search_space(studies.parse(STUDY)).identity(DATASET)},
        "trials": {"one": trial_key(network="n" * 64, recipe="{}", dataset=DATASET, seed=3)},
    }


if __name__ == "__main__":
    GOLDENS.write_text(json.dumps(found(), indent=1) + "\n", encoding="utf-8")
