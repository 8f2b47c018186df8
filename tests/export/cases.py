"""Built-in networks at 32 px and a quarter of the width, with weights in which nothing is 0 or 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import baseline
from scaling_search.errors import InputError
from scaling_search.export.reference import noise
from scaling_search.networks.build import build
from scaling_search.networks.weights import Layer, stack, unstack
from scaling_search.scaling.proxy import proxy
from tests.export import interpreter

CLASSES = 10


@dataclass(frozen=True)
class Case:
    """A network with weights, some normalised images (B, H, W, C), and the logits in float64."""

    network: Network
    layers: list[Layer]
    images: np.ndarray
    logits: np.ndarray

    @property
    def trees(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return stack(self.network, self.layers)


def small(name: str) -> Network:
    """The built-in network at 32 px, or the next size that its pooling leaves anything of."""
    network = baseline(name)
    side = 32
    while True:
        try:
            return proxy(network, resolution=side, width=0.25, channels=network.channels, classes=CLASSES)
        except InputError:
            if side > 128:
                raise
            side *= 2


def case(network: Network, *, count: int = 4) -> Case:
    random = np.random.default_rng(3)
    params, batch_stats = build(network, platform="plain").init(jax.random.key(0))
    layers = [dict(layer) for layer in unstack(network, params, batch_stats)]
    for layer in layers:
        for name in ("bias", "scale"):
            if name in layer:
                layer[name] = layer[name] + 0.1 * random.standard_normal(layer[name].shape, np.float32)
    images = noise(network, 1, count)
    return Case(network, layers, images, interpreter.logits(network, layers, images, settle=True))


def relative(found: np.ndarray, case: Case) -> float:
    """The largest difference from the float64 logits, as a share of the largest of these."""
    return float(np.abs(found - case.logits).max() / np.abs(case.logits).max())
