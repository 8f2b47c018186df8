"""Packing weights into vectors: nothing moves, nothing is lost, kernels lie apart."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_search.training.flat import layout_of

TREE = {
    "b": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.float32([6, 7])},
    "a": {"scale": np.float32([8]), "deep": {"kernel": np.arange(9, 13, dtype=np.float32).reshape(1, 2, 2)}},
    "kernel": {"mean": np.float32(13)},
}


def test_there_and_back(is_same: Any) -> None:
    layout = layout_of(TREE)
    flat = layout.pack(TREE)
    assert isinstance(flat["kernel"], np.ndarray)
    np.testing.assert_array_equal(flat["kernel"], [9, 10, 11, 12, 0, 1, 2, 3, 4, 5])  # leaves in tree order
    np.testing.assert_array_equal(flat["rest"], [8, 6, 7, 13])
    assert is_same(layout.unpack(flat), TREE)
    compiled = jax.jit(lambda tree: layout.unpack(layout.pack(tree)))(TREE)
    assert is_same(compiled, TREE)


def test_a_network_without_statistics_has_no_vectors() -> None:
    layout = layout_of({})
    assert layout.pack({}) == {}
    assert layout.unpack({}) == {}


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"\['a'\] is int32; weights and statistics must be float32"):
        layout_of({"a": jnp.int32(1)})
