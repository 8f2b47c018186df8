"""Seeds of one network as one batched program: the same trials as one by one, and only where that is faster."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import jax
import pytest

from scaling_search.errors import StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.networks import build as networks
from scaling_search.networks.build import Model
from scaling_search.search.trial import compiled_networks
from scaling_search.search.trial import trainer as trial_trainer
from scaling_search.search.trial.trial import Extras
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from scaling_search.training.seeds import Speed
from tests.search.trial.test_trainer import STEPS, TINY, Steps, grey, network, programs, trainer, trial_of

__all__ = ["programs"]  # a fixture: compiled once for all tests of this file

SEEDS = (0, 1, 2)


@pytest.fixture
def batched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A device on which seeds train twice as fast in one batch; holds the numbers of seeds measured."""
    measured: list[int] = []

    def measure(alone: object, together: object, pixels: object) -> Speed:
        measured.append(together.seed_batch)  # type: ignore[attr-defined]
        return Speed(alone=1.0, together=together.seed_batch / 2, seed_batch=together.seed_batch)  # type: ignore[attr-defined]

    monkeypatch.setattr(compiled_networks, "batched_by_default", lambda platform: True)
    monkeypatch.setattr(compiled_networks, "measure_seeds", measure)
    yield measured


def trained_rows(folder: Path, name: str, *, compiled: bool = True) -> dict[int, TrialRow]:
    with Ledger.open(folder / name) as ledger:
        assert trainer(ledger, compiled=compiled).run([trial_of(TINY, seed) for seed in SEEDS]) == len(SEEDS)
        return {row.seed: row for row in ledger.trials(with_correct=True)}


def losses(row: TrialRow) -> list[float]:
    return [epoch["train_loss"] for epoch in json.loads(row.epochs or "[]")]


def test_batched_seeds_are_the_trials_one_by_one(
    tmp_path: Path, batched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[bool] = []

    def build(*given: Any, batched: bool, **options: Any) -> Model:
        built.append(batched)
        return networks.build(*given, batched=batched, **options)

    monkeypatch.setattr(compiled_networks, "build", build)
    together = trained_rows(tmp_path, "together.db", compiled=False)
    assert batched == [len(SEEDS)], "measured once"
    assert built == [False, True, True], "alone and together to measure both, and to train"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled_networks, "batched_by_default", lambda platform: False)
        in_turn = trained_rows(tmp_path, "turn.db")
    for seed in SEEDS:
        assert together[seed].state == "complete"
        assert together[seed].key == in_turn[seed].key
        assert losses(together[seed]) == pytest.approx(losses(in_turn[seed]), rel=1e-3)
    assert len({tuple(losses(row)) for row in together.values()}) == len(SEEDS)


