"""Pooling by shifted images equals XLA's window reductions, forward and backward."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from numpy.testing import assert_allclose

from scaling_search.networks.arrays import Padding
from scaling_search.networks.pooling import avg_pool, max_pool

CASES: dict[str, tuple[tuple[int, int], int, Padding]] = {
    "3x3 stride 2": ((3, 3), 2, ((1, 1), (1, 1))),
    "2x2 stride 2, valid": ((2, 2), 2, ((0, 0), (0, 0))),
    "3x2 stride 1, uneven": ((3, 2), 1, ((0, 1), (1, 0))),
    "3x3 stride 3, padded far": ((3, 3), 3, ((2, 2), (0, 1))),
}


def _reduced(x: jax.Array, first: float, operation, kernel, stride, padding) -> jax.Array:
    sides = ((0, 0), *padding, (0, 0))
    return lax.reduce_window(x, first, operation, (1, *kernel, 1), (1, stride, stride, 1), sides)


def _both(function, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    y, pull = jax.vjp(function, x)
    return y, pull(jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape))[0]


@pytest.mark.parametrize("name", CASES)
def test_pooling_equals_window_reductions(name: str) -> None:
    kernel, stride, padding = CASES[name]
    x = np.random.default_rng(3).normal(size=(2, 7, 8, 3)).astype(np.float32)
    counts = np.asarray(
        jax.jit(lambda x: _reduced(x, 0.0, lax.add, kernel, stride, padding))(np.ones_like(x))
    )
    options = {"kernel": kernel, "stride": stride, "padding": padding}
    pairs = [
        (lambda x: max_pool(x, **options), lambda x: _reduced(x, -jnp.inf, lax.max, *options.values())),
        (
            lambda x: avg_pool(x, **options),
            lambda x: _reduced(x, 0.0, lax.add, *options.values()) / counts,
        ),
    ]
    run = jax.jit(lambda x: [(_both(ours, x), _both(theirs, x)) for ours, theirs in pairs])
    for ours, theirs in run(x):
        for our, their in zip(ours, theirs, strict=True):
            assert_allclose(our, their, rtol=1e-5, atol=1e-6)
