"""One flax module per operation: weights, running statistics, and how a batch goes through.

Every module maps (B, H, W, C) to (B, H', W', C'). `Call` carries what the whole pass shares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from scaling_search.architecture import operations as ops
from scaling_search.architecture.operations import Shape
from scaling_search.architecture.shapes import pads
from scaling_search.networks import gate, native
from scaling_search.networks.activations import activate
from scaling_search.networks.convolution import convolve
from scaling_search.networks.initial import constant, parameter
from scaling_search.networks.normalization import batch_norm
from scaling_search.networks.pooling import avg_pool, max_pool


@dataclass(frozen=True, kw_only=True)
class Call:
    """One pass: `key` feeds dropout and stochastic depth; `drop_rate` overrides a residual's own (in a loop)."""

    train: bool
    key: jax.Array
    platform: str
    drop_rate: jax.Array | None = None
    heads: list[jax.Array] = field(default_factory=list)  # auxiliary logits, in the order met


class Conv(nnx.Module):
    """Kernel (k, k, C_in/groups, C_out), normal with variance 2 / fan_out, fan_out = k*k*C_out/groups.

    The reference EfficientNet's initialisation (He et al. 2015, fan-out), its depthwise kernels included.
    """

    def __init__(self, op: ops.Conv, inputs: Shape) -> None:
        fan_out = op.kernel**2 * op.features // op.groups
        shape = (op.kernel, op.kernel, inputs[2] // op.groups, op.features)
        self.kernel = parameter(shape, "normal", math.sqrt(2 / fan_out))
        self.bias = constant(nnx.Param, op.features, 0.0) if op.bias else None
        self.op = op
        sides = [pads(size, op.kernel, op.stride, op.padding) for size in inputs[:2]]
        self.padding = (sides[0], sides[1])

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        kernel = self.kernel[...].astype(x.dtype)
        y = convolve(
            x,
            kernel,
            stride=self.op.stride,
            padding=self.padding,
            groups=self.op.groups,
            platform=call.platform,
        )
        return y if self.bias is None else y + self.bias[...].astype(x.dtype)


class Norm(nnx.Module):
    """Batch normalisation with the activation behind it: the pair shares one backward pass."""

    def __init__(self, op: ops.Norm, inputs: Shape, activation: str) -> None:
        channels = inputs[2]
        self.scale = constant(nnx.Param, channels, 1.0)
        self.bias = constant(nnx.Param, channels, 0.0)
        self.mean = constant(nnx.BatchStat, channels, 0.0)
        self.variance = constant(nnx.BatchStat, channels, 1.0)
        self.op = op
        self.activation = activation

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
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
    """Kernel (C_in, C_out), uniform within 1 / sqrt(C_out): the reference EfficientNet's."""

    def __init__(self, op: ops.Dense, inputs: Shape) -> None:
        limit = 1 / math.sqrt(op.features)
        shape = (inputs[2], op.features)
        self.kernel = parameter(shape, "uniform", limit)
        self.bias = constant(nnx.Param, op.features, 0.0) if op.bias else None

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:  # noqa: ARG002
        y = x @ self.kernel[...].astype(x.dtype)
        return y if self.bias is None else y + self.bias[...].astype(x.dtype)


class Pool(nnx.Module):
    """Spatial pooling; averages leave the padding out."""

    def __init__(self, op: ops.Pool, inputs: Shape) -> None:
        self.op = op
        sides = [pads(size, op.kernel, op.stride, op.padding, ceil=op.ceil) for size in inputs[:2]]
        self.padding = (sides[0], sides[1])

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:  # noqa: ARG002
        pool = max_pool if self.op.kind == "max" else avg_pool
        window = (self.op.kernel, self.op.kernel)
        return pool(x, kernel=window, stride=self.op.stride, padding=self.padding)


class Plain(nnx.Module):
    """An operation without weights."""

    def __init__(self, op: ops.Operation, position: int) -> None:
        self.op = op
        self.position = position

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        match self.op:
            case ops.Activation(kind=kind):
                return activate(x, kind)
            case ops.GlobalPool():
                return jnp.mean(x, axis=(1, 2), keepdims=True, dtype=jnp.float32).astype(x.dtype)
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


def local_response_norm(x: jax.Array, op: ops.LocalResponseNorm) -> jax.Array:
    """x / (k + alpha/size * sum of x^2 over `size` neighbouring channels)^beta."""
    behind = (op.size - 1) // 2
    squares = jnp.pad(
        jnp.square(x.astype(jnp.float32)), ((0, 0), (0, 0), (0, 0), (op.size - 1 - behind, behind))
    )
    total = sum(squares[..., i : i + x.shape[-1]] for i in range(op.size))
    return (x / (op.k + op.alpha / op.size * total) ** op.beta).astype(x.dtype)


class Chain(nnx.Module):
    """One after the other."""

    def __init__(self, steps: list[nnx.Module]) -> None:
        self.names = tuple(f"{index:02d}_{type(step).__name__.lower()}" for index, step in enumerate(steps))
        for name, step in zip(self.names, steps, strict=True):
            setattr(self, name, step)

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        for name in self.names:
            x = getattr(self, name)(x, call)
        return x


class Residual(nnx.Module):
    """branch + shortcut; in training whole branches of single images are dropped."""

    def __init__(self, branch: nnx.Module, shortcut: nnx.Module, drop_rate: float, position: int) -> None:
        self.branch = branch
        self.shortcut = shortcut
        self.drop_rate = drop_rate
        self.position = position

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        y = self.branch(x, call)
        rate = self.drop_rate if call.drop_rate is None else call.drop_rate
        if call.train and (call.drop_rate is not None or self.drop_rate):
            y = dropout(y, rate, (y.shape[0], 1, 1, 1), at(call, self.position))
        total: jax.Array = self.shortcut(x, call) + y
        return total


class Mean(nnx.Module):
    """Mean of all columns that meet; in training each may drop out for an image, never all (FractalNet, section 4)."""

    def __init__(self, branches: Chain, drop_rate: float, position: int) -> None:
        self.branches = branches
        self.drop_rate = drop_rate
        self.position = position

    def terms(self, x: jax.Array, call: Call) -> list[jax.Array]:
        """One output per column: a branch that itself ends in a mean gives all of its columns."""
        return [
            term for name in self.branches.names for term in _terms(getattr(self.branches, name), x, call)
        ]

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        outputs = jnp.stack(self.terms(x, call))
        if not (call.train and self.drop_rate):
            return jnp.mean(outputs, axis=0)
        one_key, keep_key = jax.random.split(at(call, self.position))
        count, batch = outputs.shape[:2]
        always = jax.random.randint(one_key, (batch,), 0, count)
        kept = jax.random.bernoulli(keep_key, 1 - self.drop_rate, (count, batch))
        kept = kept | (jnp.arange(count)[:, None] == always)
        share = (kept / jnp.sum(kept, axis=0)).astype(x.dtype)
        return jnp.einsum("kb,kbhwc->bhwc", share, outputs)


def _terms(module: nnx.Module, x: jax.Array, call: Call) -> list[jax.Array]:
    if isinstance(module, Mean):
        return module.terms(x, call)
    if isinstance(module, Chain) and module.names:
        *before, last = (getattr(module, name) for name in module.names)
        for step in before:
            x = step(x, call)
        return _terms(last, x, call)
    return [module(x, call)]


class Auxiliary(nnx.Module):
    """x, unchanged; in training the branch's logits are handed to `call.heads`."""

    def __init__(self, branch: nnx.Module) -> None:
        self.branch = branch

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        if call.train:
            call.heads.append(self.branch(x, call))
        return x


class Concat(nnx.Module):
    """Branches side by side along channels; with `split` each sees its share of the input."""

    def __init__(self, branches: Chain, split: bool) -> None:
        self.branches = branches
        self.split = split

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        names = self.branches.names
        inputs = jnp.split(x, len(names), axis=-1) if self.split else [x] * len(names)
        outputs = [getattr(self.branches, name)(i, call) for name, i in zip(names, inputs, strict=True)]
        return jnp.concatenate(outputs, axis=-1)


class Gate(nnx.Module):
    """x * branch(x)."""

    def __init__(self, op: ops.Gate, branch: Any) -> None:
        self.branch = branch
        self.kinds = gate.kinds(op.branch)

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        fits = self.kinds is not None and call.platform == "cpu" and x.dtype == jnp.float32
        if not fits or native.version() is None:
            return jnp.multiply(x, self.branch(x, call))
        _, squeeze, _, excite, _ = (getattr(self.branch, name) for name in self.branch.names)
        weights = [w for conv in (squeeze, excite) for w in (conv.kernel[0, 0], conv.bias[...])]
        return gate.squeeze_and_excite(x, *weights, self.kinds)


class Loop(nnx.Module):
    """Equal blocks run as one compiled loop: weights stacked along a leading axis."""

    def __init__(self, block: nnx.Module, drop_rates: tuple[float, ...], position: int) -> None:
        self.block = block
        self.drop_rates = drop_rates
        self.position = position

    def __call__(self, x: jax.Array, call: Call) -> jax.Array:
        graph, params, stats = split(self.block)
        keys = jax.random.split(at(call, self.position), len(self.drop_rates))
        rates = jnp.asarray(self.drop_rates, jnp.float32) if any(self.drop_rates) else None

        def one(x: jax.Array, copy: Any) -> tuple[jax.Array, Any]:
            params, stats, key, rate = copy
            block = nnx.merge(graph, params, stats)
            y = block(x, replace(call, key=key, drop_rate=rate))
            return y, nnx.state(block, nnx.BatchStat)

        y, stats = lax.scan(one, x, (params, stats, keys, rates))
        nnx.update(self.block, stats)
        return y
