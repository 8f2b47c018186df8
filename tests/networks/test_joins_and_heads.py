"""FractalNet's collapsed joins and GoogLeNet's auxiliary heads, as built."""

from typing import Any

import jax
import numpy as np
import pytest

from scaling_search.architecture.toml import parse
from scaling_search.costs.count import cost
from scaling_search.networks.build import build

FRACTAL = """
name = "fractal"
resolution = 2
channels = 1
classes = 1
activation = "identity"
norm = "none"
stages = [{ block = "fractal", width = 1, kernel = 1, columns = 3, drop_path = %s }]
head = {}
"""
INCEPTION = """
name = "inception"
resolution = 6
channels = 1
classes = 3
activation = "relu"
norm = "none"
stages = [
  { block = "inception", width = 8, one = 2, three = [2, 2], five = [2, 2], auxiliary = { pool = { kind = "average", \
kernel = 3, stride = 3 }, width = 2, hidden = 4, dropout = 0.0, weight = 0.3 } },
]
head = {}
"""


def built(text: str) -> tuple[Any, Any, Any]:
    """(compiled apply, parameters of ones, statistics)."""
    model = build(parse(text), platform="cpu")
    params, stats = jax.eval_shape(model.init, jax.random.key(0))
    ones = jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), params)
    return (
        jax.jit(model.apply, static_argnames="train"),
        ones,
        jax.tree.map(lambda leaf: np.zeros(leaf.shape), stats),
    )


def doubling(params: Any) -> Any:
    """Every kernel 2, every bias 0; the last dense layer 1."""

    def fill(path: Any, leaf: Any) -> Any:
        value = 0.0 if path[-1].key != "kernel" else 1.0 if leaf.ndim == 2 else 2.0
        return np.full(leaf.shape, value, np.float32)

    return jax.tree_util.tree_map_with_path(fill, params)


def test_joins_that_meet_are_one_mean_over_all_columns() -> None:
    apply, params, stats = built(FRACTAL % "0.0")
    images = np.full((1, 2, 2, 1), 3.0, np.float32)
    logits, _ = apply(doubling(params), stats, images, train=False, key=jax.random.key(0))
    # f_2(z) = mean(2z, 4z) = 3z; f_3(z) = mean(2z, 2 * 3z, 4 * 3z) = 20z/3, where mean(2z, f_2(f_2(z))) were 5.5z.
    assert logits[0, 0] == pytest.approx(20 / 3 * 3.0)


def test_a_join_never_drops_all_of_its_columns() -> None:
    apply, params, stats = built(FRACTAL % "0.9")
    images = np.ones((64, 2, 2, 1), np.float32)
    logits, _ = apply(doubling(params), stats, images, train=True, key=jax.random.key(1))
    found = {round(float(value), 3) for value in logits[:, 0]}
    assert min(found) >= 2.0
    assert max(found) <= 16.0  # the longest path: four convolutions
    assert len(found) > 3


def test_auxiliary_logits_come_in_training_only_and_count_as_weights() -> None:
    apply, ones, stats = built(INCEPTION)
    assert sum(leaf.size for leaf in jax.tree.leaves(ones)) == cost(parse(INCEPTION)).parameters
    noise = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: noise.uniform(-0.5, 1, leaf.shape).astype(np.float32), ones)
    images = noise.standard_normal((2, 6, 6, 1)).astype(np.float32)
    plain, _ = apply(params, stats, images, train=False, key=jax.random.key(2))
    both, _ = apply(params, stats, images, train=True, key=jax.random.key(2))
    assert plain.shape == (2, 3)
    assert both.shape == (2, 2, 3)
    assert np.allclose(both[0], plain, atol=1e-4)
    assert not np.allclose(both[1], plain, atol=1e-3)
