"""A training step in JAX around any (init, apply): forward, backward, update, batch-norm statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cases
import jax
import jax.numpy as jnp
import numpy as np
import optax


def stepper(model: Any, case: cases.Case) -> tuple[Callable[[], None], dict[str, Any]]:
    """A function that takes one step and waits for it, and what there is to say about it."""
    params, stats = jax.tree.map(jnp.array, model.init(jax.random.key(0)))
    optimizer = optax.sgd(cases.LEARNING_RATE, momentum=cases.MOMENTUM)
    rng = np.random.default_rng(0)
    images = jnp.asarray(
        rng.normal(size=(case.batch, case.resolution, case.resolution, cases.CHANNELS)), jnp.float32
    )
    labels = jnp.asarray(rng.integers(cases.CLASSES, size=case.batch))

    def step(params: Any, stats: Any, momentum: Any) -> Any:
        def loss_of(params: Any) -> Any:
            logits, new = model.apply(params, stats, images, train=True, key=jax.random.key(1))
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), new

        (loss, new), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
        changes, momentum = optimizer.update(gradients, momentum)
        return optax.apply_updates(params, changes), new, momentum, loss

    state = [params, stats, optimizer.init(params)]
    compiled = jax.jit(step, donate_argnums=(0, 1, 2)).lower(*state).compile()

    def once() -> None:
        *state[:], loss = compiled(*state)
        float(loss)

    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return once, {"parameters": count, "device": jax.devices()[0].device_kind, "threads": None}
