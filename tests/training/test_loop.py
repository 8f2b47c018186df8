"""The training loop: what it counts, that it repeats to the bit, and that it stops, diverges and fails in good
order.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_search.data.dataset import Dataset, Split
from scaling_search.errors import InputError
from scaling_search.training import compiled, loop, seeds, steps
from scaling_search.training.compiled import CompiledTrial, compile_trial
from scaling_search.training.evaluate import evaluate
from scaling_search.training.loop import train, train_seeds
from scaling_search.training.outcome import EpochMetrics, Outcome, OutOfMemory, TrainingStopped
from scaling_search.training.pixels import TrialPixels, split_on_device
from scaling_search.training.recipe import Recipe, named
from scaling_search.training.run import Hooks, Progress


def figures(outcome: Outcome) -> Any:
    """All of an outcome but its seconds."""
    epochs = [replace(epoch, train_seconds=0.0, evaluate_seconds=0.0) for epoch in outcome.epochs]
    correct = None if outcome.correct is None else outcome.correct.tolist()
    return outcome.state, outcome.accuracy, outcome.loss, correct, epochs


@pytest.fixture(scope="module")
def outcome(hidden: Any, pixels: TrialPixels, recipe: Recipe, program: CompiledTrial) -> Outcome:
    return train(hidden, pixels, recipe, seed=1, compiled=program)


def test_it_learns(outcome: Outcome) -> None:
    assert outcome.state == "complete"
    assert outcome.accuracy is not None
    assert outcome.accuracy > 0.8
    losses = [epoch.train_loss for epoch in outcome.epochs]
    assert losses[-1] < losses[0]
    assert [epoch.epoch for epoch in outcome.epochs] == [1, 2, 3, 4]
    assert outcome.compile_seconds > 0
    assert outcome.train_seconds == sum(epoch.train_seconds for epoch in outcome.epochs) > 0
    assert outcome.memory_bytes is not None
    assert outcome.memory_bytes > 0


def test_final_figures_are_the_last_epochs_and_of_every_image(
    hidden: Any, outcome: Outcome, dataset: Dataset, pixels: TrialPixels
) -> None:
    """301 images in batches of 151: the padded place counts for nothing."""
    validation = dataset.validation
    images = (validation.images.astype(np.float32) - dataset.train.images.mean()) / dataset.train.images.std()
    logits, _ = hidden.apply(outcome.params, outcome.batch_stats, images, train=False, key=None)
    right = np.argmax(logits, 1) == validation.labels
    assert outcome.correct is not None
    assert outcome.correct.shape == (301,)
    np.testing.assert_array_equal(outcome.correct, right)
    assert outcome.accuracy == right.mean() == outcome.epochs[-1].accuracy
    log_p = np.asarray(jax.nn.log_softmax(logits))[np.arange(301), validation.labels]
    assert outcome.loss == pytest.approx(-log_p.mean(), rel=1e-5)


def test_the_same_seed_is_the_same_to_the_bit(
    hidden: Any, pixels: TrialPixels, recipe: Recipe, outcome: Outcome, is_same: Any
) -> None:
    again = train(hidden, pixels, recipe, seed=1)  # a program of its own, too
    assert figures(again) == figures(outcome)
    assert is_same((again.params, again.batch_stats), (outcome.params, outcome.batch_stats))


def test_another_seed_is_another_run(
    hidden: Any, pixels: TrialPixels, recipe: Recipe, program: CompiledTrial, outcome: Outcome, is_same: Any
) -> None:
    other = train(hidden, pixels, recipe, seed=2, compiled=program)
    assert not is_same(other.params, outcome.params)


def test_chunks_of_an_epoch_change_nothing(
    hidden: Any,
    pixels: TrialPixels,
    recipe: Recipe,
    program: CompiledTrial,
    outcome: Outcome,
    is_same: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Progress] = []
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    stepwise = train(hidden, pixels, recipe, seed=1, compiled=program, hooks=Hooks(on_progress=seen.append))
    assert [progress.step for progress in seen] == list(range(1, 17))
    assert {progress.total_steps for progress in seen} == {16}
    assert figures(stepwise) == figures(outcome)
    assert is_same(stepwise.params, outcome.params)


def test_an_epoch_records_what_a_bad_seed_is_known_by(
    hidden: Any, pixels: TrialPixels, recipe: Recipe, outcome: Outcome
) -> None:
    """Gradients, and units that a ReLU has switched off: of 8, with a scale and a bias each, two never fire."""
    assert all(epoch.gradient_norm is not None and 0 < epoch.gradient_norm < 10 for epoch in outcome.epochs)
    assert [epoch.dead_share for epoch in outcome.epochs] == [0.0] * 4

    def init(key: Any) -> Any:
        params, stats = hidden.init(key)
        return params | {"norm": params["norm"] | {"bias": np.float32([-1e3] * 2 + [0] * 6)}}, stats

    dead = train(hidden._replace(init=init), pixels, recipe, seed=1)
    assert [epoch.dead_share for epoch in dead.epochs] == [0.25] * 4


def test_a_model_starts_from_the_weights_that_the_recipe_names(hidden: Any) -> None:
    asked = named("fast").model_copy(update={"initial_weights": "0" * 64})
    with pytest.raises(InputError, match=r"initial_weights 0{64}: this model starts from None"):
        steps.plan(hidden, asked, 4)
    assert steps.plan(hidden._replace(initial_weights="0" * 64), asked, 4).recipe == asked
    with pytest.raises(InputError, match=r"initial_weights None: this model starts from 0{64}"):
        steps.plan(hidden._replace(initial_weights="0" * 64), named("fast"), 4)


def test_the_rest_of_an_epoch_is_dropped(recipe: Recipe, program: CompiledTrial) -> None:
    assert program.setup.steps_per_epoch == 70 // 16
    with pytest.raises(InputError, match="batch_size 16 is more than the 15 training images"):
        recipe.steps_per_epoch(15)


@pytest.mark.parametrize(
    ("count", "size"), [(1, 1), (256, 256), (257, 129), (287, 144), (301, 151), (10_000, 250)]
)
def test_evaluation_batches_waste_little(count: int, size: int) -> None:
    assert compiled.evaluation_batch_size(count) == size


def test_any_split_is_judged_by_the_same_program(
    hidden: Any,
    outcome: Outcome,
    program: CompiledTrial,
    dataset: Dataset,
    pixels: TrialPixels,
    test_split: Split,
) -> None:
    [validation] = evaluate(program, [outcome], pixels.validation)
    assert (validation.accuracy, validation.loss) == (outcome.accuracy, outcome.loss)
    [test] = evaluate(program, [outcome], split_on_device(test_split, dataset, 5))
    images = (test_split.images.astype(np.float32) - dataset.train.images.mean()) / dataset.train.images.std()
    logits, _ = hidden.apply(outcome.params, outcome.batch_stats, images, train=False, key=None)
    np.testing.assert_array_equal(test.correct, np.argmax(logits, 1) == test_split.labels)
    with pytest.raises(TrainingStopped):
        evaluate(program, [outcome], pixels.validation, should_stop=lambda: True)


def test_seeds_together_equal_seeds_in_turn(
    hidden: Any,
    pixels: TrialPixels,
    recipe: Recipe,
    program: CompiledTrial,
    outcome: Outcome,
    test_split: Split,
    dataset: Dataset,
) -> None:
    together = compile_trial(hidden, pixels, recipe, seed_batch=2)
    both = train_seeds(hidden, pixels, recipe, seeds=[1, 5], compiled=together)
    in_turn = [outcome, train(hidden, pixels, recipe, seed=5, compiled=program)]
    for batched, alone in zip(both, in_turn, strict=True):
        assert batched.seed == alone.seed
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), batched.params, alone.params
        )
        for one, other in zip(batched.epochs, alone.epochs, strict=True):
            assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)
            assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert np.mean(batched.correct == alone.correct) > 0.99
    test = split_on_device(test_split, dataset, 5)
    for one, alone in zip(evaluate(together, both, test), in_turn, strict=True):
        assert one.loss == pytest.approx(evaluate(program, [alone], test)[0].loss, rel=1e-3)
    speed = seeds.measure(program, together, pixels, repeats=2)
    assert speed.seed_batch == 2
    assert speed.alone > 0
    assert speed.gain == pytest.approx(2 * speed.alone / speed.together)
    with pytest.raises(ValueError, match="one seed and one of several"):
        seeds.measure(together, program, pixels)
    with pytest.raises(ValueError, match="number of seeds"):
        train_seeds(hidden, pixels, recipe, seeds=[1, 2, 3], compiled=together)


def exploding(hidden: Any, at: float) -> Any:
    """A network whose logits become infinite once a counter in its statistics reaches ``at``; seed 5 never counts."""

    def init(key: Any) -> Any:
        params, stats = hidden.init(key)
        calm = bool(key == jax.random.fold_in(steps.seed_key(5), 0))
        return params, stats | {"count": np.full((), -1e9 if calm else 0.0, np.float32)}

    def apply(params: Any, stats: Any, images: Any, *, train: bool, key: Any) -> Any:
        logits, norm = hidden.apply(params, stats, images, train=train, key=key)
        blown = jnp.where(stats["count"] >= at, jnp.inf, 1.0)
        return logits * blown, {"norm": norm["norm"], "count": stats["count"] + train}

    return hidden._replace(init=init, apply=apply)


def test_a_loss_that_is_not_finite_is_divergence(hidden: Any, pixels: TrialPixels, recipe: Recipe) -> None:
    seen: list[EpochMetrics] = []
    toy = exploding(hidden, at=6)  # the third step of the second epoch
    outcome = train(
        toy, pixels, recipe, seed=1, hooks=Hooks(on_epoch=lambda _seed, metrics: seen.append(metrics))
    )
    assert outcome.state == "diverged"
    assert (outcome.accuracy, outcome.loss, outcome.correct) == (None, None, None)
    assert [epoch.epoch for epoch in outcome.epochs] == [1, 2]
    assert outcome.epochs[0].train_loss is not None
    assert (outcome.epochs[1].train_loss, outcome.epochs[1].accuracy) == (None, None)
    assert seen == list(outcome.epochs)


def test_one_diverged_seed_leaves_the_others(hidden: Any, pixels: TrialPixels, recipe: Recipe) -> None:
    first, second = train_seeds(exploding(hidden, at=6), pixels, recipe, seeds=[1, 5])
    assert (first.state, len(first.epochs)) == ("diverged", 2)
    assert (second.state, len(second.epochs)) == ("complete", 4)
    assert second.accuracy is not None
    assert second.accuracy > 0.8


def test_a_program_of_something_else_is_refused(
    hidden: Any, pixels: TrialPixels, recipe: Recipe, program: CompiledTrial
) -> None:
    other = recipe.model_copy(update={"epochs": 9})
    with pytest.raises(ValueError, match="another recipe"):
        train(hidden, pixels, other, seed=1, compiled=program)


def test_every_poll_can_stop(
    hidden: Any, pixels: TrialPixels, recipe: Recipe, program: CompiledTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)  # a step is a chunk, however slow the machine
    polls = 0

    def count() -> bool:
        nonlocal polls
        polls += 1
        return False

    train(hidden, pixels, recipe, seed=1, compiled=program, hooks=Hooks(should_stop=count))
    # Once before the first step; per epoch each step and both evaluation batches.
    assert polls == 1 + 4 * (4 + 2)
    for stop_at in range(1, polls + 1):
        left = stop_at

        def stop() -> bool:
            nonlocal left
            left -= 1
            return left <= 0

        with pytest.raises(TrainingStopped) as stopped:
            train(hidden, pixels, recipe, seed=1, compiled=program, hooks=Hooks(should_stop=stop))
        assert stopped.value.step is None


def test_a_stop_does_not_wait_for_the_compiler(hidden: Any, pixels: TrialPixels, recipe: Recipe) -> None:
    never: Future[CompiledTrial] = Future()
    with pytest.raises(TrainingStopped):
        train(hidden, pixels, recipe, seed=1, compiled=never, hooks=Hooks(should_stop=lambda: True))


def test_errors_of_the_compiler_come_to_the_caller(hidden: Any, pixels: TrialPixels, recipe: Recipe) -> None:
    broken = hidden._replace(apply=lambda *_, **__: 1 / 0)
    future = compiled.start_compiling(broken, pixels, recipe)
    with pytest.raises(ZeroDivisionError):
        train(broken, pixels, recipe, seed=1, compiled=future)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "compile-trial")


@pytest.mark.parametrize(
    "error",
    [jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes."), MemoryError("9")],
)
def test_too_little_memory_is_said_once(
    hidden: Any, pixels: TrialPixels, recipe: Recipe, program: CompiledTrial, error: Exception
) -> None:
    calls = 0

    def fail(*_: Any) -> Any:
        nonlocal calls
        calls += 1
        raise error

    with pytest.raises(OutOfMemory, match="9") as raised:
        train(hidden, pixels, recipe, seed=1, compiled=replace(program, advance=fail))
    assert calls == 1
    assert raised.value.predicted_bytes == program.memory_bytes


def test_other_errors_of_the_device_pass(
    hidden: Any, pixels: TrialPixels, recipe: Recipe, program: CompiledTrial
) -> None:
    def fail(*_: Any) -> Any:
        raise jax.errors.JaxRuntimeError("INTERNAL: no")

    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        train(hidden, pixels, recipe, seed=1, compiled=replace(program, advance=fail))


def test_a_cpu_takes_seeds_in_turn_unless_measured_otherwise() -> None:
    assert not seeds.batched_by_default("cpu")
    assert seeds.batched_by_default("gpu")


LEAVING = """
import sys, time
sys.path.insert(0, sys.argv[1])
import conftest
from scaling_search.cli.main import leave
from scaling_search.training import compiled
from scaling_search.training.recipe import named
data = conftest.Dataset(name="toy", classes=("top", "middle", "bottom"), fingerprint="toy",
                        train=conftest.make_split(70, 0), validation=conftest.make_split(301, 1))
hidden = conftest.Toy(conftest.hidden_init, conftest.hidden_apply)
for epochs in range(1, 4):  # three at once: one of them is sure to be at work
    compiled.start_compiling(hidden, conftest.on_device(data, 5), named("fast", batch_size=16, epochs=epochs))
time.sleep(0.2)
if sys.argv[2] == "leave":
    leave(7)
sys.exit(7)
"""


@pytest.mark.parametrize("how", ["leave", "wait"])
def test_a_process_ends_in_order_while_a_compiler_works(how: str) -> None:
    command = [sys.executable, "-c", LEAVING, str(Path(__file__).parent), how]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (7, ""), done.stderr
