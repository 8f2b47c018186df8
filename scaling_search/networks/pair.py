"""A network as a pair of pure functions, for programs of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from scaling_search.architecture.network import Network
from scaling_search.networks.build import build as build_model


def build(network: Network, *, platform: str | None = None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """(init, apply) of a network, for this machine's default device unless a `platform` (cpu, gpu, tpu) is given.

    `init(key) -> (params, batch_stats)`; `apply(params, batch_stats, images, train=…, key=…) -> (logits, batch_stats)`,
    images (batch, height, width, channels) as float32, normalised.
    """
    model = build_model(network, platform=platform or str(jax.default_backend()))
    return model.init, model.apply
