"""Schedules, optimizers and the moving average against their formulas, computed here in NumPy's double precision."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.training import optimizer
from scaling_search.training.recipe import Recipe, named

STEPS_PER_EPOCH = 7


def rates(recipe: Recipe) -> list[float]:
    schedule = optimizer.learning_rate(recipe, STEPS_PER_EPOCH)
    return [float(schedule(step)) for step in range(recipe.epochs * STEPS_PER_EPOCH)]


def test_warm_up_and_cosine() -> None:
    recipe = named("fast", epochs=6, warmup_images=520, learning_rate=0.5, batch_size=128)
    peak, warmup, total = 0.25, 4, 42  # 520 of 5,376 images are 4.06 steps
    expected = [
        peak * t / warmup
        if t < warmup
        else peak * (1 + math.cos(math.pi * (t - warmup) / (total - warmup))) / 2
        for t in range(total)
    ]
    np.testing.assert_allclose(rates(recipe), expected, rtol=1e-5, atol=1e-8)


def test_staircase_counts_from_the_first_step() -> None:
    recipe = named("efficientnet", epochs=12, decay_epochs=2.5, batch_size=512)
    # The paper's warm-up would outlast the run: it is a tenth of it.
    expected = [0.032 * (t / 8 if t < 8 else 0.97 ** math.floor(t / 17.5)) for t in range(84)]
    np.testing.assert_allclose(rates(recipe), expected, rtol=1e-5, atol=1e-8)


def test_no_warm_up_begins_at_the_peak() -> None:
    assert rates(named("fast", warmup_images=0, learning_rate=0.01, batch_size=64))[0] == pytest.approx(
        0.0025
    )


def test_decay_acts_on_kernels_alone() -> None:
    params = {"a": {"kernel": 1, "bias": 1}, "kernel": {"scale": 1}, "b": {"c": {"kernel": 1, "mean": 1}}}
    assert optimizer.decayed_leaves(params) == {
        "a": {"kernel": True, "bias": False},
        "kernel": {"scale": False},
        "b": {"c": {"kernel": True, "mean": False}},
    }


PARAMS = {"kernel": np.array([1.0, -2.0, 0.5]), "bias": np.array([0.3])}
GRADIENTS = [
    {"kernel": np.array([0.1, -0.4, 2.0]), "bias": np.array([-1.0])},
    {"kernel": np.array([-0.2, 0.5, 1.0]), "bias": np.array([0.25])},
    {"kernel": np.array([0.7, 0.1, -3.0]), "bias": np.array([0.5])},
]


def run(recipe: Recipe) -> dict[str, Any]:
    transformation = optimizer.make(recipe, 100)
    params = jax.tree.map(jnp.float32, PARAMS)
    state = transformation.init(params)
    for gradient in GRADIENTS:
        updates, state = transformation.update(jax.tree.map(jnp.float32, gradient), state, params)
        params = optax.apply_updates(params, updates)
    return params


def constant_rate(name: str, **fields: Any) -> tuple[Recipe, list[float]]:
    recipe = named(name, warmup_images=0, batch_size=256, clip_norm=None, **fields)
    schedule = optimizer.learning_rate(recipe, 100)
    return recipe, [float(schedule(step)) for step in range(3)]


def test_sgd_is_momentum_with_l2() -> None:
    recipe, rate = constant_rate(
        "fast",
        optimizer="sgd",
        momentum=0.8,
        weight_decay=0.1,
        learning_rate=0.05,
        square_decay=None,
        epsilon=None,
    )
    for name, decay in (("kernel", 0.1), ("bias", 0.0)):
        w, m = PARAMS[name].copy(), 0.0
        for step, gradient in enumerate(GRADIENTS):
            m = 0.8 * m + gradient[name] + decay * w
            w = w - rate[step] * m
        np.testing.assert_allclose(run(recipe)[name], w, rtol=1e-5)


def test_adamw_decays_decoupled() -> None:
    recipe, rate = constant_rate(
        "fast", momentum=0.8, square_decay=0.95, weight_decay=0.1, learning_rate=0.05
    )
    for name, decay in (("kernel", 0.1), ("bias", 0.0)):
        w, m, v = PARAMS[name].copy(), 0.0, 0.0
        for step, gradient in enumerate(GRADIENTS):
            g = gradient[name]
            m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g * g
            m_hat, v_hat = m / (1 - 0.8 ** (step + 1)), v / (1 - 0.95 ** (step + 1))
            w = w - rate[step] * (m_hat / (np.sqrt(v_hat) + 1e-8) + decay * w)
        np.testing.assert_allclose(run(recipe)[name], w, rtol=1e-5)


def test_rmsprop_is_tensorflows() -> None:
    recipe, rate = constant_rate("efficientnet", weight_decay=0.1, learning_rate=0.05)
    for name, decay in (("kernel", 0.1), ("bias", 0.0)):
        w, square, buffer = PARAMS[name].copy(), 1.0, 0.0
        for step, gradient in enumerate(GRADIENTS):
            g = gradient[name] + decay * w
            square = 0.9 * square + 0.1 * g * g
            buffer = 0.9 * buffer + rate[step] * g / np.sqrt(square + 1e-3)
            w = w - buffer
        np.testing.assert_allclose(run(recipe)[name], w, rtol=1e-5)


def test_clipping_bounds_the_global_norm() -> None:
    recipe = named(
        "fast",
        optimizer="sgd", momentum=0.0, weight_decay=0.0, square_decay=None, epsilon=None,
        warmup_images=0, learning_rate=1.0, batch_size=256, clip_norm=0.5,
    )  # fmt: skip
    transformation = optimizer.make(recipe, 100)
    params = jax.tree.map(jnp.float32, PARAMS)
    updates, _ = transformation.update(
        jax.tree.map(jnp.float32, GRADIENTS[0]), transformation.init(params), params
    )
    assert float(optax.tree.norm(updates)) == pytest.approx(0.5, rel=1e-5)


SIZES = st.tuples(st.integers(1, 300), st.integers(1, 512), st.integers(1, 400))


@given(images=st.floats(1, 1e9), sizes=SIZES)
def test_a_horizon_is_images_and_at_most_a_tenth_of_the_run(
    images: float, sizes: tuple[int, int, int]
) -> None:
    epochs, batch, steps_per_epoch = sizes
    recipe = named("fast", epochs=epochs, batch_size=batch)
    seen = epochs * batch * steps_per_epoch
    decay = optimizer.horizon_decay(images, recipe, steps_per_epoch)
    horizon = batch / (1 - decay)
    assert horizon == pytest.approx(max(batch, min(images, seen / 10)), rel=1e-6)
    # What the average began with is forgotten.
    assert (
        decay ** (epochs * steps_per_epoch) <= math.exp(-10) or decay == 0 or horizon == pytest.approx(batch)
    )


@given(factor=st.integers(1, 8), epochs=st.integers(1, 100))
def test_neither_batch_nor_set_size_changes_a_horizon(factor: int, epochs: int) -> None:
    """The same run in larger batches, or over a larger set in fewer passes: horizons of as many images."""
    small = named("fast", epochs=8 * epochs, batch_size=16)
    large = named("fast", epochs=8 * epochs, batch_size=16 * factor)
    fewer = named("fast", epochs=epochs, batch_size=16)
    for images in (500, 64_000):
        one = 16 / (1 - optimizer.horizon_decay(images, small, 100 * factor))
        assert 16 * factor / (1 - optimizer.horizon_decay(images, large, 100)) == pytest.approx(
            max(one, 16 * factor)
        )
        assert 16 / (1 - optimizer.horizon_decay(images, fewer, 800 * factor)) == pytest.approx(one)


def test_the_papers_average_is_kept_in_a_long_run() -> None:
    """10,000 steps of 4,096, in 350 epochs of ImageNet."""
    assert optimizer.horizon_decay(10_000 * 4096, named("efficientnet"), 312) == pytest.approx(0.9999)


@pytest.mark.parametrize(
    ("own", "epochs", "images", "batch", "momentum"),
    [
        (0.99, 350, 1_281_167, 256, 0.99),  # a network's own is for batches of 256
        (0.99, 350, 1_281_167, 64, 1 - 64 / 25_600),  # as many images, in smaller batches
        (0.9, 350, 1_281_167, 16, 1 - 16 / 2_560),
        (0.99, 8, 1_000, 16, 1 - 1 / 49.6),  # a tenth of 8 x 62 steps
        (0.99, 1, 100, 16, 0.0),
    ],
)
def test_running_statistics_look_back_over_images(
    own: float, epochs: int, images: int, batch: int, momentum: float
) -> None:
    recipe = named("fast", epochs=epochs, batch_size=batch)
    assert optimizer.norm_momentum(own, recipe, images) == pytest.approx(momentum)


def test_one_step_of_the_average() -> None:
    averaged = optimizer.average(0.9, jnp.int32(4), {"x": jnp.float32(2)}, {"x": jnp.float32(7)})
    d = 5 / 14
    assert float(averaged["x"]) == pytest.approx(2 * d + 7 * (1 - d), rel=1e-6)
    late = optimizer.average(0.9, jnp.int32(1000), {"x": jnp.float32(2)}, {"x": jnp.float32(7)})
    assert float(late["x"]) == pytest.approx(0.9 * 2 + 0.1 * 7, rel=1e-6)
