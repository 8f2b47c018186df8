"""One step against numbers derived by hand in NumPy; random streams that no network can shift."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_search.data.dataset import Dataset
from scaling_search.training import steps
from scaling_search.training.pixels import TrialPixels, on_device
from scaling_search.training.recipe import named

SGD = {
    "optimizer": "sgd", "square_decay": None, "epsilon": None, "clip_norm": None, "warmup_images": 0, "momentum":
    0.9, "learning_rate": 1.6, "batch_size": 16, "crop_padding": 0.0, "weight_decay": 0.01, "label_smoothing": 0.2,
}  # fmt: skip


def train_step(trial: Any, *given: Any) -> Any:
    """As one program: operation by operation jax would compile each for itself."""
    return jax.jit(partial(steps.train_step, trial))(*given)


def test_one_step_by_hand(linear: Any, dataset: Dataset, pixels: TrialPixels) -> None:
    recipe = named("fast", epochs=100, **SGD)
    key = steps.seed_key(7)
    trial = steps.plan(linear, recipe, 4)
    before = steps.initial_state(trial, key)
    order = steps.epoch_order(key, 0, 70)
    after = train_step(trial, key, order, pixels.train, before)

    chosen = np.asarray(order)[:16]
    train = dataset.train.images.astype(np.float64)
    images = (train[chosen] - train.mean()) / train.std()
    mean = images.mean()
    x = (images - mean).reshape(16, -1)
    head = trial.params.unpack(before.params)["head"]
    w, b = head["kernel"].astype(np.float64), head["bias"].astype(np.float64)
    logits = x @ w + b
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    q = 0.8 * np.eye(3)[dataset.train.labels[chosen]] + 0.2 / 3
    loss = -(q * np.log(p)).sum(1).mean()
    # d loss / d logits = (p - q) / batch; the mean subtracted in x does not depend on w.
    rate = 1.6 * 16 / 256
    new_w = w - rate * (x.T @ (p - q) / 16 + 0.01 * w)
    new_b = b - rate * (p - q).mean(0)
    trained, trained_stats = trial.params.unpack(after.params), trial.batch_stats.unpack(after.batch_stats)
    keep = 2 / 11  # (1 + t) / (10 + t) after one step
    np.testing.assert_allclose(after.loss_sum, loss, rtol=1e-5)
    norm = np.sqrt(((x.T @ (p - q) / 16) ** 2).sum() + ((p - q).mean(0) ** 2).sum())
    np.testing.assert_allclose(after.gradient_sum, norm, rtol=1e-4)
    np.testing.assert_allclose(trained["head"]["kernel"], new_w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(trained["head"]["bias"], new_b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(trained_stats["norm"]["mean"], [0.1 * mean], rtol=1e-4, atol=1e-6)
    averaged, averaged_stats = (
        trial.params.unpack(after.averaged[0]),
        trial.batch_stats.unpack(after.averaged[1]),
    )
    np.testing.assert_allclose(
        averaged["head"]["kernel"], keep * w + (1 - keep) * new_w, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        averaged_stats["norm"]["mean"], [(1 - keep) * 0.1 * mean], rtol=1e-4, atol=1e-6
    )
    assert int(after.step) == 1


def test_no_average_means_the_weights_themselves(linear: Any, pixels: TrialPixels) -> None:
    state = steps.initial_state(steps.plan(linear, named("fast", ema_images=None), 4), steps.seed_key(0))
    assert state.averaged == ()
    params, batch_stats = steps.evaluation_weights(state)
    assert params is state.params
    assert batch_stats is state.batch_stats


def test_the_initial_state_is_what_optax_would_begin_with(hidden: Any, is_same: Any) -> None:
    for name in ("fast", "efficientnet"):
        trial = steps.plan(hidden, named(name), 4)
        state = steps.initial_state(trial, steps.seed_key(0))
        assert is_same(state.optimizer, trial.optimizer().init(state.params))
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), state)
        assert shapes == steps.abstract_state(trial)


def test_loss_sum_starts_again_with_each_epoch(linear: Any, pixels: TrialPixels) -> None:
    recipe = named("fast", **SGD)
    key = steps.seed_key(0)
    order = steps.epoch_order(key, 0, 70)
    trial = steps.plan(linear, recipe, 4)
    state = steps.initial_state(trial, key)
    losses = []
    for _ in range(5):
        state = train_step(trial, key, order, pixels.train, state)
        losses.append(float(state.loss_sum))
    assert losses[0] < losses[1] < losses[2] < losses[3]
    assert losses[4] < losses[3]


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy(smoothing: float) -> None:
    logits = np.array([[1.0, -2.0, 0.5, 3.0], [0.0, 0.0, 200.0, 0.0]])
    labels = np.array([1, 2])
    log_p = logits - logits.max(1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(1, keepdims=True))
    q = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    got = steps.cross_entropy(jnp.float32(logits), jnp.int32(labels), smoothing)
    np.testing.assert_allclose(got, -(q * log_p).sum(1), rtol=1e-5, atol=1e-6)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [np.asarray(steps.epoch_order(steps.seed_key(s), e, 50)) for s in (0, 1) for e in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


def test_order_and_augmentation_are_of_seed_and_step_alone(
    seen: Any, linear: Any, pixels: TrialPixels
) -> None:
    """The common random numbers: a network that has consumed anything else still sees the very same pixels."""

    def images(step: int, seed: int, width: int) -> np.ndarray:
        recipe = named("fast", batch_size=16, crop_padding=0.2, flip=True)
        wider = seen._replace(
            init=lambda key: ({"head": {"bias": np.zeros(width, np.float32)}}, seen.init(key)[1]),
            apply=lambda params, *rest, **more: seen.apply(
                {"head": {"bias": params["head"]["bias"][:3]}}, *rest, **more
            ),
        )
        key = steps.seed_key(seed)
        trial = steps.plan(wider, recipe, 4)
        state = steps.initial_state(trial, key)._replace(step=jnp.int32(step))
        order = steps.epoch_order(key, 0, 70)
        after = train_step(trial, key, order, pixels.train, state)
        return np.asarray(trial.batch_stats.unpack(after.batch_stats)["images"])

    first = images(0, 0, 3)
    np.testing.assert_array_equal(first, images(0, 0, 5))
    assert not np.array_equal(first, images(0, 1, 3))
    assert not np.array_equal(first, images(1, 0, 3))


def test_shifts_keep_their_share_of_the_side(seen: Any, dataset: Dataset) -> None:
    """The same images at twice the resolution are shifted the same way by the same share of the side."""
    seed_images = []
    for side in (5, 10):
        split = on_device(dataset, side).train
        blank = split._replace(images=jnp.ones_like(split.images) * 255)
        toy = seen._replace(
            init=lambda key, side=side: (
                seen.init(key)[0],
                {"images": np.zeros((16, side, side, 1), np.float32)},
            )
        )
        key = steps.seed_key(3)
        recipe = named("fast", batch_size=16, crop_padding=0.2)
        trial = steps.plan(toy, recipe, 4)
        order = steps.epoch_order(key, 0, 70)
        shown = train_step(trial, key, order, blank, steps.initial_state(trial, key))
        seed_images.append(np.asarray(trial.batch_stats.unpack(shown.batch_stats)["images"]))
    # Where one resolution moved by its whole margin, so did the other.
    small = [images[:, 0, 0, 0] == images[:, margin, 0, 0] for margin, images in enumerate(seed_images, 1)]
    assert small[0].any()
    assert (small[1] >= small[0]).all()


def test_nan_logits_are_never_right(linear: Any, pixels: TrialPixels) -> None:
    trial = steps.plan(linear, named("fast"), 4)
    state = steps.initial_state(trial, steps.seed_key(0))
    params = jax.tree.map(lambda leaf: leaf * np.float32("nan"), state.params)
    batch = pixels.validation._replace(images=pixels.validation.images[:6], labels=jnp.zeros(6, jnp.int32))
    evaluate = jax.jit(partial(steps.evaluate_batch, trial))
    losses, right = jax.device_get(evaluate(params, state.batch_stats, batch))
    assert not right.any()
    assert np.isnan(losses).all()


def test_auxiliary_heads_add_their_weighted_losses(linear: Any, pixels: TrialPixels) -> None:
    def apply(params: Any, batch_stats: Any, images: Any, *, train: bool, key: Any) -> Any:
        logits, after = linear.apply(params, batch_stats, images, train=train, key=key)
        return jnp.stack([logits, 2 * logits]) if train else logits, after

    recipe = named("fast", **SGD)
    key = steps.seed_key(0)
    order = steps.epoch_order(key, 0, 70)
    losses = []
    for toy in (
        linear,
        linear._replace(apply=lambda p, s, x, **more: (2 * linear.apply(p, s, x, **more)[0], s)),
        linear._replace(apply=apply, head_weights=(1.0, 0.3)),
    ):
        trial = steps.plan(toy, recipe, 4)
        after = train_step(trial, key, order, pixels.train, steps.initial_state(trial, key))
        losses.append(float(after.loss_sum))
    assert losses[2] == pytest.approx(losses[0] + 0.3 * losses[1], rel=1e-5)
