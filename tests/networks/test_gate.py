"""Squeeze-and-excite as one kernel equals the same operations one by one, gradients and batched seeds included."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from scaling_search.architecture.operations import Activation, Chain, Conv, GlobalPool
from scaling_search.networks import gate, native
from scaling_search.networks.activations import activate

needs_kernels = pytest.mark.skipif(native.version() is None, reason="no C++ compiler on this machine")

# (B, H, W, C, R), activations: fewer channels than a vector, more than one, none whole; one pixel.
CASES = {
    "small": ((3, 4, 5, 7, 2), ("silu", "sigmoid")),
    "one pixel": ((2, 1, 1, 5, 1), ("relu", "hard_sigmoid")),
    "uneven": ((5, 7, 3, 33, 17), ("hard_swish", "sigmoid")),
    "wide": ((2, 3, 3, 300, 70), ("relu6", "hard_swish")),
    "identity": ((2, 9, 31, 4, 3), ("identity", "hard_sigmoid")),
}


def _plain(x, w1, b1, w2, b2, kinds):
    hidden = activate(jnp.matmul(x.mean((1, 2)), w1) + b1[None], kinds[0])
    return x * activate(jnp.matmul(hidden, w2) + b2[None], kinds[1])[:, None, None]


def _draw(name: str, *seeds: int) -> tuple[list[np.ndarray], np.ndarray, gate.Kinds]:
    (batch, height, width, channels, squeezed), kinds = CASES[name]
    rng = np.random.default_rng(5)
    image = (batch, height, width, channels)
    shapes = [image, (channels, squeezed), (squeezed,), (squeezed, channels), (channels,), image]
    arrays = [rng.normal(size=(*seeds, *shape)) for shape in shapes]
    arrays[1], arrays[3] = arrays[1] / channels**0.5, arrays[3] / squeezed**0.5
    arrays = [array.astype(np.float32) for array in arrays]
    return arrays[:5], arrays[5], kinds


def _both(function, arguments, cotangent, kinds):
    y, pull = jax.vjp(lambda *a: function(*a, kinds), *arguments)
    return y, *pull(cotangent)


def _assert_equal(ours, theirs) -> None:
    for mine, other in zip(*jax.device_get((ours, theirs)), strict=True):
        assert_allclose(mine, other, rtol=1e-5, atol=1e-6 * max(1.0, np.abs(other).max()))


@needs_kernels
@pytest.mark.parametrize("name", CASES)
def test_kernel_equals_plain(name: str) -> None:
    arguments, cotangent, kinds = _draw(name)
    ours = jax.jit(lambda *a: _both(gate.squeeze_and_excite, *a, kinds))(arguments, cotangent)
    _assert_equal(ours, jax.jit(lambda *a: _both(_plain, *a, kinds))(arguments, cotangent))


@needs_kernels
def test_seeds_together_equal_seeds_apart() -> None:
    arguments, cotangent, kinds = _draw("uneven", 3)
    run = jax.jit(lambda *a: _both(gate.squeeze_and_excite, *a, kinds))
    together = jax.vmap(run)(arguments, cotangent)
    apart = [run([a[i] for a in arguments], cotangent[i]) for i in range(3)]
    for batched, single in zip(together, zip(*apart, strict=True), strict=True):
        np.testing.assert_array_equal(batched, np.stack(single))


@needs_kernels
def test_a_diverged_network_stays_not_a_number() -> None:
    arguments, _, _ = _draw("small")
    arguments[0][0, 0, 0, 0] = np.nan
    for kinds in (("silu", "sigmoid"), ("relu", "hard_sigmoid")):
        y = np.asarray(jax.jit(gate.squeeze_and_excite, static_argnums=5)(*arguments, kinds))
        assert np.isnan(y[0]).any()
        assert not np.isnan(y[1:]).any()


def test_only_a_squeeze_and_excite_is_one() -> None:
    squeeze, excite = Conv(features=2, bias=True), Conv(features=8, bias=True)
    steps = (GlobalPool(), squeeze, Activation(kind="relu"), excite, Activation(kind="sigmoid"))
    assert gate.kinds(Chain(operations=steps)) == ("relu", "sigmoid")
    assert gate.kinds(Chain(operations=steps[1:])) is None
    assert gate.kinds(Chain(operations=(*steps[:4], Activation(kind="tanh")))) is None
    assert gate.kinds(Chain(operations=(GlobalPool(), Conv(features=2), *steps[2:]))) is None
