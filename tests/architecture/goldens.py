"""Writes the golden fingerprints anew: ``.venv/bin/python -m tests.architecture.goldens``, then read the difference."""

from __future__ import annotations

import json
from pathlib import Path

from scaling_search.architecture.network import fingerprint
from scaling_search.architecture.schema import digest
from scaling_search.baselines.load import baseline, names
from scaling_search.cli.options import packaged
from scaling_search.ledger.storage.rows import trial_key
from scaling_search.search.plan.search_space import search_space
from scaling_search.training import recipe as recipes

GOLDENS = Path(__file__).with_name("fingerprints.json")
DATASET = "d" * 64


def found() -> dict[str, dict[str, str]]:
    """What every fingerprint is now."""
    return {
        "networks": {name: fingerprint(baseline(name)) for name in names()},
        "recipes": {name: digest(recipes.named(name).canonical()) for name in recipes.names()},
        "studies": {"digits": search_space(packaged()).identity(DATASET)},
        "trials": {"one": trial_key(network="n" * 64, recipe="{}", dataset=DATASET, seed=3)},
    }


if __name__ == "__main__":
    GOLDENS.write_text(json.dumps(found(), indent=1) + "\n", encoding="utf-8")
