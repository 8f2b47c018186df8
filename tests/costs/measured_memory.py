"""What XLA plans for a training step: `python -m tests.costs.measured_memory` writes the figures beside it anew.

It compiles every network in the file, a few minutes of processor time. `bytes` are XLA's arguments, results and
temporaries on a CPU (`memory_analysis`) without the data set, which lies on the device too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import baseline
from scaling_search.data.dataset import Dataset, Split
from scaling_search.networks.build import build
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.rounding import Rounding
from scaling_search.training import recipe
from scaling_search.training.compiled import compile_trial
from scaling_search.training.pixels import on_device

FILE = Path(__file__).with_suffix(".json")


def small(row: dict[str, Any]) -> Network:
    """The network of a row of the file."""
    return proxy(
        baseline(row["network"]),
        resolution=row["resolution"],
        width=row["width"],
        depth=row["depth"],
        channels=3,
        classes=10,
        rounding=Rounding(depth="round"),
    )


def measured(network: Network, *, batch_size: int) -> int:
    """Bytes of a training step of AdamW with averaged weights, as compiled for a CPU."""
    data = Dataset(
        name="noise",
        classes=tuple("0123456789"),
        fingerprint="n" * 64,
        train=_noise(2 * batch_size, network),
        validation=_noise(16, network),
    )
    pixels = on_device(data, network.resolution)
    program = compile_trial(
        build(network, platform="cpu"), pixels, recipe.named("fast", batch_size=batch_size)
    )
    if program.memory_bytes is None:
        raise RuntimeError(f"XLA does not say for {jax.default_backend()}")
    return program.memory_bytes - data.train.images.nbytes


def _noise(count: int, network: Network) -> Split:
    side = network.resolution
    return Split(
        images=np.zeros((count, side, side, network.channels), np.uint8),
        labels=(np.arange(count) % network.classes).astype(np.int32),
    )


def main() -> None:
    """Measure every row of the file again."""
    document = json.loads(FILE.read_text("utf-8"))
    for row in document["networks"]:
        row["bytes"] = measured(small(row), batch_size=row["batch_size"])
        sys.stderr.write(f"{row}\n")
    document["jax"] = jax.__version__
    FILE.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
