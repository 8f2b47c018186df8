"""A loop that packs what its blocks keep gives what `lax.scan` gives: outputs, results and every gradient."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_search.networks import loops, native
from scaling_search.networks.loops import loop

COPIES = 5


def block(x: jax.Array, weights: Any, rest: Any) -> tuple[jax.Array, Any]:
    """Random, with a mask of truth values and with keys among what it keeps."""
    key, scale = rest
    keep = jax.random.bernoulli(key, 0.8, x.shape)
    y = jnp.where(keep, jnp.tanh(x @ weights["one"]) @ weights["two"] + weights["bias"][None], x)
    return y * scale, {"mean": jax.lax.stop_gradient(y.mean(0))}


def run(seeds: int | None) -> Any:
    random = np.random.default_rng(0)
    axes = () if seeds is None else (seeds,)

    def draw(*shape: int) -> np.ndarray:
        return random.normal(size=(*axes, *shape)).astype(np.float32)

    weights = {"one": draw(COPIES, 6, 9), "two": draw(COPIES, 9, 6), "bias": draw(COPIES, 6)}
    scales = jnp.linspace(0.5, 1.5, COPIES)

    def loss(weights: Any, x: jax.Array) -> Any:
        keys = jax.random.split(jax.random.key(3), COPIES)
        y, results = loop(block, x, weights, (keys, scales), platform="cpu")
        return (y**2).sum(), results

    both = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    return jax.jit(both if seeds is None else jax.vmap(both))(weights, draw(4, 6))


@pytest.mark.skipif(native.version() is None, reason="no C++ compiler here")
def test_small_arrays_of_floats_are_kept_as_one() -> None:
    weights = {"one": jnp.ones((6, 9)), "two": jnp.ones((9, 6)), "bias": jnp.ones(6)}
    _, pull, _ = jax.vjp(
        lambda x: block(x, weights, (jax.random.key(0), 2.0)), jnp.ones((4, 6)), has_aux=True
    )
    (vector, others), restored = loops._kept(pull)
    assert vector is not None and vector.ndim == 1
    assert all(array.dtype != jnp.float32 for array in others)
    gradient = jnp.full((4, 6), 0.5)
    np.testing.assert_array_equal(restored((vector, others))(gradient)[0], pull(gradient)[0])


@cache
def run_without_kernels(seeds: int | None) -> Any:
    """`lax.scan`'s own, whatever is small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "version", lambda: None)
        return run(seeds)


@pytest.mark.skipif(native.version() is None, reason="no C++ compiler here")
@pytest.mark.parametrize("seeds", [None, 2])
@pytest.mark.parametrize("small", [0, 30, 1 << 15], ids=["none small", "some small", "all small"])
def test_packed_equals_plain(small: int, seeds: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_SMALL", small)
    ours, theirs = run(seeds), run_without_kernels(seeds)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for our, their in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-5, atol=1e-6)
