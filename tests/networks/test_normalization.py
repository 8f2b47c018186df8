"""The kernel's batch normalisation equals XLA's, forward and in every gradient, for each activation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from scaling_search.networks import native, normalization

SHAPES = {
    "odd": (3, 5, 7, 10),
    "whole vectors": (2, 4, 4, 48),
    "one row": (1, 1, 1, 24),
    "long": (9, 13, 11, 8),
}


def _run(shape: tuple[int, ...], activation: str, dtype: jnp.dtype) -> list[jax.Array]:
    rng = np.random.default_rng(5)
    channels = shape[-1]
    x = jnp.asarray(rng.normal(3.0, 2.0, size=shape), dtype)
    scale, bias, mean = (jnp.asarray(rng.normal(size=channels), jnp.float32) for _ in range(3))
    cotangent = jnp.asarray(rng.normal(size=shape), dtype)

    @jax.jit
    def both(x, scale, bias, cotangent):
        def forward(x, scale, bias):
            y, *statistics = normalization.batch_norm(
                x,
                scale,
                bias,
                mean,
                mean**2,
                train=True,
                momentum=0.9,
                epsilon=1e-3,
                activation=activation,
                platform="cpu",
            )
            return y, statistics

        y, pull, statistics = jax.vjp(forward, x, scale, bias, has_aux=True)
        return [y, *statistics, *pull(cotangent)]

    return both(x, scale, bias, cotangent)


@pytest.mark.skipif(native.version() is None, reason="no C++ compiler here")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("activation", ["identity", "silu", "relu", "relu6", "hard_swish", "tanh"])
def test_kernel_equals_plain(
    shape: tuple[int, ...], activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = _run(shape, activation, jnp.float32)
    monkeypatch.setattr(native, "version", lambda: None)
    theirs = _run(shape, activation, jnp.float32)
    for our, their in zip(ours, theirs, strict=True):
        assert our.dtype == their.dtype
        assert_allclose(our, their, rtol=1e-4, atol=1e-4 * max(1.0, float(jnp.abs(their).max())))
