"""Trials in a worker's hands: how each ends, what is given back, and what another worker has taken over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.data.dataset import Split
from scaling_search.errors import StorageError
from scaling_search.ledger.claims.leases import LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import Result
from scaling_search.search.trial.claims import Held
from scaling_search.search.trial.setup import checkpoint_folder, load_data
from scaling_search.search.trial.trial import Extras, Trial, trial_of
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from tests.search.pretend import Pretend, planned, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def trials(count: int, *, seeds: int = 1) -> list[Trial]:
    rows = planned(study()).networks[:count]
    return [trial_of(row, seed) for row in rows for seed in range(seeds)]


def states(ledger: Ledger) -> list[str]:
    return [row.state for row in sorted(ledger.trials(), key=lambda row: row.seed)]


def images() -> Split:
    return load_data(study()).validation


def test_what_is_held_is_finished_with_more_rows_about_it_in_one_transaction(ledger: Ledger) -> None:
    (one,) = trials(1)
    trainer = Pretend(ledger)
    with trainer.claims.hold([(trainer.row(one), one)], needed=0) as held:
        outcomes = trainer._train(held, None, batched=False)
        held.finish(outcomes, trainer._extras(held, outcomes, Extras(test=images()), batched=False))
        assert held.finished
    assert states(ledger) == ["complete"]
    (evaluation,) = ledger.evaluations()
    assert evaluation.trial_key == trainer.row(one).key

    (other,) = trials(1, seeds=2)[1:]
    with trainer.claims.hold([(trainer.row(other), other)], needed=0) as held:
        outcomes = trainer._train(held, None, batched=False)
        held.finish(outcomes, [[evaluation, evaluation]])  # two of one key: the record fails
    assert states(ledger) == ["complete", "failed"]
    assert len(ledger.evaluations()) == 1


def test_what_is_not_finished_is_given_back(ledger: Ledger) -> None:
    (one,) = trials(1)
    trainer = Pretend(ledger)
    with trainer.claims.hold([(trainer.row(one), one)], needed=0) as held:
        assert states(ledger) == ["running"]
        assert held.trials == (one,)
    row = ledger.trials()[0]
    assert (row.state, row.attempts) == ("waiting", 0)
    assert [row.state for row in trainer.listener.ended] == ["waiting"]


def test_what_others_hold_is_not_had(ledger: Ledger) -> None:
    first, second = trials(2)
    trainer = Pretend(ledger)
    assert ledger.claim(trainer.row(first), "other") is not None
    with trainer.claims.hold([(trainer.row(each), each) for each in (first, second)], needed=0) as held:
        assert held.trials == (second,)
    with trainer.claims.hold([(trainer.row(first), first)], needed=0) as held:
        assert held.trials == ()


@pytest.mark.parametrize(
    "late",
    [
        None,
        KeyError("bug"),
        OSError(5, "I/O"),
        OutOfMemory("no room", predicted_bytes=1),
        StorageError("full"),
    ],
    ids=lambda late: type(late).__name__,
)
def test_a_late_worker_writes_nothing_whatever_befell_it(ledger: Ledger, late: BaseException | None) -> None:
    (one,) = trials(1)

    def taken_over(trial: Trial) -> float | BaseException:
        # The other worker is done before this one wakes up.
        stand_still(ledger, trainer, trial)
        claim = ledger.claim(trainer.row(trial), "other")
        assert claim is not None
        ledger.finish(claim, Result(state="complete", accuracy=0.75))
        return 0.5 if late is None else late

    trainer = Pretend(ledger, taken_over)
    try:
        assert trainer.run([one]) == 1
    except StorageError as error:
        assert error is late
    (row,) = ledger.trials()
    assert (row.state, row.accuracy, row.failure) == ("complete", 0.75, None)
    assert any("another worker took this trial over" in said for said in trainer.listener.said)
    assert [row.state for row in trainer.listener.ended] == ["complete"]


def stand_still(ledger: Ledger, trainer: Pretend, trial: Trial) -> None:
    """As if this worker's lease had run out: nobody holds its trial any more."""
    from scaling_search.ledger.claims import leases
    from scaling_search.ledger.storage import store
    from scaling_search.ledger.storage.schema import LEASES

    with ledger.database.writing() as connection:
        lease = store.read_one(connection, LEASES, trainer.row(trial).key)
        assert lease is not None
        leases.end(connection, lease)


def test_a_worker_that_lost_its_lease_stops_training(tmp_path: Path) -> None:
    """Another has the trial: training on is in vain. The search itself goes on."""
    first, second = trials(2)
    with Ledger.open(tmp_path / "l.db", lease_seconds=0.04) as ledger:

        class Patient(Pretend):
            """Trains until it is told to stop."""

            def _train(self, held: Held, upcoming: Trial | None, *, batched: bool):  # type: ignore[no-untyped-def]
                if held.trials[0] == first:
                    stand_still(ledger, self, first)
                    while not held.lost:
                        pass
                    raise TrainingStopped(3)
                return super()._train(held, upcoming, batched=batched)

        trainer = Patient(ledger)
        assert trainer.run([first]) == trainer.run([second]) == 1
        assert [row.state for row in ledger.trials([trainer.row(second).key])] == ["complete"]
        assert [said for said in trainer.listener.said if "took this trial over" in said] == [
            f"{first.label}: another worker took this trial over while it stood still here"
        ]


