"""Pure training and evaluation steps on one batch; state in, state out."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from scaling_search.data import augment
from scaling_search.errors import InputError
from scaling_search.training import optimizer
from scaling_search.training.flat import Flat, Layout, layout_of, rest
from scaling_search.training.model import Model
from scaling_search.training.recipe import Recipe

Tree = Any

# One stream of random numbers per use, so that a change in one never shifts another.
_INITIALISE, _ORDER, _AUGMENT, _NETWORK = range(4)


class State(NamedTuple):
    """All that a step changes. ``loss_sum`` and ``gradient_sum`` add up the current epoch's batch losses and gradient
    norms (before clipping); ``silent`` marks the norm scales and biases that had no gradient in any of its steps.
    """

    params: Flat
    batch_stats: Flat
    optimizer: Tree
    averaged: Tree  # (params, batch_stats) under the moving average; () when there is none
    step: Int[Array, ""]
    loss_sum: Float[Array, ""]
    gradient_sum: Float[Array, ""]
    silent: Bool[Array, " rest"]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What is fixed throughout a run, and a constant to the compiler."""

    model: Model
    recipe: Recipe
    steps_per_epoch: int
    params: Layout
    batch_stats: Layout

    def optimizer(self) -> optax.GradientTransformation:
        return optimizer.make(self.recipe, self.steps_per_epoch)


class Pixels(NamedTuple):
    """Images on the device, with the training split's mean and standard deviation per channel."""

    images: UInt8[Array, "count height width channels"]
    labels: Int[Array, " count"]
    mean: Float[Array, " channels"]
    std: Float[Array, " channels"]


def seed_key(seed: int) -> Key[Array, ""]:
    """The root of all random numbers of a run. The generator is named so that no setting of jax can change it."""
    return jax.random.key(seed, impl="threefry2x32")


def epoch_order(key: Key[Array, ""], epoch: Int[ArrayLike, ""], count: int) -> Int[Array, " count"]:
    """The order in which an epoch sees the training images: of the seed and the epoch alone."""
    key = jax.random.fold_in(jax.random.fold_in(key, _ORDER), epoch)
    return jax.random.permutation(key, count)


def plan(model: Model, recipe: Recipe, steps_per_epoch: int) -> Setup:
    """What a network and a recipe come to.

    Raises TypeError for weights that are not float32, InputError for a model that starts from other weights than the
    recipe says.
    """
    if recipe.initial_weights != model.initial_weights:
        raise InputError(
            f"recipe.initial_weights {recipe.initial_weights}: this model starts from {model.initial_weights}"
        )
    # Really drawn, not traced: an initialiser may work on the host, where there is nothing to compile.
    params, batch_stats = model.init(seed_key(0))
    return Setup(
        model=model,
        recipe=recipe,
        steps_per_epoch=steps_per_epoch,
        params=layout_of(params, model.split),
        batch_stats=layout_of(batch_stats, model.split),
    )


def initial_state(setup: Setup, key: Key[Array, ""]) -> State:
    """The state before the first step, in host memory; parameters depend on the seed's key.

    Nothing is compiled here: programs that fill a hundred differently shaped arrays take XLA longer to compile than
    many a setup takes to train.
    """
    params, batch_stats = setup.model.init(jax.random.fold_in(key, _INITIALISE))
    flat, flat_stats = (
        layout.pack(jax.tree.map(np.asarray, tree))
        for layout, tree in ((setup.params, params), (setup.batch_stats, batch_stats))
    )
    # Optimizers begin with constants, so scalar parameters tell the values, and the real ones only the shapes.
    values = setup.optimizer().init(jax.tree.map(lambda _: np.float32(0), flat))
    shapes = jax.eval_shape(setup.optimizer().init, flat)
    return State(
        params=flat,
        batch_stats=flat_stats,
        optimizer=jax.tree.map(lambda value, leaf: np.full(leaf.shape, value, leaf.dtype), values, shapes),
        averaged=() if setup.recipe.ema_images is None else (flat, flat_stats),
        step=jnp.int32(0),
        loss_sum=jnp.float32(0),
        gradient_sum=jnp.float32(0),
        silent=jnp.asarray(np.ones_like(rest(flat), np.bool_)),
    )


