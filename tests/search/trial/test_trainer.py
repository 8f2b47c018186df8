"""Trials that really train: a network of one convolution on images of three greys."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import cost
from scaling_search.data.dataset import Dataset, Split
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import GRID, CandidateRow, TrialRow
from scaling_search.search.grid.candidates import RecordedCandidate, results_of
from scaling_search.search.trial.compiled_networks import CompiledNetworks
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.trainer import Trainer
from scaling_search.search.trial.trial import Extras, Trial
from scaling_search.training import recipe as recipes
from scaling_search.training.cache import enable_cache
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.outcome import TrainingStopped
from scaling_search.training.recipe import Recipe
from scaling_search.training.run import Progress
from tests.search.pretend import Listener

CLASSES, SIDE, TRAIN, VALIDATION = 3, 8, 400, 61
RECIPE = recipes.named("fast", batch_size=16, epochs=2, learning_rate=0.5, crop_padding=0.125)
STEPS = RECIPE.epochs * (TRAIN // RECIPE.batch_size)


def network(stages: str, *, norm: str = "batch", activation: str = "relu") -> Network:
    return toml.parse(
        f'name = "tiny"\nresolution = {SIDE}\nchannels = 1\nclasses = {CLASSES}\nactivation = "{activation}"\n'
        f'norm = "{norm}"\nstages = [{stages}]\nhead = {{ dropout = 0.2 }}\n'
    )


def trial_of(network: Network, seed: int = 0) -> Trial:
    return Trial(network=network, cost=cost(network), seed=seed, label="tiny")


Programs = OrderedDict[tuple[str, int | None], Future[CompiledTrial]]
# By recipe. A network so small takes far longer to trace than to train.
PROGRAMS: defaultdict[Recipe, Programs] = defaultdict(OrderedDict)
TINY = network('{ block = "plain", width = 4 }')


class Kept(Programs):
    """A trainer's own programs, which it may forget; the next trainer has them from the start all the same."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        super().__init__(PROGRAMS[recipe])

    def __setitem__(self, key: tuple[str, int | None], program: Future[CompiledTrial]) -> None:
        super().__setitem__(key, program)
        PROGRAMS[self.recipe][key] = program


