"""What an exported network is held against: our own logits in the plain formulation, with no kernels and no loops."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Float32

from scaling_search.architecture.network import Network
from scaling_search.networks.build import build
from scaling_search.networks.native import PLAIN

Tree = dict[str, Any]
Images = Float32[np.ndarray, "batch height width channels"]

IMAGES = 16  # in a folder's check file
# Images in flight: a large network's maps at its own resolution would not all fit.
_PIXELS_AT_ONCE = 16 * 128**2
# With 0, the noise's own statistics, rounding errors grow from block to block (2e-5 of ResNet-50's logits at 32 px);
# with 0.9 hardly anything of the image is left behind EfficientNet's last block.
_MOMENTUM = 0.8
# Nothing here runs long enough to pay for XLA's dearer passes.
_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def logits(
    network: Network, params: Tree, batch_stats: Tree, images: Images, *, double: bool = False
) -> Float[np.ndarray, "batch classes"]:
    """Our logits for normalised images (B, H, W, C), computed in float32, or in float64 with `double`."""
    number = np.float64 if double else np.float32
    with jax.enable_x64(double):
        params, batch_stats, images = jax.tree.map(
            lambda leaf: np.asarray(leaf, number), (params, batch_stats, images)
        )
        apply = build(network, platform=PLAIN).apply
        # A call's key is only for training.
        key = jax.random.key(0)
        run = jax.jit(lambda p, s, x: apply(p, s, x, train=False, key=key)[0], compiler_options=_QUICK)
        count = max(1, min(len(images), _PIXELS_AT_ONCE // network.resolution**2))
        return np.concatenate(
            [
                np.asarray(run(params, batch_stats, images[at : at + count]))
                for at in range(0, len(images), count)
            ]
        )


def noise(network: Network, seed: int, count: int = IMAGES) -> Images:
    """Images (B, H, W, C) of independent N(0, 1) pixels, as if normalised."""
    side = network.resolution
    generator = np.random.default_rng([seed, 1])
    return generator.standard_normal((count, side, side, network.channels), np.float32)


def random_weights(network: Network, seed: int) -> tuple[Tree, Tree]:
    """(params, batch_stats) of an untrained network: weights of `seed`, statistics of one pass over noise.

    With the statistics that weights begin with, 0 and 1, a norm would hide much of what an export can get wrong.
    """
    key = jax.random.key(seed, impl="threefry2x32")
    params, batch_stats = build(network, platform=PLAIN).init(key)
    if jax.tree.leaves(batch_stats):
        once = network.model_copy(update={"norm_momentum": _MOMENTUM})
        apply = build(once, platform="cpu").apply
        run = jax.jit(lambda p, s, x: apply(p, s, x, train=True, key=key)[1], compiler_options=_QUICK)
        count = max(2, min(IMAGES, _PIXELS_AT_ONCE // network.resolution**2))
        batch_stats = run(params, batch_stats, noise(network, seed, count))
    host = jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), (params, batch_stats))
    return host[0], host[1]
