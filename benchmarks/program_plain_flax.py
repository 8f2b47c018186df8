"""The same network as anyone would write it in flax: `nnx.Conv` with `feature_group_count`, `nnx.BatchNorm`."""

from __future__ import annotations

from typing import Any, NamedTuple

import cases
import jax
import jax.numpy as jnp
import jax_step
import numpy as np
from flax import nnx

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import operation_tree
from scaling_search.architecture.shapes import output_shape, pads

ACTIVATE = {"silu": nnx.silu, "relu": nnx.relu, "sigmoid": nnx.sigmoid, "identity": lambda x: x}


class Apply(nnx.Module):
    """A function without weights."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.function(x)


class Residual(nnx.Module):
    def __init__(self, branch: nnx.Module, shortcut: nnx.Module) -> None:
        self.branch, self.shortcut = branch, shortcut

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.branch(x) + self.shortcut(x)


class Gate(nnx.Module):
    def __init__(self, branch: nnx.Module) -> None:
        self.branch = branch

    def __call__(self, x: jax.Array) -> jax.Array:
        return x * self.branch(x)


def fold(op: ops.Operation, shape: ops.Shape, rngs: nnx.Rngs) -> nnx.Module:
    match op:
        case ops.Conv():
            sides = [pads(size, op.kernel, op.stride, op.padding) for size in shape[:2]]
            return nnx.Conv(
                shape[2],
                op.features,
                (op.kernel, op.kernel),
                strides=op.stride,
                padding=sides,
                feature_group_count=op.groups,
                use_bias=op.bias,
                rngs=rngs,
            )
        case ops.Norm():
            return nnx.BatchNorm(shape[2], momentum=op.momentum, epsilon=op.epsilon, rngs=rngs)
        case ops.Activation(kind=kind):
            return Apply(ACTIVATE[kind])
        case ops.GlobalPool():
            return Apply(lambda x: jnp.mean(x, (1, 2), keepdims=True))
        case ops.Pool(kind="max"):
            sides = [pads(size, op.kernel, op.stride, op.padding, ceil=op.ceil) for size in shape[:2]]
            window = (op.kernel, op.kernel)
            return Apply(lambda x: nnx.max_pool(x, window, strides=(op.stride,) * 2, padding=sides))
        case ops.Dense():
            return nnx.Linear(shape[2], op.features, use_bias=op.bias, rngs=rngs)
        case ops.Dropout(rate=0.0):
            return Apply(lambda x: x)
        case ops.Residual():
            return Residual(fold(op.branch, shape, rngs), fold(op.shortcut, shape, rngs))
        case ops.Gate():
            return Gate(fold(op.branch, shape, rngs))
        case ops.Chain() | ops.Repeat():
            steps = op.operations if isinstance(op, ops.Chain) else [op.operation] * len(op.drop_rates)
            built = []
            for step in steps:
                built.append(fold(step, shape, rngs))
                shape = output_shape(step, shape)
            return nnx.Sequential(*built)
    raise TypeError(f"no flax layer for {op}")


class Model(NamedTuple):
    init: Any
    apply: Any


def make(case: cases.Case) -> Any:
    shape = (case.resolution, case.resolution, cases.CHANNELS)

    def create(key: jax.Array) -> nnx.Module:
        return fold(operation_tree(case.network), shape, nnx.Rngs(key))

    graph, params, rest = nnx.split(nnx.eval_shape(create, jax.random.key(0)), nnx.Param, ...)
    shapes = nnx.to_pure_dict(params), nnx.to_pure_dict(rest)

    def init(key: jax.Array) -> Any:  # noqa: ARG001
        # Values of no meaning, since only time is measured: flax's own initial values take minutes to compile.
        def draw(leaf: Any) -> Any:
            return rng.uniform(0.01, 0.1, leaf.shape).astype(leaf.dtype)

        rng = np.random.default_rng(0)
        return jax.tree.map(draw, shapes)

    def apply(params: Any, rest: Any, images: jax.Array, *, train: bool, key: jax.Array) -> Any:  # noqa: ARG001
        module = nnx.merge(graph, params, rest)
        module.train()
        logits = module(images).reshape(len(images), -1)
        return logits, nnx.to_pure_dict(nnx.split(module, nnx.Param, ...)[2])

    return jax_step.stepper(Model(init, apply), case)