def test_seeds_train_one_by_one_where_that_is_faster(
    tmp_path: Path, batched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    slower = Speed(alone=1.0, together=3.5, seed_batch=3)
    monkeypatch.setattr(compiled_networks, "measure_seeds", lambda *_: slower)
    monkeypatch.setattr(trial_trainer, "train_seeds", lambda *_, **__: pytest.fail("slower, and yet batched"))
    trained_rows(tmp_path, "turn.db")


def test_seeds_train_one_by_one_where_no_batched_program_compiles(
    tmp_path: Path, batched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor's library need not have an algorithm for a batched program where it has one for a single network."""
    start = compiled_networks.start_compiling

    def refuse(*given: Any, seed_batch: int | None = None) -> Any:
        if seed_batch is None:
            return start(*given, seed_batch=seed_batch)
        failed: Future[Any] = Future()
        failed.set_exception(jax.errors.JaxRuntimeError("UNIMPLEMENTED: no algorithm worked"))
        return failed

    monkeypatch.setattr(compiled_networks, "start_compiling", refuse)
    rows = trained_rows(tmp_path, "turn.db", compiled=False)
    assert {row.state for row in rows.values()} == {"complete"}
    assert batched == [], "nothing to measure"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (jax.errors.JaxRuntimeError("UNIMPLEMENTED: no algorithm worked"), "no algorithm worked"),
        (OutOfMemory("out of device memory", predicted_bytes=1 << 40), "out of device memory"),
    ],
)
def test_a_later_network_without_a_batched_program_trains_its_seeds_one_by_one(
    error: Exception, told: str, tmp_path: Path, batched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a batch is faster was measured on the first network; what holds for that need not hold for a larger."""
    start, larger = compiled_networks.start_compiling, network('{ block = "plain", width = 6 }')
    refused: list[int] = []

    def refuse(model: Any, pixels: Any, recipe: Any, *, seed_batch: int | None = None) -> Any:
        if seed_batch is None or not batched:
            return start(model, pixels, recipe, seed_batch=seed_batch)
        refused.append(seed_batch)
        failed: Future[Any] = Future()
        failed.set_exception(error)
        return failed

    callback = Steps()
    with Ledger.open(tmp_path / "l.db") as ledger:
        work = trainer(ledger, callback=callback, checkpoints=tmp_path / "kept")
        work.networks.programs = OrderedDict(
            work.networks.programs
        )  # what fails here is kept for no other test
        assert work.networks.batches(TINY, len(SEEDS))
        monkeypatch.setattr(compiled_networks, "start_compiling", refuse)
        assert work.run([trial_of(larger, seed) for seed in SEEDS]) == len(SEEDS)
        assert {row.state for row in ledger.trials()} == {"complete"}
        assert [row.attempts for row in ledger.trials()] == [1] * len(SEEDS), (
            "the one in a batch does not count"
        )
        assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]
    (said,) = callback.said
    assert said.startswith("tiny: 3 seeds train one after the other: ") and told in said
    assert refused == [len(SEEDS)]
    assert not work.networks.batches(larger, len(SEEDS)) and work.networks.batches(TINY, len(SEEDS))


def test_a_batch_that_overflows_the_memory_is_trained_one_by_one(
    tmp_path: Path, batched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflow(*_: object, **__: object) -> None:
        raise OutOfMemory("out of device memory", predicted_bytes=None)

    monkeypatch.setattr(trial_trainer, "train_seeds", overflow)
    rows = trained_rows(tmp_path, "l.db")
    assert {row.state for row in rows.values()} == {"complete"}
    monkeypatch.setattr(trial_trainer, "train", overflow)
    with Ledger.open(tmp_path / "alone.db") as ledger:
        trainer(ledger).run([trial_of(TINY, seed) for seed in SEEDS])
        assert {row.state for row in ledger.trials()} == {"failed"}
        assert all("out of device memory" in (row.failure or "") for row in ledger.trials())


def test_a_batchs_checkpoint_is_none_for_a_single_seed(
    tmp_path: Path, batched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    trials, kept, callback = [trial_of(TINY, seed) for seed in SEEDS], tmp_path / "kept", Steps()

    def overflow(*_: object, **__: object) -> None:
        raise OutOfMemory("out of device memory", predicted_bytes=None)

    with Ledger.open(tmp_path / "l.db") as ledger:
        half = trainer(
            ledger, should_stop=lambda: callback.seen[-1] >= STEPS // 2, checkpoints=kept, callback=callback
        )
        with pytest.raises(TrainingStopped):
            half.run(trials)
        assert [path for path in kept.rglob("*") if path.is_file()]
        monkeypatch.setattr(trial_trainer, "train_seeds", overflow)
        again = Steps()
        assert trainer(ledger, checkpoints=kept, callback=again).run(trials) == len(SEEDS)
        assert {row.state for row in ledger.trials()} == {"complete"}
        assert len(again.said) == 1 and "one after the other" in again.said[0]


def test_a_stopped_batch_goes_on_as_one(tmp_path: Path, batched: list[int]) -> None:
    undisturbed = trained_rows(tmp_path, "undisturbed.db")
    trials = [trial_of(TINY, seed) for seed in SEEDS]
    callback = Steps()
    with Ledger.open(tmp_path / "stopped.db") as ledger:
        stopping = trainer(
            ledger,
            should_stop=lambda: callback.seen[-1] >= STEPS // 2,
            checkpoints=tmp_path / "kept",
            callback=callback,
        )
        with pytest.raises(TrainingStopped):
            stopping.run(trials)
        assert {row.state for row in ledger.trials()} == {"waiting"}
        again = Steps()
        assert trainer(ledger, checkpoints=tmp_path / "kept", callback=again).run(trials) == len(SEEDS)
        assert again.seen[1] > callback.seen[-1], "they went on where they were stopped"
        for row in ledger.trials(with_correct=True):
            assert (losses(row), row.correct) == (
                losses(undisturbed[row.seed]),
                undisturbed[row.seed].correct,
            )


def test_the_machines_failure_keeps_a_batchs_checkpoint(
    tmp_path: Path, batched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trials are tried again, from their checkpoint."""
    trials, kept, callback = [trial_of(TINY, seed) for seed in SEEDS], tmp_path / "kept", Steps()

    def fails(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with Ledger.open(tmp_path / "l.db") as ledger:
        half = trainer(
            ledger, should_stop=lambda: callback.seen[-1] >= STEPS // 2, checkpoints=kept, callback=callback
        )
        with pytest.raises(TrainingStopped):
            half.run(trials)
        before = sorted(kept.rglob("*"))
        monkeypatch.setattr(trial_trainer, "train_seeds", fails)
        trainer(ledger, checkpoints=kept).run(trials)
        assert {row.state for row in ledger.trials()} == {"waiting"}
        assert before and sorted(kept.rglob("*")) == before


def test_a_disk_full_at_the_second_result_is_told_and_keeps_the_first(
    tmp_path: Path, batched: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Giving back what is finished already would fail in its turn, and hide the reason."""
    finish, finished = Ledger.finish, list[object]()

    def full(self: Ledger, *given: Any) -> None:
        if finished:
            raise StorageError("the disk is full")
        finish(self, *given)
        finished.append(given)

    with Ledger.open(tmp_path / "l.db") as ledger:
        monkeypatch.setattr(Ledger, "finish", full)
        with pytest.raises(StorageError, match="the disk is full"):
            trainer(ledger).run([trial_of(TINY, seed) for seed in SEEDS])
        assert sorted(row.state for row in ledger.trials()) == ["complete", "waiting", "waiting"]


def test_a_seed_in_other_hands_is_left_there(tmp_path: Path, batched: list[int]) -> None:
    with Ledger.open(tmp_path / "l.db") as ledger:
        work = trainer(ledger)
        assert ledger.claim(work.row(trial_of(TINY, 1))) is not None
        assert work.run([trial_of(TINY, seed) for seed in SEEDS]) == 2
        assert {row.seed: row.state for row in ledger.trials()} == {
            0: "complete",
            1: "running",
            2: "complete",
        }


def test_a_round_takes_as_many_seeds_as_train_in_a_batch(tmp_path: Path, batched: list[int]) -> None:
    with Ledger.open(tmp_path / "l.db") as ledger:
        assert trainer(ledger).networks.block == 4


def test_on_a_cpu_every_round_is_one_seed(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.db") as ledger:
        assert trainer(ledger).networks.block == 1


def test_batched_seeds_are_tested_in_the_same_record(tmp_path: Path, batched: list[int]) -> None:
    with Ledger.open(tmp_path / "l.db") as ledger:
        assert trainer(ledger).run(
            [trial_of(TINY, seed) for seed in SEEDS], extras=Extras(test=grey(50, 2))
        ) == len(SEEDS)
        accuracies = {row.trial_key: row.accuracy for row in ledger.evaluations()}
        assert accuracies.keys() == {row.key for row in ledger.trials()}
        assert all(accuracy is not None and accuracy > 0.5 for accuracy in accuracies.values())