@pytest.mark.parametrize("stopped", [True, False], ids=["noticed", "when recorded"])
def test_of_several_seeds_only_the_lost_one_is_left_to_the_other(tmp_path: Path, stopped: bool) -> None:
    """The others are given back: nobody else could ever take what this living worker seems to hold."""
    three = trials(1, seeds=3)
    with Ledger.open(tmp_path / "l.db", lease_seconds=0.04 if stopped else 60) as ledger:
        trainer = Pretend(ledger)
        rows = [(trainer.row(each), each) for each in three]
        with trainer.claims.hold(rows, needed=0) as held:
            outcomes = trainer._train(held, None, batched=True)
            stand_still(ledger, trainer, three[1])
            assert ledger.claim(rows[1][0], "other") is not None
            if stopped:
                while not held.lost:
                    pass
                raise TrainingStopped(None)
            held.finish(outcomes)
        assert states(ledger) == ["waiting" if stopped else "complete", "running", "waiting"]
        assert len([said for said in trainer.listener.said if "took this trial over" in said]) == 1


def test_a_stop_by_the_user_gives_back_and_goes_on_to_the_user(ledger: Ledger) -> None:
    (one,) = trials(1)
    trainer = Pretend(ledger, lambda trial: TrainingStopped(7))
    with pytest.raises(TrainingStopped) as stopped:
        trainer.run([one])
    assert stopped.value.step == 7
    assert (ledger.trials()[0].state, ledger.trials()[0].attempts) == ("waiting", 0)


def test_a_stop_while_the_test_split_is_evaluated_keeps_neither_and_the_checkpoint(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Result and evaluation are one record; the training is not lost, its last checkpoint is kept."""
    (one,) = trials(1)

    class Stopped(Pretend):
        def _extras(self, *given: object, **more: object) -> list[list[object]]:
            raise TrainingStopped(None)

    trainer = Stopped(ledger, checkpoints=tmp_path / "kept")
    kept = tmp_path / "kept" / trainer.row(one).key
    kept.mkdir(parents=True)
    with pytest.raises(TrainingStopped):
        trainer.run([one], extras=Extras(test=images()))
    assert states(ledger) == ["waiting"] and not ledger.evaluations()
    assert kept.exists()


def test_checkpoints_of_what_is_over_are_removed_and_only_those(ledger: Ledger, tmp_path: Path) -> None:
    """A kill between the record and the removal leaves some."""
    first, second = trials(2)
    trainer = Pretend(ledger)
    assert trainer.run([first])
    again = Pretend(ledger, checkpoints=tmp_path)
    left, going_on = (tmp_path / trainer.row(trial).key for trial in (first, second))
    for folder in (left, going_on):
        folder.mkdir()
    again.claims.tidy([left.name, going_on.name])
    assert (left.exists(), going_on.exists()) == (False, True)
    again.run([second])
    assert not going_on.exists()


def test_checkpoints_lie_beside_the_ledgers_file(ledger: Ledger, tmp_path: Path) -> None:
    assert checkpoint_folder(ledger) == tmp_path / "l.db.checkpoints"


def test_a_finished_trial_is_taken_in_hand_again_only_to_measure_more(ledger: Ledger) -> None:
    (one,) = trials(1)
    trainer = Pretend(ledger)
    trainer.run([one])
    before = ledger.trials(with_correct=True)
    key = before[0].key
    assert trainer.run([one]) == 0
    assert trainer.claims.incomplete([key], there=()) == [key]
    assert trainer.run([one], extras=Extras(test=images()), again=True) == 1
    assert ledger.trials(with_correct=True) == before
    assert len(ledger.evaluations()) == 1
    assert trainer.claims.incomplete([key], there=()) == []


def test_what_cannot_be_measured_again_is_tried_once(ledger: Ledger) -> None:
    (one,) = trials(1)
    Pretend(ledger).run([one])
    trainer = Pretend(ledger, lambda trial: OutOfMemory("no room", predicted_bytes=None))
    assert trainer.run([one], extras=Extras(test=images()), again=True) == 1
    key = trainer.row(one).key
    assert trainer.claims.incomplete([key], there=()) == []
    assert ledger.trials()[0].state == "complete"
    assert any(said.startswith(f"trial {key[:12]}: no room") for said in trainer.listener.said)
    assert ledger.claim_finished(ledger.trials()[0]) is not None, "given back"


def test_writing_late_is_an_error_to_who_holds(ledger: Ledger) -> None:
    (one,) = trials(1)
    trainer = Pretend(ledger)
    with trainer.claims.hold([(trainer.row(one), one)], needed=0) as held:
        outcomes = trainer._train(held, None, batched=False)
        stand_still(ledger, trainer, one)
        with pytest.raises(LeaseLost):
            held.finish(outcomes)
        with pytest.raises(LeaseLost):
            held.saved()
        assert not held.finished
