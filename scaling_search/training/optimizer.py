"""Recipe → optax gradient transformation, learning-rate schedule and the moving average's decay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from scaling_search.training.recipe import Recipe

Tree = Any
Schedule = Callable[[Int[ArrayLike, ""]], Float[Array, ""]]


def learning_rate(recipe: Recipe, steps_per_epoch: int) -> Schedule:
    """The rate of step t = 0, 1, …, T − 1, with w warm-up steps and peak p = ``recipe.peak_learning_rate``.

    - t < w: p · t / w
    - cosine: p · (1 + cos(π · (t − w) / (T − w))) / 2, which is 0 at t = T
    - staircase: p · factor ^ floor(t / (decay_epochs · steps_per_epoch)); counts from step 0, warm-up included

    Source of warm-up and staircase: ``utils.py`` of the reference EfficientNet.
    """
    total = recipe.epochs * steps_per_epoch
    warmup = int(min(recipe.warmup_images, _longest(recipe, steps_per_epoch)) / recipe.batch_size)
    peak = recipe.peak_learning_rate

    def decayed(step: Float[Array, ""]) -> Float[Array, ""]:
        if recipe.decay_factor is not None and recipe.decay_epochs is not None:
            return recipe.decay_factor ** jnp.floor(step / (recipe.decay_epochs * steps_per_epoch))
        return (1 + jnp.cos(jnp.pi * (step - warmup) / (total - warmup))) / 2

    def rate(step: Int[ArrayLike, ""]) -> Float[Array, ""]:
        now = jnp.asarray(step, jnp.float32)
        return peak * jnp.where(now < warmup, now / max(warmup, 1), decayed(now))

    return rate


def decayed_leaves(params: Tree) -> Tree:
    """True for the leaves that weight decay acts on: those named "kernel". Norms and biases are left alone."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: getattr(path[-1], "key", None) == "kernel", params
    )


def make(recipe: Recipe, steps_per_epoch: int) -> optax.GradientTransformation:
    """The recipe's optimizer.

    AdamW decays decoupled (Loshchilov & Hutter 2019). RMSProp is TensorFlow's, which the paper used: the mean
    square starts at 1, ε lies under the root, and the learning rate goes into the momentum buffer rather than
    scaling it.
    """
    rate = optax.scale_by_learning_rate(learning_rate(recipe, steps_per_epoch))
    decay = optax.add_decayed_weights(recipe.weight_decay, mask=decayed_leaves)
    clip = [] if recipe.clip_norm is None else [optax.clip_by_global_norm(recipe.clip_norm)]
    if recipe.optimizer == "sgd":
        return optax.chain(*clip, decay, optax.trace(recipe.momentum), rate)
    if recipe.square_decay is None or recipe.epsilon is None:
        raise ValueError(f"{recipe.optimizer} needs square_decay and epsilon")
    if recipe.optimizer == "adamw":
        adam = optax.scale_by_adam(recipe.momentum, recipe.square_decay, recipe.epsilon)
        return optax.chain(*clip, adam, decay, rate)
    square = optax.scale_by_rms(recipe.square_decay, recipe.epsilon, initial_scale=1.0, eps_in_sqrt=True)
    return optax.chain(*clip, decay, square, rate, optax.trace(recipe.momentum))


def _longest(recipe: Recipe, steps_per_epoch: int) -> float:
    """The longest horizon of a run, in images: a tenth of what it sees."""
    return recipe.epochs * steps_per_epoch * recipe.batch_size / 10


def horizon_decay(images: float, recipe: Recipe, steps_per_epoch: int) -> float:
    """The decay d = 1 − 1/h of an average over the last ``images`` training images, h = max(1, images / batch) steps.

    At most over the last tenth of the run, whatever ``images`` (the paper's 10⁴ steps are 9 % of its 109,000), so that
    what it began with keeps a share under e⁻¹⁰. Runs of up to ten steps do not average at all.
    """
    return 1 - 1 / max(1.0, min(images, _longest(recipe, steps_per_epoch)) / recipe.batch_size)


def norm_momentum(own: float, recipe: Recipe, images: int) -> float:
    """The momentum of running statistics in a run on ``images`` training images.

    A network's ``own`` momentum m is, as the learning rate, for batches of 256: its horizon is 256 / (1 − m) images
    (`horizon_decay`). Statistics begin at mean 0 and variance 1, which 0.99 has not forgotten after a few hundred
    steps: the evaluated network would not be the trained one.
    """
    return horizon_decay(256 / (1 - own), recipe, recipe.steps_per_epoch(images))


def average(decay: float, done: Int[Array, ""], averaged: Tree, current: Tree) -> Tree:
    """One step of the moving average, x̄ ← d·x̄ + (1 − d)·x with d = min(decay, (1 + t)/(10 + t)) after t steps.

    The ramp is TensorFlow's ``num_updates``, as in the reference EfficientNet.
    """
    t = done.astype(jnp.float32)
    keep = jnp.minimum(decay, (1 + t) / (10 + t))
    return jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, averaged, current)
