"""Every fast convolution equals XLA's own, forward and in both gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from scaling_search.networks.convolution import Padding, convolve, reference

# name: image (H, W, C_in), kernel (kh, kw), C_out, groups, stride, padding
CASES: dict[str, tuple[tuple[int, int, int], tuple[int, int], int, int, int, Padding]] = {
    "depthwise 3x3": ((7, 5, 6), (3, 3), 6, 6, 1, ((1, 1), (1, 1))),
    "depthwise 5x5 stride 2, uneven": ((9, 8, 3), (5, 5), 3, 3, 2, ((1, 2), (2, 1))),
    "depthwise 3x3 stride 3": ((11, 7, 4), (3, 3), 4, 4, 3, ((0, 1), (1, 0))),
    "depthwise 7x7 stride 4": ((13, 9, 2), (7, 7), 2, 2, 4, ((3, 3), (3, 3))),
    "depthwise 3x1, padded beyond the kernel": ((4, 5, 3), (3, 1), 3, 3, 2, ((4, 3), (0, 2))),
    "depthwise 5x5 larger than the image": ((2, 2, 5), (5, 5), 5, 5, 1, ((2, 2), (2, 2))),
    "depthwise 1x1": ((3, 4, 5), (1, 1), 5, 5, 2, ((0, 0), (0, 0))),
    "depthwise times 2": ((5, 5, 3), (3, 3), 6, 3, 2, ((1, 1), (1, 1))),
    "pointwise": ((5, 3, 7), (1, 1), 4, 1, 1, ((0, 0), (0, 0))),
    "pointwise stride 2": ((5, 6, 3), (1, 1), 4, 1, 2, ((0, 0), (0, 0))),
    "pointwise padded": ((3, 3, 3), (1, 1), 4, 1, 1, ((1, 0), (0, 1))),
    "pointwise 3 groups": ((5, 3, 6), (1, 1), 9, 3, 1, ((0, 0), (0, 0))),
    "grouped 3x3": ((5, 6, 8), (3, 3), 12, 4, 1, ((1, 1), (1, 1))),
    "grouped 3x3 stride 2": ((7, 5, 8), (3, 3), 4, 2, 2, ((0, 1), (1, 1))),
    "grouped 5x5 of 2": ((9, 9, 6), (5, 5), 4, 2, 1, ((2, 2), (2, 2))),
    "dense 3x3": ((7, 6, 5), (3, 3), 4, 1, 1, ((1, 1), (1, 1))),
    "dense 3x3 stride 2": ((8, 7, 5), (3, 3), 4, 1, 2, ((0, 1), (0, 1))),
    "dense 5x5 valid": ((6, 7, 3), (5, 5), 2, 1, 1, ((0, 0), (0, 0))),
    "dense 11x11 stride 4": ((19, 17, 3), (11, 11), 4, 1, 4, ((2, 2), (2, 2))),
}


def _draw(name: str, dtype: jnp.dtype) -> tuple[jax.Array, jax.Array, jax.Array, dict[str, object]]:
    (height, width, channels), (kh, kw), features, groups, stride, padding = CASES[name]
    rng = np.random.default_rng(7)
    x = jnp.asarray(rng.normal(size=(3, height, width, channels)), dtype)
    kernel = jnp.asarray(rng.normal(size=(kh, kw, channels // groups, features)), dtype)
    options = {"stride": stride, "padding": padding, "groups": groups}
    shape = jax.eval_shape(lambda a, b: reference(a, b, **options), x, kernel).shape
    return x, kernel, jnp.asarray(rng.normal(size=shape), dtype), options


def _both(function, x, kernel, cotangent):
    y, pull = jax.vjp(function, x, kernel)
    return y, *pull(cotangent)


@pytest.mark.parametrize("name", CASES)
def test_fast_equals_plain(name: str) -> None:
    x, kernel, cotangent, options = _draw(name, jnp.float32)
    fast = jax.jit(lambda *a: _both(lambda u, v: convolve(u, v, **options, platform="cpu"), *a))
    plain = jax.jit(lambda *a: _both(lambda u, v: reference(u, v, **options), *a))
    for ours, theirs in zip(fast(x, kernel, cotangent), plain(x, kernel, cotangent), strict=True):
        assert ours.dtype == theirs.dtype
        assert_allclose(ours, theirs, rtol=1e-5, atol=2e-5 * float(jnp.abs(theirs).max()))
