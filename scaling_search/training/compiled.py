"""The programs of a trial, compiled before the first step so that their cost is measured apart, or in the
background.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scaling_search.training import steps
from scaling_search.training.model import Model
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from scaling_search.training.pixels import TrialPixels
from scaling_search.training.recipe import Recipe

Tree = Any

_EVALUATION_BATCH = 256
_COMPILE_POLL_SECONDS = 0.1
_compilers: list[threading.Thread] = []


@dataclass(frozen=True, kw_only=True)
class CompiledTrial:
    """Two programs for one network, recipe and data shape; they serve any seed. With ``seed_batch``, that many seeds
    at once.

    - ``advance(state, key, order, pixels, count) -> State`` takes ``count`` steps; the state is donated
    - ``evaluate(params, batch_stats, pixels) -> (losses, right)`` for one batch of ``evaluation_batch`` images
    """

    setup: steps.Setup
    evaluation_batch: int
    seed_batch: int | None
    advance: Any
    evaluate: Any
    state: steps.State  # shapes and types only
    compile_seconds: float
    memory_bytes: int | None


def evaluation_batch_size(count: int) -> int:
    """Equal batches of at most 256 that waste the fewest padded images on ``count``."""
    return math.ceil(count / math.ceil(count / _EVALUATION_BATCH))


@contextmanager
def memory_errors(predicted_bytes: int | None) -> Iterator[None]:
    """Turns XLA's RESOURCE_EXHAUSTED and Python's MemoryError into OutOfMemory; others pass."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(f"out of host memory: {error}", predicted_bytes=predicted_bytes) from error
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error) and "out of memory" not in str(error).lower():
            raise
        raise OutOfMemory(f"out of device memory: {error}", predicted_bytes=predicted_bytes) from error


def compile_trial(
    model: Model, pixels: TrialPixels, recipe: Recipe, *, seed_batch: int | None = None
) -> CompiledTrial:
    """Compiles a trial for these shapes, on the default device. ``seed_batch`` seeds together, or one (None).

    Thread-safe; `start_compiling` runs it beside another trial's training. Raises InputError (batch larger than the
    training split) and OutOfMemory.
    """
    began = time.monotonic()
    train, validation = pixels.train, pixels.validation
    steps_per_epoch = recipe.steps_per_epoch(len(train.labels))
    batch = evaluation_batch_size(len(validation.labels))
    setup = steps.plan(model, recipe, steps_per_epoch)

    def advance(state: steps.State, key: Any, order: Any, pixels: steps.Pixels, count: Any) -> steps.State:
        step = partial(steps.train_step, setup, key, order, pixels)
        # The bound is an argument, so an epoch may be cut anywhere and is still the same program.
        after: steps.State = jax.lax.fori_loop(0, count, lambda _, state: step(state), state)
        return after

    def evaluate(params: Tree, batch_stats: Tree, pixels: steps.Pixels) -> Any:
        return steps.evaluate_batch(setup, params, batch_stats, pixels)

    if seed_batch is not None:
        advance = jax.vmap(advance, in_axes=(0, 0, 0, None, None))
        evaluate = jax.vmap(evaluate, in_axes=(0, 0, None))

    def abstract(tree: Tree, axes: tuple[int, ...] = ()) -> Tree:
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct((*axes, *x.shape), x.dtype), tree)

    key, order = seed_inputs(
        [0] * (seed_batch or 1), len(train.labels), epoch=0, batched=seed_batch is not None
    )
    state = abstract(steps.abstract_state(setup), () if seed_batch is None else (seed_batch,))
    sample = jax.eval_shape(partial(take, size=batch), validation, 0)
    averaged = steps.evaluation_weights(state)
    count = jax.ShapeDtypeStruct((), jnp.int32)
    with memory_errors(None):
        compiled = [
            jax.jit(advance, donate_argnums=0)
            .lower(state, abstract(key), abstract(order), abstract(train), count)
            .compile(),
            jax.jit(evaluate).lower(*averaged, sample).compile(),
        ]
    return CompiledTrial(
        setup=setup,
        evaluation_batch=batch,
        seed_batch=seed_batch,
        advance=compiled[0],
        evaluate=compiled[1],
        state=state,
        compile_seconds=time.monotonic() - began,
        memory_bytes=planned_memory(compiled[0]),
    )


