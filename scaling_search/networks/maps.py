"""What a network looks at: class activation maps.

Zhou et al. 2016 (CVPR, "Learning Deep Features for Discriminative Localization"): where the last map f is averaged
and fed to a dense layer, map[c](x, y) = Σ_k w[k, c]·f[k](x, y), whose mean plus the bias is the logit. Selvaraju et al.
2017 (ICCV, Grad-CAM): elsewhere w[k, c] is the logit's gradient by f[k], averaged over the map and times its size. For
a mean and a dense layer that gradient is the layer's weight, so both are one formula. No ReLU is taken: what speaks
against a class is shown too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from scaling_search.architecture.network import Network, operation_tree
from scaling_search.networks import combinators, modules
from scaling_search.networks.arrays import Maps
from scaling_search.networks.build import LOOP_FROM, Builder
from scaling_search.networks.initial import Start

Tree = Any
# (params, batch_stats, images, class of each) -> (maps, logits)
MapsOf = Callable[
    [Tree, Tree, Maps, Int[Array, " n"]], tuple[Float[Array, "n h w"], Float[Array, "n classes"]]
]


def activation_maps(network: Network, *, platform: str) -> MapsOf:
    """Class activation maps (n, h, w) of one class for each image, and the logits, of normalised images."""
    shape = (network.resolution, network.resolution, network.channels)
    start = Start(init="reference", residuals=1, normalised=True)
    module = nnx.eval_shape(lambda: Builder(LOOP_FROM, start).build(operation_tree(network), shape))
    graph, _, _ = modules.split(module)
    call = modules.Call(train=False, key=jax.random.key(0), platform=platform, batched=False)

    def steps(params: Tree, batch_stats: Tree) -> list[nnx.Module]:
        """Made anew inside every trace: modules write their statistics, and flax lets no trace write another's."""
        return list(_flat(nnx.merge(graph, params, batch_stats)))

    def cut(params: Tree, batch_stats: Tree, images: Maps) -> int:
        """The number of steps up to the last map that has more than one place."""
        shapes: list[tuple[int, ...]] = []

        def walk(images: Maps) -> None:
            x = images
            for step in steps(params, batch_stats):
                x = step(x, call)
                shapes.append(x.shape)

        jax.eval_shape(walk, images)
        return max((at + 1 for at, (_, *sides, _) in enumerate(shapes) if math.prod(sides) > 1), default=0)

    def run(
        params: Tree, batch_stats: Tree, images: Maps, classes: Int[Array, " n"]
    ) -> tuple[Float[Array, "n h w"], Float[Array, "n classes"]]:
        place = cut(params, batch_stats, images)
        x = images
        for step in steps(params, batch_stats)[:place]:
            x = step(x, call)

        def logits_of(features: Maps) -> Float[Array, "n classes"]:
            y = features
            for step in steps(params, batch_stats)[place:]:
                y = step(y, call)
            return y.reshape(len(images), -1)

        def chosen(features: Maps) -> tuple[Float[Array, ""], Float[Array, "n classes"]]:
            logits = logits_of(features)
            return jnp.take_along_axis(logits, classes[:, None], axis=1).sum(), logits

        gradient, logits = jax.grad(chosen, has_aux=True)(x)
        weight = gradient.sum(axis=(1, 2), keepdims=True)
        return (weight * x).sum(axis=-1), logits

    return jax.jit(run)


def _flat(module: nnx.Module) -> list[nnx.Module]:
    """A chain's steps, those of chains inside it one by one."""
    if not isinstance(module, combinators.Chain):
        return [module]
    return [step for name in module.names for step in _flat(getattr(module, name))]
