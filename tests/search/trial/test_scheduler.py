"""Who trains what of a list of trials: nothing twice, others are waited for, the dead are replaced, all are tested."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.data.dataset import Split
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.setup import load_data
from scaling_search.search.trial.trial import Extras, Trial, trial_of
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from tests.search.pretend import Pretend, planned, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def trials(count: int, *, seed: int = 0) -> list[Trial]:
    return [trial_of(row, seed) for row in planned(study()).networks[:count]]


def images() -> Split:
    return load_data(study()).validation


def test_all_are_trained_in_order_and_nothing_twice(ledger: Ledger) -> None:
    wanted = [*trials(3), *trials(2)]  # two of them asked for twice
    trainer = Pretend(ledger)
    assert run_trials(trainer, wanted) == 3
    assert trainer.listener.begun == [(fingerprint(trial.network), 0) for trial in trials(3)]
    assert run_trials(Pretend(ledger), [*trials(3), *trials(1, seed=1)]) == 1


def test_all_are_planned_before_the_first_is_trained(ledger: Ledger) -> None:
    def learns(trial: Trial) -> float:
        assert len(ledger.trials()) == 3
        return 0.5

    assert run_trials(Pretend(ledger, learns), trials(3)) == 3


def test_what_others_hold_is_waited_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = trials(2)
    trainer = Pretend(ledger)
    held = ledger.claim(trainer.row(first), "other")
    assert held is not None

    def until_released(_: float) -> None:
        assert [key for key, _ in trainer.listener.begun] == [fingerprint(second.network)]
        ledger.release(held)

    monkeypatch.setattr("time.sleep", until_released)
    assert run_trials(trainer, [first, second]) == 2
    assert [key for key, _ in trainer.listener.begun] == [
        fingerprint(trial.network) for trial in (second, first)
    ]


def test_a_stop_while_waiting_for_others(ledger: Ledger) -> None:
    (one,) = trials(1)
    trainer = Pretend(ledger, should_stop=lambda: True)
    assert ledger.claim(trainer.row(one), "other") is not None
    with pytest.raises(TrainingStopped):
        run_trials(trainer, [one])


def test_a_dead_workers_trial_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time = [0.0]
    monkeypatch.setattr("time.sleep", lambda seconds: time.__setitem__(0, time[0] + 30))
    with Ledger.open(tmp_path / "l.db", clock=lambda: time[0]) as ledger:
        (one,) = trials(1)
        trainer = Pretend(ledger)
        assert ledger.claim(trainer.row(one), "other") is not None
        assert run_trials(trainer, [one]) == 1
    assert time[0] > 60


def test_what_was_trained_without_a_test_split_is_tested_later(ledger: Ledger) -> None:
    first, second = trials(2)
    run_trials(Pretend(ledger), [first])
    assert not ledger.evaluations()
    trainer = Pretend(ledger)
    # The second is trained and tested at once, the first trained again to be tested: it is the same network then.
    assert run_trials(trainer, [first, second], extras=Extras(test=images())) == 2
    assert [key for key, _ in trainer.listener.begun] == [
        fingerprint(trial.network) for trial in (second, first)
    ]
    assert {row.trial_key for row in ledger.evaluations()} == {trainer.row(t).key for t in (first, second)}
    assert run_trials(Pretend(ledger), [first, second], extras=Extras(test=images())) == 0


def test_what_diverged_is_not_tested(ledger: Ledger) -> None:
    assert run_trials(Pretend(ledger, lambda trial: None), trials(2), extras=Extras(test=images())) == 2
    assert not ledger.evaluations()
    assert run_trials(Pretend(ledger), trials(2), extras=Extras(test=images())) == 0


def test_a_test_that_cannot_be_made_up_for_ends(ledger: Ledger) -> None:
    """It once was tried for ever."""
    run_trials(Pretend(ledger), trials(2))
    poor = Pretend(ledger, lambda trial: OutOfMemory("no room", predicted_bytes=None))
    assert run_trials(poor, trials(2), extras=Extras(test=images())) == 2
    assert {row.state for row in ledger.trials()} == {"complete"}
    assert not ledger.evaluations()


def test_a_trial_that_another_process_still_tests_is_waited_for(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim is given back with the evaluation: nothing is trained twice, by whatever process."""
    (one,) = trials(1)
    other = Pretend(ledger)
    held = ledger.claim(other.row(one), "other")
    assert held is not None

    def until_recorded(_: float) -> None:
        ledger.release(held)
        other.run([one], extras=Extras(test=images()))

    monkeypatch.setattr("time.sleep", until_recorded)
    trainer = Pretend(ledger)
    assert run_trials(trainer, [one], extras=Extras(test=images())) == 0
    assert trainer.listener.begun == []
    assert len(ledger.evaluations()) == 1