@pytest.fixture(scope="module", autouse=True)
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Programs are compiled once for all tests of this file."""
    before = jax.config.jax_compilation_cache_dir
    enable_cache(tmp_path_factory.mktemp("programs"))
    yield
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def grey(count: int, seed: int) -> Split:
    """Noise, dark, grey or bright."""
    draw = np.random.default_rng(seed)
    labels = (np.arange(count) % CLASSES).astype(np.int32)
    images = draw.integers(0, 120, (count, SIDE, SIDE, 1), dtype=np.uint8)
    images += 60 * labels[:, None, None, None].astype(np.uint8)
    return Split(images=images, labels=labels)


DATASET = Dataset(
    name="grey",
    classes=("dark", "grey", "bright"),
    fingerprint="g" * 64,
    train=grey(TRAIN, 0),
    validation=grey(VALIDATION, 1),
)


@dataclass
class Steps(Listener):
    """A callback that knows the last step."""

    seen: list[int] = field(default_factory=lambda: [0])

    def progress(self, trial: Trial, progress: Progress) -> None:
        assert trial.label == "tiny"
        self.seen.append(progress.step)


def trainer(
    ledger: Ledger,
    *,
    recipe: Recipe = RECIPE,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoints: Path | None = None,
    callback: Steps | None = None,
    compiled: bool = True,
) -> Trainer:
    """`compiled`: with the programs that earlier tests have compiled for the recipe; else with none."""
    networks = CompiledNetworks(dataset=DATASET, recipe=recipe, should_stop=should_stop)
    if compiled:
        networks.programs = Kept(recipe)
    return Trainer(
        ledger=ledger,
        networks=networks,
        callback=callback or Steps(),
        checkpoints=checkpoints,
    )


def result(row: TrialRow) -> object:
    """What may not differ between two runs of one trial: everything measured but its seconds."""
    epochs = [
        {name: value for name, value in epoch.items() if not name.endswith("_seconds")}
        for epoch in json.loads(row.epochs or "[]")
    ]
    return row.state, row.accuracy, row.loss, row.correct, row.correct_count, epochs


def only_row(ledger: Ledger) -> TrialRow:
    (row,) = ledger.trials(with_correct=True)
    return row


def undisturbed(folder: Path) -> TrialRow:
    with Ledger.open(folder / "undisturbed.db") as ledger:
        assert trainer(ledger).run([trial_of(TINY)])
        return only_row(ledger)


def test_a_trial_leaves_its_finals_its_epochs_its_bits_and_its_seconds(ledger: Ledger) -> None:
    assert trainer(ledger).run([trial_of(TINY)])
    row = only_row(ledger)
    assert (row.state, row.network, row.seed, row.macs) == ("complete", fingerprint(TINY), 0, cost(TINY).macs)
    assert row.correct is not None and row.epochs is not None and row.correct_count == VALIDATION
    right = np.unpackbits(np.frombuffer(row.correct, np.uint8), count=VALIDATION)
    assert row.accuracy == right.mean() > 0.5
    epochs = json.loads(row.epochs)
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert (epochs[-1]["accuracy"], epochs[-1]["loss"]) == (row.accuracy, row.loss)
    assert epochs[1]["train_loss"] < epochs[0]["train_loss"]
    assert row.train_seconds == pytest.approx(sum(epoch["train_seconds"] for epoch in epochs))
    assert row.compile_seconds is not None and row.evaluate_seconds is not None
    assert min(row.compile_seconds, row.train_seconds, row.evaluate_seconds) > 0
    assert row.memory_bytes is not None and row.device and "jax" in json.loads(row.versions or "{}")
    assert not trainer(ledger).run([trial_of(TINY)]), "a finished trial is not trained again"


def test_one_seed_in_two_ledgers_is_the_same_to_the_bit_and_another_seed_is_not(
    ledger: Ledger, tmp_path: Path
) -> None:
    work = trainer(ledger)
    assert work.run([trial_of(TINY)]) and work.run([trial_of(TINY, seed=1)])
    first, other = sorted(ledger.trials(with_correct=True), key=lambda row: row.seed)
    assert result(first) == result(undisturbed(tmp_path))
    assert result(first) != result(other)


# Before the first step, within an epoch, and while the first epoch is judged.
@pytest.mark.parametrize("stop_at", [0, 1, STEPS // 2])
def test_a_stopped_trial_is_given_back_and_ends_as_if_it_had_not_been_stopped(
    ledger: Ledger, tmp_path: Path, stop_at: int
) -> None:
    callback = Steps()
    stopping = trainer(
        ledger,
        should_stop=lambda: callback.seen[-1] >= stop_at,
        checkpoints=tmp_path / "kept",
        callback=callback,
    )
    with pytest.raises(TrainingStopped) as stopped:
        stopping.run([trial_of(TINY)])
    assert stopped.value.step == (callback.seen[-1] or None)
    assert callback.seen[-1] < STEPS
    row = only_row(ledger)
    assert (row.state, row.attempts, row.accuracy) == ("waiting", 0, None)

    again = Steps()
    assert trainer(ledger, checkpoints=tmp_path / "kept", callback=again).run([trial_of(TINY)])
    assert again.seen[1] > callback.seen[-1], "it went on where it was stopped"
    assert result(only_row(ledger)) == result(undisturbed(tmp_path))
    assert not list((tmp_path / "kept").glob("*")), "a finished trial needs no checkpoint"


def test_a_diverged_trial_is_recorded_never_ranked_and_the_others_go_on(ledger: Ledger) -> None:
    # Weights of 1e15: four linear layers of them are more than a float holds; a norm takes them out again.
    sick, well = (
        network('{ block = "plain", width = 4, depth = 3 }', norm="none", activation="identity"),
        TINY,
    )
    absurd = RECIPE.model_copy(update={"learning_rate": 1e16, "weight_decay": 0.0})
    trials = [trial_of(sick), trial_of(well)]
    assert run_trials(trainer(ledger, recipe=absurd), trials) == 2
    rows = {row.network: row for row in ledger.trials(with_correct=True)}
    diverged = rows[fingerprint(sick)]
    assert (diverged.state, diverged.accuracy, diverged.loss, diverged.correct) == (
        "diverged",
        None,
        None,
        None,
    )
    assert json.loads(diverged.epochs or "[]")[0]["epoch"] == 1
    assert rows[fingerprint(well)].state == "complete"
    results = results_of([candidate(sick), candidate(well)], rows.values())
    assert results[fingerprint(sick)] == {0: None} and results[fingerprint(well)][0] is not None
    assert run_trials(trainer(ledger, recipe=absurd), trials) == 0, "what diverged once would do so again"


def candidate(network: Network) -> RecordedCandidate:
    key, triple = fingerprint(network), (1.0, 1.0, 1.0)
    row = CandidateRow(
        study="s",
        role=GRID,
        network=key,
        network_name="tiny",
        group=key,
        phi=1,
        alpha=1,
        beta=1,
        gamma=1,
        macs=cost(network).macs,
    )
    return RecordedCandidate(group=key, rows=(row,), triples=(triple,))


def test_the_test_split_is_evaluated_with_the_result_and_later_to_the_same_bits(
    ledger: Ledger, tmp_path: Path
) -> None:
    test = grey(50, seed=2)
    assert run_trials(trainer(ledger), [trial_of(TINY)], extras=Extras(test=test)) == 1
    found, trained = ledger.evaluations(with_correct=True)
    assert (trained.split, trained.correct) == ("train", None), "of the training images the share alone"
    assert (found.trial_key, found.split, found.correct_count) == (only_row(ledger).key, "test", len(test))
    assert found.accuracy is not None and found.accuracy > 0.5
    with Ledger.open(tmp_path / "later.db") as later:
        assert run_trials(trainer(later), [trial_of(TINY)]) == 1
        before = only_row(later)
        assert run_trials(trainer(later), [trial_of(TINY)], extras=Extras(test=test)) == 1
        assert only_row(later) == before, "trained again, and not a figure of it has changed"
        again = later.evaluations(with_correct=True)
    assert again == [found, trained]


HOLDER = """
import sys
from scaling_search.ledger.ledger import Ledger
with Ledger.open(sys.argv[1]) as ledger:
    assert ledger.claim(ledger.trials()[0], "the other process") is not None
    print("held", flush=True)
    sys.stdin.read()
"""


def test_what_another_process_has_claimed_is_left_to_it_until_it_is_dead(
    ledger: Ledger, tmp_path: Path
) -> None:
    work = trainer(ledger)
    ledger.add_trials([work.row(trial_of(TINY))])
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "l.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        assert not work.run([trial_of(TINY)])
        assert only_row(ledger).state == "running"
        other.kill()
    assert work.run([trial_of(TINY)])
    assert result(only_row(ledger)) == result(undisturbed(tmp_path))