def abstract_state(setup: Setup) -> State:
    """Shapes and types of a run's state."""
    flat, flat_stats = setup.params.abstract(), setup.batch_stats.abstract()
    step: Any = jax.ShapeDtypeStruct((), jnp.int32)
    total: Any = jax.ShapeDtypeStruct((), jnp.float32)
    return State(
        params=flat,
        batch_stats=flat_stats,
        optimizer=jax.eval_shape(setup.optimizer().init, flat),
        averaged=() if setup.recipe.ema_images is None else (flat, flat_stats),
        step=step,
        loss_sum=total,
        gradient_sum=total,
        silent=jax.eval_shape(lambda flat: rest(flat) == 0, flat),
    )


def cross_entropy(
    logits: Float[Array, "batch classes"], labels: Int[Array, " batch"], smoothing: float
) -> Float[Array, " batch"]:
    """Per image, −Σ q·log p with q = (1 − s)·onehot + s/classes (Szegedy et al. 2016); natural logarithm."""
    log_p = jax.nn.log_softmax(logits)
    true = jnp.take_along_axis(log_p, labels[:, None], axis=-1)[:, 0]
    return -(1 - smoothing) * true - smoothing * log_p.mean(axis=-1)


def train_step(
    setup: Setup, key: Key[Array, ""], order: Int[Array, " count"], pixels: Pixels, state: State
) -> State:
    """One update on the batch that the epoch's order gives for this step."""
    recipe = setup.recipe
    place = state.step % setup.steps_per_epoch
    chosen = jax.lax.dynamic_slice_in_dim(order, place * recipe.batch_size, recipe.batch_size)
    # Keys come from the seed and the step: a resumed run, or another network, draws the very same numbers.
    augment_key = jax.random.fold_in(jax.random.fold_in(key, _AUGMENT), state.step)
    network_key = jax.random.fold_in(jax.random.fold_in(key, _NETWORK), state.step)
    images = pixels.images[chosen]
    images = augment.augment(augment_key, images, crop_padding=recipe.crop_padding, flip=recipe.flip)
    images = augment.normalise(images, pixels.mean, pixels.std)
    labels = pixels.labels[chosen]
    stats_before = setup.batch_stats.unpack(state.batch_stats)

    def loss_of(params: Tree) -> tuple[Float[Array, ""], Tree]:
        logits, batch_stats = setup.model.apply(params, stats_before, images, train=True, key=network_key)
        heads = logits[None] if logits.ndim == 2 else logits
        losses = [cross_entropy(head, labels, recipe.label_smoothing).mean() for head in heads]
        weighted = (weight * loss for weight, loss in zip(setup.model.head_weights, losses, strict=True))
        return reduce(operator.add, weighted), batch_stats

    # The gradient is taken leaf by leaf and packed after: through the vectors it would be a sum of padded slices.
    (loss, stats), gradients = jax.value_and_grad(loss_of, has_aux=True)(setup.params.unpack(state.params))
    batch_stats = setup.batch_stats.pack(stats)
    gradient = setup.params.pack(gradients)
    changes, optimizer_state = setup.optimizer().update(gradient, state.optimizer, state.params)
    params = optax.apply_updates(state.params, changes)
    done = state.step + 1
    averaged = state.averaged
    if recipe.ema_images is not None:
        decay = optimizer.horizon_decay(recipe.ema_images, recipe, setup.steps_per_epoch)
        averaged = optimizer.average(decay, done, state.averaged, (params, batch_stats))
    first = place == 0
    return State(
        params=params,
        batch_stats=batch_stats,
        optimizer=optimizer_state,
        averaged=averaged,
        step=done,
        loss_sum=jnp.where(first, 0.0, state.loss_sum) + loss,
        gradient_sum=jnp.where(first, 0.0, state.gradient_sum) + optax.tree.norm(gradient),
        silent=(first | state.silent) & (rest(gradient) == 0),
    )


def evaluation_weights(state: State) -> tuple[Flat, Flat]:
    """The (params, batch_stats) to judge a run by: the averaged ones where there are any."""
    return state.averaged if state.averaged else (state.params, state.batch_stats)


def evaluate_batch(
    setup: Setup, params: Flat, batch_stats: Flat, pixels: Pixels
) -> tuple[Float[Array, " batch"], Bool[Array, " batch"]]:
    """Cross-entropy (no smoothing) and whether the top class is right, per image of a batch."""
    images = augment.normalise(pixels.images, pixels.mean, pixels.std)
    weights = setup.params.unpack(params), setup.batch_stats.unpack(batch_stats)
    logits, _ = setup.model.apply(*weights, images, train=False, key=seed_key(0))
    # argmax of NaNs is 0, which would be "right" for class 0.
    right = (jnp.argmax(logits, axis=-1) == pixels.labels) & jnp.isfinite(logits).all(axis=-1)
    return cross_entropy(logits, pixels.labels, 0.0), right
