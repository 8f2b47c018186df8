"""One flax module per operation: weights, running statistics, and how a batch goes through.

Every module maps (B, H, W, C) to (B, H', W', C'). `Call` carries what the whole pass shares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from scaling_search.architecture import operations as ops
from scaling_search.architecture.operations import Shape
from scaling_search.architecture.shapes import pads
from scaling_search.networks.activations import activate
from scaling_search.networks.arrays import Maps, NewMaps, along_channels, wide
from scaling_search.networks.convolution import convolve
from scaling_search.networks.initial import Gives, Start
from scaling_search.networks.normalization import batch_norm
from scaling_search.networks.pooling import avg_pool, max_pool


@dataclass(frozen=True, kw_only=True)
class Call:
    """One pass: `key` feeds dropout and stochastic depth; `drop_rate` overrides a residual's own (in a loop)."""

    train: bool
    key: jax.Array
    platform: str
    batched: bool = False  # batched over seeds
    drop_rate: jax.Array | None = None
    heads: list[jax.Array] = field(default_factory=list)  # auxiliary logits, in the order met


class Conv(nnx.Module):
    """Kernel (k, k, C_in/groups, C_out)."""

    def __init__(self, op: ops.Conv, inputs: Shape, start: Start, gives: Gives | None) -> None:
        shape = (op.kernel, op.kernel, inputs[2] // op.groups, op.features)
        self.kernel = start.conv(shape, op.groups, gives)
        self.bias = start.constant(nnx.Param, op.features, 0.0) if op.bias else None
        self.op = op
        sides = [pads(size, op.kernel, op.stride, op.padding) for size in inputs[:2]]
        self.padding = (sides[0], sides[1])

    def __call__(self, x: Maps, call: Call) -> NewMaps:
        kernel = self.kernel[...].astype(x.dtype)
        y = convolve(
            x,
            kernel,
            stride=self.op.stride,
            padding=self.padding,
            groups=self.op.groups,
            platform=call.platform,
            batched=call.batched,
        )
        return y if self.bias is None else y + along_channels(self.bias[...].astype(x.dtype), y)


class Norm(nnx.Module):
    """Batch normalisation with the activation behind it: the pair shares one backward pass."""

    def __init__(
        self, op: ops.Norm, inputs: Shape, activation: str, start: Start, gives: Gives | None
    ) -> None:
        channels = inputs[2]
        self.scale = start.constant(nnx.Param, channels, start.norm(gives))
        self.bias = start.constant(nnx.Param, channels, 0.0)
        self.mean = start.constant(nnx.BatchStat, channels, 0.0)
        self.variance = start.constant(nnx.BatchStat, channels, 1.0)
        self.op = op
        self.activation = activation

    def __call__(self, x: Maps, call: Call) -> NewMaps:
        y, mean, variance = batch_norm(
            x,
            self.scale[...],
            self.bias[...],
            self.mean[...],
            self.variance[...],
            train=call.train,
            momentum=self.op.momentum,
            epsilon=self.op.epsilon,
            activation=self.activation,
            platform=call.platform,
        )
        self.mean[...] = mean
        self.variance[...] = variance
        return y


class Dense(nnx.Module):
    """Kernel (C_in, C_out)."""

    def __init__(self, op: ops.Dense, inputs: Shape, start: Start, gives: Gives | None) -> None:
        self.kernel = start.dense((inputs[2], op.features), gives)
        self.bias = start.constant(nnx.Param, op.features, 0.0) if op.bias else None

    def __call__(self, x: Maps, call: Call) -> NewMaps:  # noqa: ARG002
        y = x @ self.kernel[...].astype(x.dtype)
        return y if self.bias is None else y + along_channels(self.bias[...].astype(x.dtype), y)


class Pool(nnx.Module):
    """Spatial pooling; averages leave the padding out."""

    def __init__(self, op: ops.Pool, inputs: Shape) -> None:
        self.op = op
        sides = [pads(size, op.kernel, op.stride, op.padding, ceil=op.ceil) for size in inputs[:2]]
        self.padding = (sides[0], sides[1])

    def __call__(self, x: Maps, call: Call) -> NewMaps:  # noqa: ARG002
        pool = max_pool if self.op.kind == "max" else avg_pool
        window = (self.op.kernel, self.op.kernel)
        return pool(x, kernel=window, stride=self.op.stride, padding=self.padding)


class Plain(nnx.Module):
    """An operation without weights."""

    def __init__(self, op: ops.Operation, position: int) -> None:
        self.op = op
        self.position = position

    def __call__(self, x: Maps, call: Call) -> NewMaps:
        match self.op:
            case ops.Activation(kind=kind):
                return activate(x, kind)
            case ops.GlobalPool():
                return jnp.mean(wide(x), axis=(1, 2), keepdims=True).astype(x.dtype)
            case ops.Flatten():
                return x.reshape(x.shape[0], 1, 1, -1)
            case ops.Dropout(rate=rate):
                return dropout(x, rate, x.shape, at(call, self.position)) if call.train else x
            case ops.ChannelShuffle(groups=groups):
                batch, height, width, channels = x.shape
                split = x.reshape(batch, height, width, groups, channels // groups)
                return split.swapaxes(-1, -2).reshape(x.shape)
            case ops.LocalResponseNorm():
                return local_response_norm(x, self.op)
        raise TypeError(f"no module for {self.op}")


def split(module: nnx.Module) -> tuple[Any, Any, Any]:
    """(graph, parameters, batch statistics) of a module."""
    graph, params, stats = nnx.split(module, nnx.Param, nnx.BatchStat)  # type: ignore[misc]
    return graph, params, stats


def at(call: Call, position: int) -> jax.Array:
    """The random key of one place in the network."""
    return jax.random.fold_in(call.key, position)


def dropout(x: jax.Array, rate: float | jax.Array, shape: tuple[int, ...], key: jax.Array) -> jax.Array:
    """x / (1 - rate) where a draw of `shape` keeps it, 0 elsewhere."""
    keep = 1.0 - jnp.asarray(rate, jnp.float32)
    return x * (jax.random.bernoulli(key, keep, shape) / keep).astype(x.dtype)


def local_response_norm(x: Maps, op: ops.LocalResponseNorm) -> Maps:
    """x / (k + alpha/size * sum of x^2 over `size` neighbouring channels)^beta."""
    behind = (op.size - 1) // 2
    squares = jnp.pad(jnp.square(wide(x)), ((0, 0), (0, 0), (0, 0), (op.size - 1 - behind, behind)))
    total = sum(squares[..., i : i + x.shape[-1]] for i in range(op.size))
    return (x / (op.k + op.alpha / op.size * total) ** op.beta).astype(x.dtype)
