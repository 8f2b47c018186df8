"""How weights begin: the distributions asked for, of the key alone, and the same under a trace."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from scaling_search.baselines.load import load
from scaling_search.networks.build import Model, build
from scaling_search.scaling.proxy import proxy


@pytest.fixture(scope="module")
def model() -> Model:
    small = proxy(load("efficientnet-b0"), resolution=32, width=0.5, channels=3, classes=10)
    return build(small, platform="cpu", loop_from=2)


def leaves(tree: Any) -> dict[str, np.ndarray]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}


def test_a_key_decides_everything(model: Model) -> None:
    one, again, other = (leaves(model.init(jax.random.key(seed))) for seed in (0, 0, 1))
    for path, leaf in one.items():
        assert leaf.dtype == np.float32
        np.testing.assert_array_equal(leaf, again[path])
        assert path.endswith("['kernel']") != np.array_equal(leaf, other[path]), path


def test_a_trace_gives_the_same(model: Model) -> None:
    key = jax.random.key(3)
    jax.tree.map(np.testing.assert_array_equal, jax.jit(model.init)(key), model.init(key))


def test_the_reference_distributions(model: Model) -> None:
    """Convolutions N(0, 2 / fan_out); the last layer U(-1, 1) / sqrt(classes); norms begin as the identity."""
    params, stats = (leaves(tree) for tree in model.init(jax.random.key(0)))
    for path, leaf in params.items():
        if path.endswith("['kernel']") and leaf.ndim >= 4 and leaf.size > 5000:
            fan_out = leaf.shape[-4] * leaf.shape[-3] * leaf.shape[-1]
            if leaf.shape[-2] == 1 and leaf.shape[-4] > 1:  # depthwise: each output is its own group
                fan_out = leaf.shape[-4] * leaf.shape[-3]
            assert leaf.std() == pytest.approx(np.sqrt(2 / fan_out), rel=0.05), path
            assert abs(leaf.mean()) < 4 * leaf.std() / np.sqrt(leaf.size), path
        elif path.endswith("['kernel']") and leaf.ndim == 2:
            assert abs(leaf).max() == pytest.approx(1 / np.sqrt(10), rel=0.01)
        elif not path.endswith("['kernel']"):
            assert (leaf == path.endswith("['scale']")).all(), path
    for path, leaf in stats.items():
        assert (leaf == path.endswith("['variance']")).all(), path


def test_copies_of_a_block_begin_apart(model: Model) -> None:
    looped = [leaf for leaf in leaves(model.init(jax.random.key(0))[0]).values() if leaf.ndim == 5]
    assert looped
    assert all(not np.array_equal(leaf[0], leaf[1]) for leaf in looped)
