"""Modules made of other modules: chains, residual sums, concatenations, gates and loops."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from scaling_search.architecture import operations as ops
from scaling_search.networks import gate, native
from scaling_search.networks.arrays import Maps, NewMaps
from scaling_search.networks.loops import loop
from scaling_search.networks.modules import Call, at, dropout, split
from scaling_search.networks.vectors import packing


class Chain(nnx.Module):
    """One after the other."""

    def __init__(self, steps: list[nnx.Module]) -> None:
        self.names = tuple(f"{index:02d}_{type(step).__name__.lower()}" for index, step in enumerate(steps))
        for name, step in zip(self.names, steps, strict=True):
            setattr(self, name, step)

    def __call__(self, x: Maps, call: Call) -> NewMaps:
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

    def __call__(self, x: Maps, call: Call) -> NewMaps:
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

    def terms(self, x: Maps, call: Call) -> list[NewMaps]:
        """One output per column: a branch that itself ends in a mean gives all of its columns."""
        return [
            term for name in self.branches.names for term in _terms(getattr(self.branches, name), x, call)
        ]

    def __call__(self, x: Maps, call: Call) -> NewMaps:
        outputs = jnp.stack(self.terms(x, call))
        if not (call.train and self.drop_rate):
            return jnp.mean(outputs, axis=0)
        one_key, keep_key = jax.random.split(at(call, self.position))
        count, batch = outputs.shape[:2]
        always = jax.random.randint(one_key, (batch,), 0, count)
        kept = jax.random.bernoulli(keep_key, 1 - self.drop_rate, (count, batch))
        kept = kept | (jnp.arange(count)[:, None] == always[None])
        share = (kept / jnp.sum(kept, axis=0, keepdims=True)).astype(x.dtype)
        return jnp.einsum("kb,kbhwc->bhwc", share, outputs)


def _terms(module: nnx.Module, x: Maps, call: Call) -> list[NewMaps]:
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

    def __call__(self, x: Maps, call: Call) -> NewMaps:
        if call.train:
            call.heads.append(self.branch(x, call))
        return x


class Concat(nnx.Module):
    """Branches side by side along channels; with `split` each sees its share of the input."""

    def __init__(self, branches: Chain, split: bool) -> None:
        self.branches = branches
        self.split = split

    def __call__(self, x: Maps, call: Call) -> NewMaps:
        names = self.branches.names
        inputs = jnp.split(x, len(names), axis=-1) if self.split else [x] * len(names)
        outputs = [getattr(self.branches, name)(i, call) for name, i in zip(names, inputs, strict=True)]
        return jnp.concatenate(outputs, axis=-1)


class Gate(nnx.Module):
    """x * branch(x)."""

    def __init__(self, op: ops.Gate, branch: Any) -> None:
        self.branch = branch
        self.kinds = gate.kinds(op.branch)

    def __call__(self, x: Maps, call: Call) -> NewMaps:
        fits = self.kinds is not None and x.dtype == jnp.float32
        if not fits or not native.serves(call.platform):
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

    def __call__(self, x: Maps, call: Call) -> NewMaps:
        graph, params, stats = split(self.block)
        keys = jax.random.split(at(call, self.position), len(self.drop_rates))
        rates = jnp.asarray(self.drop_rates, jnp.float32) if any(self.drop_rates) else None
        # The statistics too are one array a block.
        pack, unpack = packing(stats, platform=call.platform)

        def block(x: jax.Array, params: Any, rest: Any) -> tuple[jax.Array, Any]:
            stats, key, rate = rest
            module = nnx.merge(graph, params, unpack(stats))
            y = module(x, replace(call, key=key, drop_rate=rate))
            return y, pack(lax.stop_gradient(nnx.state(module, nnx.BatchStat)))

        y, stats = loop(block, x, params, (pack(stats), keys, rates), platform=call.platform)
        nnx.update(self.block, unpack(stats))
        return y
