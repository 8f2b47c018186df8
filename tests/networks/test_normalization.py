"""The kernel's batch normalisation equals XLA's, forward and in every gradient, for each activation."""

from __future__ import annotations

from functools import partial

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


def _run(
    shape: tuple[int, ...], activation: str, dtype: jnp.dtype, platform: str = "cpu"
) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    channels = shape[-1]
    x = rng.normal(3.0, 2.0, size=shape).astype(dtype)
    scale, bias, mean = (rng.normal(size=channels).astype(np.float32) for _ in range(3))
    cotangent = rng.normal(size=shape).astype(dtype)

    @jax.jit
    def both(x, scale, bias, mean, cotangent):
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
                platform=platform,
            )
            return y, statistics

        y, pull, statistics = jax.vjp(forward, x, scale, bias, has_aux=True)
        return [y, *statistics, *pull(cotangent)]

    return jax.device_get(both(x, scale, bias, mean, cotangent))


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
        assert_allclose(our, their, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(their).max()))


@pytest.mark.parametrize(
    ("name", "activation"),
    [(name, "silu") for name in SHAPES] + [("odd", kind) for kind in ("identity", "relu6", "gelu")],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, 1e-4), (jnp.bfloat16, 2**-7)])
def test_an_accelerators_equals_plain(
    name: str,
    activation: str,
    dtype: jnp.dtype,
    tolerance: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside XLA's own derivative of the same in float32, whose y and dx are rounded at the end."""
    ours = _run(SHAPES[name], activation, dtype, platform="gpu")
    monkeypatch.setattr(native, "version", lambda: None)
    theirs = [array.astype(np.float32) for array in _run(SHAPES[name], activation, dtype)]
    for our, their in zip(ours, theirs, strict=True):
        our = our.astype(np.float32)
        assert_allclose(our, their, rtol=tolerance, atol=tolerance * max(1.0, np.abs(their).max()))


def test_an_accelerator_keeps_one_map_for_the_backward_pass() -> None:
    x, channel = jnp.ones((4, 6, 6, 16), jnp.bfloat16), jnp.ones(16)

    def norm(x: jax.Array) -> jax.Array:
        y, _, _ = normalization.batch_norm(
            *(x, channel, channel, channel, channel),
            train=True,
            momentum=0.9,
            epsilon=1e-3,
            activation="silu",
            platform="gpu",
        )
        return y

    # What a compiled forward pass hands to the backward pass.
    pull = jax.eval_shape(lambda x: jax.vjp(norm, x)[1], x)
    assert [leaf.dtype for leaf in jax.tree.leaves(pull) if leaf.size == x.size] == [jnp.bfloat16]


@pytest.mark.skipif(native.version() is None, reason="no C++ compiler here")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("activation", ["identity", "silu", "hard_swish", "tanh"])
def test_evaluation_in_a_kernel_equals_plain(
    shape: tuple[int, ...], activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(3.0, 2.0, size=(2, *shape)).astype(np.float32)
    scale, bias, mean = (rng.normal(size=(2, shape[-1])).astype(np.float32) for _ in range(3))

    def run() -> list[np.ndarray]:
        """Two seeds, each with weights and statistics of its own."""
        keep = {"train": False, "momentum": 0.9, "epsilon": 1e-3, "activation": activation, "platform": "cpu"}
        norm = partial(normalization.batch_norm, **keep)
        return jax.device_get(jax.jit(jax.vmap(norm))(x, scale, bias, mean, mean**2))

    ours = run()
    monkeypatch.setattr(native, "version", lambda: None)
    theirs = run()
    assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-4 * np.abs(theirs[0]).max())
    assert_allclose(ours[1], mean)
    assert_allclose(ours[2], mean**2)


@pytest.mark.parametrize("kernels", [True, False], ids=["kernel", "plain"])
def test_a_mean_far_from_zero_keeps_the_variances_digits(
    kernels: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E[x²] - μ² in float32 would have no digit left of a variance of 1 beside a mean of 10⁴."""
    if kernels and native.version() is None:
        pytest.skip("no C++ compiler here")
    if not kernels:
        monkeypatch.setattr(native, "version", lambda: None)
    x = (1e4 + np.random.default_rng(0).normal(size=(8, 16, 16, 3))).astype(np.float32)
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)
    keep = {"train": True, "momentum": 0.0, "epsilon": 1e-3, "platform": "cpu"}
    y, _, variance = jax.jit(partial(normalization.batch_norm, **keep))(x, ones, zeros, zeros, zeros)
    exact = x.astype(np.float64)
    assert_allclose(variance, exact.var((0, 1, 2)), rtol=1e-5)
    expected = (exact - exact.mean((0, 1, 2))) / np.sqrt(exact.var((0, 1, 2)) + 1e-3)
    assert_allclose(y, expected, atol=2e-3)  # a float32 near 10⁴ is exact to 5e-4