def start_compiling(
    model: Model, pixels: TrialPixels, recipe: Recipe, *, seed_batch: int | None = None
) -> Future[CompiledTrial]:
    """`compile_trial` in a thread of its own; give the future to `loop.train`, or drop it.

    A program that ends before it is done should end through `leave`; otherwise it waits for the compiler.
    """
    future: Future[CompiledTrial] = Future()

    def work() -> None:
        try:
            future.set_result(compile_trial(model, pixels, recipe, seed_batch=seed_batch))
        except BaseException as error:  # the waiting thread raises it
            future.set_exception(error)

    _compilers[:] = [thread for thread in _compilers if thread.is_alive()]
    # A daemon, or the interpreter would wait for it before `leave` had its say.
    thread = threading.Thread(target=work, name="compile-trial", daemon=True)
    _compilers.append(thread)
    thread.start()
    return future


def ready(compiled: CompiledTrial | Future[CompiledTrial], should_stop: Callable[[], bool]) -> CompiledTrial:
    """The compiled programs, once they are; polls meanwhile, for a compiler cannot be interrupted.

    Raises TrainingStopped.
    """
    if isinstance(compiled, Future):
        while not concurrent.futures.wait([compiled], timeout=_COMPILE_POLL_SECONDS).done:
            if should_stop():
                raise TrainingStopped(None)
        compiled = compiled.result()
    if should_stop():
        raise TrainingStopped(None)
    return compiled


@atexit.register
def _wait_for_compilers() -> None:
    """XLA's compiler cannot be told to stop, and an interpreter that shuts down beneath it aborts."""
    for thread in _compilers:
        thread.join()


def initial(setup: steps.Setup, seeds: list[int], *, batched: bool) -> steps.State:
    """The state before the first step; with a leading axis of seeds when batched."""
    states = [steps.initial_state(setup, steps.seed_key(seed)) for seed in seeds]
    # Copies, one per leaf: the training program overwrites what it is given.
    state: steps.State = jax.tree.map(
        lambda *leaves: jnp.array(np.stack(leaves) if batched else leaves[0], copy=True), *states
    )
    return state


def seed_inputs(seeds: list[int], count: int, *, epoch: int, batched: bool) -> tuple[Any, Any]:
    """(key, order) of an epoch; with a leading axis of seeds when batched."""
    keys = [steps.seed_key(seed) for seed in seeds]
    orders = [_order(key, epoch, count) for key in keys]
    return (jnp.stack(keys), jnp.stack(orders)) if batched else (keys[0], orders[0])


_order = jax.jit(steps.epoch_order, static_argnames="count")


@partial(jax.jit, static_argnames="size")
def take(pixels: steps.Pixels, start: int, size: int) -> steps.Pixels:
    """Images start … start + size − 1; past the end the last image is repeated (the caller drops those)."""
    chosen = jnp.minimum(start + jnp.arange(size), len(pixels.labels) - 1)
    return pixels._replace(images=pixels.images[chosen], labels=pixels.labels[chosen])


def planned_memory(program: Any) -> int | None:
    """Bytes that XLA plans for a program: arguments, results that are not donated arguments, and temporaries."""
    plan = program.memory_analysis()
    if plan is None:
        return None
    return int(
        plan.argument_size_in_bytes
        + plan.output_size_in_bytes
        - plan.alias_size_in_bytes
        + plan.temp_size_in_bytes
        + plan.generated_code_size_in_bytes
    )
