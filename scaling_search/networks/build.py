"""The fold that builds: operation tree -> flax modules -> a pair of pure functions (init, apply)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network, operation_tree, with_drop_rate
from scaling_search.architecture.operations import Operation, Shape
from scaling_search.architecture.shapes import output_shape
from scaling_search.networks import combinators, initial, modules, vectors
from scaling_search.networks.arrays import Maps, wide
from scaling_search.networks.initial import Gives, Init, Start
from scaling_search.networks.native import PLAIN

Tree = dict[str, Any]
# A run of equal blocks at least this long becomes one compiled loop: it compiles once however deep the stage.
LOOP_FROM = 4


class Model(NamedTuple):
    """A network as two pure functions. Kernels are leaves named "kernel"; norms have "scale" and "bias".

    init(key) -> (params, batch_stats), nested dicts of float32 arrays (in host memory unless traced).
    apply(params, batch_stats, images (B, H, W, C), *, train, key) -> (logits (B, classes) float32, new batch_stats).

    A network with auxiliary heads gives logits (heads, B, classes) in training, the main head first; the loss is the
    sum of the heads' losses, each times its entry of `head_weights`. `split` is `jnp.split` in the device's best way.
    `initial_weights`: the SHA-256 of the file that `init` takes weights from; None where it draws all of them.
    """

    init: Callable[[jax.Array], tuple[Tree, Tree]]
    apply: Callable[..., tuple[jax.Array, Tree]]
    head_weights: tuple[float, ...] = (1.0,)
    split: Callable[[jax.Array, Sequence[int]], list[jax.Array]] = jnp.split
    initial_weights: str | None = None


class Builder:
    """Walks the tree once, and counts places so that each has randomness of its own."""

    def __init__(self, loop_from: int, start: Start) -> None:
        self.loop_from = loop_from
        self.start = start
        self.places = 0
        self.head_weights = [1.0]

    def place(self) -> int:
        self.places += 1
        return self.places

    def build(self, op: Operation, shape: Shape, gives: Gives | None = None) -> nnx.Module:
        """`gives`: what the operation ends in, which its last layer is told."""
        match op:
            case ops.Conv():
                return modules.Conv(op, shape, self.start, gives)
            case ops.Norm():
                return modules.Norm(op, shape, "identity", self.start, gives)
            case ops.Dense():
                return modules.Dense(op, shape, self.start, gives)
            case ops.Pool():
                return modules.Pool(op, shape)
            case ops.Chain():
                return self.chain(op, shape, gives)
            case ops.Residual():
                branch, shortcut = self.build(op.branch, shape, "branch"), self.build(op.shortcut, shape)
                return combinators.Residual(branch, shortcut, op.drop_rate, self.place())
            case ops.Mean():
                return combinators.Mean(self.branches(op.branches, shape), op.drop_rate, self.place())
            case ops.Concat():
                return combinators.Concat(self.branches(op.branches, op.inside(shape)), op.split)
            case ops.Gate():
                return combinators.Gate(op, self.build(op.branch, shape))
            case ops.Auxiliary():
                self.head_weights.append(op.weight)
                return combinators.Auxiliary(self.build(op.branch, shape, "logits"))
            case ops.Repeat():
                return self.repeat(op, shape)
            case _:
                return modules.Plain(op, self.place())

    def branches(self, branches: tuple[Operation, ...], shape: Shape) -> combinators.Chain:
        return combinators.Chain([self.build(branch, shape) for branch in branches])

    def chain(self, op: ops.Chain, shape: Shape, gives: Gives | None) -> combinators.Chain:
        """A norm and the activation behind it become one module: together they keep less for the backward pass."""
        built: list[nnx.Module] = []
        steps = list(op.operations)
        last = ops.Conv | (ops.Dense if gives == "logits" else ops.Norm)
        while steps:
            step = steps.pop(0)
            behind = steps[0] if steps else None
            ends = None if any(isinstance(later, last) for later in steps) else gives
            if isinstance(step, ops.Norm) and isinstance(behind, ops.Activation):
                built.append(modules.Norm(step, shape, behind.kind, self.start, ends))
                steps.pop(0)
            else:
                built.append(self.build(step, shape, ends))
            shape = output_shape(step, shape)
        return combinators.Chain(built)

    def repeat(self, op: ops.Repeat, shape: Shape) -> nnx.Module:
        if len(op.drop_rates) < self.loop_from:
            return combinators.Chain(
                [self.build(with_drop_rate(op.operation, rate), shape) for rate in op.drop_rates]
            )
        # Built once, however deep the stage: that is what makes a deep network quick to compile. Places inside are told
        # apart by the loop's own keys.
        copies = (*self.start.copies, len(op.drop_rates))
        inner = Builder(self.loop_from, replace(self.start, copies=copies))
        return combinators.Loop(inner.build(op.operation, shape), op.drop_rates, self.place())


def residuals(op: Operation) -> int:
    """How many blocks a network adds to their inputs."""
    match op:
        case ops.Residual():
            return 1
        case ops.Repeat():
            return len(op.drop_rates) * residuals(op.operation)
        case ops.Chain():
            return sum(residuals(step) for step in op.operations)
    return 0


@lru_cache(maxsize=32)
def abstract(network: Network, init: Init, loop_from: int) -> tuple[nnx.Module, tuple[float, ...]]:
    """The network's modules with shapes in place of arrays, and the weights of its heads' losses.

    A network is built for several programs and read for where its weights lie: the walk is done once.
    """
    tree = operation_tree(network)
    shape = (network.resolution, network.resolution, network.channels)
    start = Start(init=init, residuals=max(1, residuals(tree)), normalised=network.norm != "none")
    builder = Builder(loop_from, start)
    return builder.build(tree, shape, "logits"), tuple(builder.head_weights)


def build(
    network: Network,
    *,
    platform: str,
    batched: bool = False,
    init: Init = "reference",
    loop_from: int = LOOP_FROM,
) -> Model:
    """`network` as (init, apply) for `platform` ("cpu", "gpu", "tpu", or `PLAIN`: what all others are held against).

    `batched`: in the way that is fast where several seeds are one program (`jax.vmap`). The same function otherwise.
    `init`: how weights begin (`initial`).

    Compute is float32 on a CPU and bfloat16 elsewhere; parameters, statistics and logits are float32 everywhere.
    """
    module, head_weights = abstract(network, init, loop_from)
    graph, weights, statistics = modules.split(module)
    dtype = jnp.float32 if platform == "cpu" else jnp.bfloat16

    def begin(key: Key[Array, ""]) -> tuple[Tree, Tree]:
        return initial.begin(key, weights, statistics)

    def apply(
        params: Tree, batch_stats: Tree, images: Maps, *, train: bool, key: Key[Array, ""]
    ) -> tuple[Float[Array, "*heads batch classes"], Tree]:
        module = nnx.merge(graph, params, batch_stats)
        call = modules.Call(train=train, key=key, platform=platform, batched=batched)
        inputs = images if platform == PLAIN else images.astype(dtype)
        heads = [module(inputs, call), *call.heads]
        logits = jnp.stack([wide(head).reshape(len(images), -1) for head in heads])
        logits = logits[0] if len(heads) == 1 else logits
        return logits, nnx.to_pure_dict(nnx.state(module, nnx.BatchStat))

    return Model(begin, apply, head_weights, partial(vectors.split, platform=platform))
