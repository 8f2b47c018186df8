"""Cutting a vector in a kernel gives the very pieces that `jnp.split` gives, for one seed and for several."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_search.networks import native
from scaling_search.networks.vectors import split


@pytest.mark.skipif(native.version() is None, reason="no C++ compiler here")
@pytest.mark.parametrize("seeds", [None, 3])
@given(sizes=st.lists(st.integers(1, 70), min_size=1, max_size=9))
@settings(max_examples=10, deadline=None)
def test_the_kernel_cuts_as_numpy_does(sizes: list[int], seeds: int | None) -> None:
    axes = () if seeds is None else (seeds,)
    vector = np.random.default_rng(sum(sizes)).normal(size=(*axes, sum(sizes))).astype(np.float32)
    places = np.cumsum(sizes)[:-1].tolist()
    cut = partial(split, places=places, platform="cpu")
    pieces = jax.jit(cut if seeds is None else jax.vmap(cut))(vector)
    expected = np.split(vector, places, axis=-1)
    assert len(pieces) == len(expected)
    for piece, true in zip(pieces, expected, strict=True):
        np.testing.assert_array_equal(piece, true)


def test_elsewhere_it_is_jax_that_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "call", None)
    vector = jnp.arange(10, dtype=jnp.float32)
    assert [len(piece) for piece in split(vector, [3, 4], platform="gpu")] == [3, 1, 6]
