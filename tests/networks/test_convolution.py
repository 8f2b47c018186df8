"""Every fast convolution equals XLA's own, forward and in both gradients, with kernels and without."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from scaling_search.errors import InputError
from scaling_search.networks import native
from scaling_search.networks.arrays import Padding
from scaling_search.networks.convolution import convolve, reference

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


def _draw(name: str, dtype: jnp.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, object]]:
    """On the host, as all that surrounds a convolution here: jax would compile each step for each shape."""
    (height, width, channels), (kh, kw), features, groups, stride, padding = CASES[name]
    rng = np.random.default_rng(7)
    x = rng.normal(size=(3, height, width, channels)).astype(dtype)
    kernel = rng.normal(size=(kh, kw, channels // groups, features)).astype(dtype)
    options = {"stride": stride, "padding": padding, "groups": groups}
    shape = jax.eval_shape(lambda a, b: reference(a, b, **options), x, kernel).shape
    return x, kernel, rng.normal(size=shape).astype(dtype), options


def _both(function, x, kernel, cotangent):
    y, pull = jax.vjp(function, x, kernel)
    return y, *pull(cotangent)


def _run(name: str, dtype: jnp.dtype, plain: bool = False) -> tuple[jax.Array, ...]:
    x, kernel, cotangent, options = _draw(name, dtype)

    def convolution(x, kernel):
        return reference(x, kernel, **options) if plain else convolve(x, kernel, **options, platform="cpu")

    return jax.jit(lambda *a: _both(convolution, *a))(x, kernel, cotangent)


def _close(ours: tuple[jax.Array, ...], theirs: tuple[jax.Array, ...], tolerance: float) -> None:
    for our, their in zip(ours, theirs, strict=True):
        assert our.shape == their.shape
        their = np.asarray(their, np.float32)
        assert_allclose(
            np.asarray(our, np.float32), their, rtol=tolerance, atol=tolerance * np.abs(their).max()
        )


@pytest.mark.parametrize("name", CASES)
def test_fast_equals_plain(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _run(name, jnp.float32, plain=True)
    _close(_run(name, jnp.float32), plain, 2e-5)
    # The same on a machine without a compiler.
    monkeypatch.setattr(native, "version", lambda: None)
    _close(_run(name, jnp.float32), plain, 2e-5)


IN_BFLOAT16 = [
    "depthwise 5x5 stride 2, uneven",
    "pointwise 3 groups",
    "grouped 3x3 stride 2",
    "dense 3x3 stride 2",
]


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("name", IN_BFLOAT16)
def test_bfloat16_sums_in_float32(name: str, kernels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not kernels:
        monkeypatch.setattr(native, "version", lambda: None)
    ours = _run(name, jnp.bfloat16)
    assert all(array.dtype == jnp.bfloat16 for array in ours)
    x, kernel, cotangent, options = _draw(name, jnp.bfloat16)
    wide = (array.astype(np.float32) for array in (x, kernel, cotangent))
    # One rounding of the exact result: 2^-8 of its own size.
    exact = jax.jit(lambda *given: _both(lambda u, v: reference(u, v, **options), *given))(*wide)
    _close(ours, exact, 2**-8)


@pytest.mark.parametrize("name", ["depthwise 5x5 stride 2, uneven", "dense 3x3 stride 2", "grouped 3x3"])
def test_under_transformations(name: str) -> None:
    """vmap over seeds is a loop over seeds; scan and checkpoint change nothing; the same bits every time."""
    x, kernel, _, options = _draw(name, jnp.float32)
    xs, kernels = np.stack([x, 2 * x + 1]), np.stack([kernel, kernel[::-1]])

    def loss(x, kernel):
        return jnp.sum(jnp.sin(convolve(x, kernel, **options, platform="cpu")))

    gradient = jax.value_and_grad(jax.checkpoint(loss), argnums=(0, 1))
    one_by_one = jax.jit(lambda xs, ks: jax.lax.scan(lambda c, a: (c, gradient(*a)), 0, (xs, ks))[1])
    together = jax.jit(jax.vmap(gradient))
    first, second = one_by_one(xs, kernels), one_by_one(xs, kernels)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        assert np.array_equal(a, b)
    _close(tuple(jax.tree.leaves(together(xs, kernels))), tuple(jax.tree.leaves(first)), 1e-5)


POINTWISE = [name for name in CASES if name.startswith("pointwise")]


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize(("dtype", "tolerance"), [(jnp.float32, 2e-5), (jnp.bfloat16, 2**-7)])
def test_an_accelerators_convolution_batched_over_kernels(
    name: str, dtype: jnp.dtype, tolerance: float
) -> None:
    """Seeds together mix channels by matrix products: what each alone does by XLA's convolution."""
    x, kernel, cotangent, options = _draw(name, dtype)
    batch = [np.stack([a, -2 * a]) for a in (x, kernel, cotangent)]

    def run(convolution):
        return jax.jit(jax.vmap(lambda *a: _both(lambda u, v: convolution(u, v, **options), *a)))

    fast = run(lambda *a, **o: convolve(*a, **o, platform="gpu", batched=True))
    ours, theirs = fast(*batch), run(reference)(*batch)
    assert all(array.dtype == dtype for array in ours)
    _close(ours, theirs, tolerance)
    assert ("stablehlo.convolution" in fast.lower(*batch).as_text()) == (name == "pointwise padded")
    alone = jax.jit(lambda a, b: convolve(a, b, **options, platform="gpu"))
    assert "stablehlo.convolution" in alone.lower(x, kernel).as_text()


def test_groups_must_divide() -> None:
    with pytest.raises(InputError, match="cannot have 3 groups"):
        convolve(
            jnp.zeros((1, 4, 4, 8)),
            jnp.zeros((3, 3, 2, 6)),
            stride=1,
            padding=((1, 1), (1, 1)),
            groups=3,
            platform="cpu",
        )
