"""A training step in JAX around any (init, apply): forward, backward, update, batch-norm statistics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cases
import jax
import jax.numpy as jnp
import numpy as np
import optax


def product_peak(size: int = 2048) -> float:
    """Multiply-adds a second of the best of five products of two float32 matrices of this size."""
    matrix = jnp.full((size, size), 0.5, jnp.float32)
    product = jax.jit(jnp.matmul).lower(matrix, matrix).compile()
    seconds = []
    for _ in range(6):
        began = time.perf_counter()
        product(matrix, matrix).block_until_ready()
        seconds.append(time.perf_counter() - began)
    return size**3 / min(seconds)


def stepper(model: Any, case: cases.Case) -> tuple[Callable[[int], None], dict[str, Any]]:
    """A function that takes steps and waits for them, and what there is to say about it."""
    params, stats = jax.tree.map(jnp.array, model.init(jax.random.key(0)))
    optimizer = optax.sgd(cases.LEARNING_RATE, momentum=cases.MOMENTUM)
    rng = np.random.default_rng(0)
    images = jnp.asarray(
        rng.normal(size=(case.batch, case.resolution, case.resolution, cases.CHANNELS)), jnp.float32
    )
    labels = jnp.asarray(rng.integers(cases.CLASSES, size=case.batch))

    def step(state: Any) -> Any:
        params, stats, momentum, _ = state

        def loss_of(params: Any) -> Any:
            logits, new = model.apply(params, stats, images, train=True, key=jax.random.key(1))
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), new

        (loss, new), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
        changes, momentum = optimizer.update(gradients, momentum)
        return optax.apply_updates(params, changes), new, momentum, loss

    # As in a trial: the steps of an epoch are one program, and their number an argument.
    def steps(state: Any, count: Any) -> Any:
        return jax.lax.fori_loop(0, count, lambda _, state: step(state), state)

    held = [(params, stats, optimizer.init(params), jnp.float32(0))]
    compiled = jax.jit(steps, donate_argnums=0).lower(held[0], jnp.int32(1)).compile()

    def run(count: int) -> None:
        held[0] = compiled(held[0], jnp.int32(count))
        float(held[0][-1])

    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return run, {"parameters": count, "device": jax.devices()[0].device_kind, "threads": None}
