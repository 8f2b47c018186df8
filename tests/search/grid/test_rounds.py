"""Who trains what, in which order, and what a search does with trials that stop, fail or diverge."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.data import catalog
from scaling_search.ledger.claims.leases import LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.grid import rounds, search
from scaling_search.search.grid.ledger_results import read_grid
from scaling_search.search.grid.race_driver import Race
from scaling_search.search.grid.search import GridOutcome
from scaling_search.search.plan.contenders import Contender, contenders
from scaling_search.search.plan.grid_plan import plan
from scaling_search.search.plan.study import Study
from scaling_search.search.tables import grid_table
from scaling_search.search.trial.scheduler import trial_of
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from tests.search.pretend import Learns, Pretend, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def searched(monkeypatch: pytest.MonkeyPatch, settings: Study, trainer: Pretend) -> GridOutcome:
    """`grid` with a trainer that pretends."""
    monkeypatch.setattr(search, "make_trainer", lambda *_, **__: trainer)
    return search.grid(
        settings, trainer.ledger, callback=trainer.listener, should_stop=lambda: False, checkpoints=None
    )


def field(settings: Study) -> list[Contender]:
    return contenders(plan(settings).plans)


def by_network(values: dict[str, Any], otherwise: Any) -> Learns:
    return lambda trial: values.get(fingerprint(trial.network), otherwise)


def test_a_seed_goes_round_before_the_next_and_nothing_is_trained_twice(ledger: Ledger) -> None:
    settings = study()
    runners = field(settings)
    trainer = Pretend(ledger)
    assert rounds.run(trainer, runners, range(2), lambda racing: racing) == 2 * len(runners)
    keys = [runner.key for runner in runners]
    assert trainer.listener.begun == [(key, seed) for seed in range(2) for key in keys]
    assert rounds.run(Pretend(ledger), runners, range(2), lambda racing: racing) == 0
    assert rounds.run(Pretend(ledger), runners, range(3), lambda racing: racing) == len(runners)


def test_who_is_out_gets_no_further_seed(ledger: Ledger) -> None:
    runners = field(study())
    trainer = Pretend(ledger)
    rounds.run(trainer, runners, range(3), lambda racing: racing[:2] if len(racing) > 2 else ())
    assert [len([s for _, s in trainer.listener.begun if s == seed]) for seed in range(3)] == [
        len(runners),
        2,
        0,
    ]


def test_a_network_of_two_contenders_is_trained_once(ledger: Ledger) -> None:
    runners = field(study())
    shared, other = runners[0].members[0], runners[1].members[0]
    pair = [Contender(key="a", members=(shared, other)), Contender(key="b", members=(shared,))]
    assert rounds.run(Pretend(ledger), pair, range(1), lambda racing: racing) == 2


def test_what_others_hold_is_waited_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    runners = field(study())[:2]
    trainer = Pretend(ledger)
    held = ledger.claim(trainer.row(trial_of(runners[0].members[0], 0)), "other")
    assert held is not None

    def until_released(_: float) -> None:
        assert [key for key, _ in trainer.listener.begun] == [runners[1].key]
        ledger.release(held)

    monkeypatch.setattr("time.sleep", until_released)
    assert rounds.run(trainer, runners, range(1), lambda racing: racing) == 2
    assert [key for key, _ in trainer.listener.begun] == [runners[1].key, runners[0].key]


def test_a_stop_while_waiting_for_others(ledger: Ledger) -> None:
    runners = field(study())[:1]
    trainer = Pretend(ledger, should_stop=lambda: True)
    assert ledger.claim(trainer.row(trial_of(runners[0].members[0], 0)), "other") is not None
    with pytest.raises(TrainingStopped):
        rounds.run(trainer, runners, range(1), lambda racing: racing)


def test_a_dead_workers_trial_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time = [0.0]
    monkeypatch.setattr("time.sleep", lambda seconds: time.__setitem__(0, time[0] + 30))
    with Ledger.open(tmp_path / "l.db", clock=lambda: time[0]) as ledger:
        runners = field(study())[:1]
        trainer = Pretend(ledger)
        assert ledger.claim(trainer.row(trial_of(runners[0].members[0], 0)), "other") is not None
        assert rounds.run(trainer, runners, range(1), lambda racing: racing) == 1
    assert time[0] > 60


def test_a_stopped_trial_is_given_back_and_continues(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = study(racing=False)
    done: list[int] = []

    def stops(trial: Trial) -> float | BaseException:
        done.append(trial.seed)
        return TrainingStopped(3) if len(done) == 3 else 0.5

    with pytest.raises(TrainingStopped):
        searched(monkeypatch, settings, Pretend(ledger, stops))
    assert [row.state for row in ledger.trials() if row.state != "waiting"] == ["complete", "complete"]
    found = searched(monkeypatch, settings, Pretend(ledger))
    assert found.trained == 3 * len(field(settings)) - 2
    assert all((row.state, row.attempts) == ("complete", 1) for row in found.trials)


def test_a_failed_trial_is_recorded_others_go_on_and_it_is_tried_again_when_asked(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = study()
    (bad, *others) = [runner.key for runner in field(settings)]
    fails = by_network({bad: OutOfMemory("no room", predicted_bytes=2**30)}, 0.5)
    found = searched(monkeypatch, settings, Pretend(ledger, fails))
    (row,) = [row for row in found.trials if row.state == "failed"]
    assert row.failure is not None
    assert row.failure.startswith("no room (it needs 1.00 GiB")
    assert found.found.scores is not None
    assert set(found.found.scores.names) == set(others)
    assert grid_table.record(settings, found)["failed"] == 1

    assert searched(monkeypatch, settings, Pretend(ledger)).trained == 0
    again = Pretend(ledger, fails, retry_failed=True)
    searched(monkeypatch, settings, again)
    assert again.listener.begun == [(bad, 0)]
    found = searched(monkeypatch, settings, Pretend(ledger, retry_failed=True))
    assert found.found.scores is not None
    assert bad in found.found.scores.names
    assert not [row for row in found.trials if row.state == "failed"]


def test_a_trial_that_was_taken_over_is_the_other_workers(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise LeaseLost("taken over")

    one = trial_of(field(study())[0].members[0], 0)
    trainer = Pretend(ledger)
    monkeypatch.setattr(ledger, "finish", lost)
    assert trainer.run(one)
    assert ledger.trials([trainer.row(one).key])[0].state == "running"
    assert any("took this trial over" in said for said in trainer.listener.said)


def test_a_diverged_candidate_is_never_ranked(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = study(racing=False)
    bad = field(settings)[0].key

    def diverges_late(trial: Trial) -> float | None:
        best = fingerprint(trial.network) == bad
        return None if best and trial.seed == 1 else 0.9 if best else 0.5

    found = searched(monkeypatch, settings, Pretend(ledger, diverges_late))
    assert (
        found.found.scores is not None and found.found.choice is not None and found.found.members is not None
    )
    assert bad not in found.found.scores.names
    assert bad not in (*found.found.members.names, found.found.choice.winner)
    assert grid_table.record(settings, found)["diverged"] == 1


@pytest.mark.parametrize("racing", [True, False])
@pytest.mark.parametrize("outcome", [None, OutOfMemory("no room", predicted_bytes=None)])
def test_nothing_to_rank_is_no_crash(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, racing: bool, outcome: BaseException | None
) -> None:
    settings = study(racing=racing)
    found = searched(monkeypatch, settings, Pretend(ledger, lambda trial: outcome))
    said = grid_table.record(settings, found)
    assert said["winner"] is None
    assert said["confidence_set"] == said["grid"] == []
    report = grid_table.report_of(ledger, settings, found.trials, found.found)
    assert len(report.rows) >= len(field(settings))


def test_racing_stops_the_hopeless_and_a_killed_race_decides_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = study(seeds=4)
    best = field(settings)[2].key
    learns = by_network({best: 0.95}, 0.3)
    with Ledger.open(tmp_path / "whole.db") as ledger:
        whole = searched(monkeypatch, settings, Pretend(ledger, learns))
        decided = [dataclasses.replace(row, created_at="") for row in ledger.decisions("s") if row.round > 0]
    assert whole.trained < 4 * len(field(settings))
    assert whole.found.choice is not None
    assert (whole.found.choice.winner, whole.found.choice.tied) == (best, ())
    assert {row.verdict for row in decided} == {"goes on", "eliminated"}

    with Ledger.open(tmp_path / "killed.db") as ledger:
        trained = 0
        while True:
            left = [2]

            def killed(trial: Trial, left: list[int] = left) -> float | BaseException | None:
                left[0] -= 1
                return learns(trial) if left[0] >= 0 else TrainingStopped(None)

            trainer = Pretend(ledger, killed)
            try:
                found = searched(monkeypatch, settings, trainer)
            except TrainingStopped:
                trained += 2
                continue
            trained += found.trained
            break
        assert trained == whole.trained
        assert [
            dataclasses.replace(row, created_at="") for row in ledger.decisions("s") if row.round > 0
        ] == decided
        assert found.found.choice == whole.found.choice


def test_exhaustive_gives_every_seed_to_everybody(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = study(racing=False)
    runners = field(settings)
    found = searched(monkeypatch, settings, Pretend(ledger, by_network({runners[0].key: 0.95}, 0.3)))
    assert found.trained == 3 * len(runners)
    assert not [row for row in ledger.decisions("s") if row.round > 0]
    assert found.found.choice is not None
    assert found.found.choice.winner == runners[0].key


def test_several_phi_are_judged_together_and_a_later_search_at_one_is_its_own(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = study(phi="1,2", macs_tolerance=0.3)
    runners = field(both)
    better = {member.fingerprint: 0.95 for member in runners[0].members}
    found = searched(monkeypatch, both, Pretend(ledger, by_network(better, 0.3)))
    assert found.found.choice is not None and found.found.scores is not None
    assert found.found.choice.winner == runners[0].key
    assert {rival.key for rival in found.found.rivals} == {runner.key for runner in runners}
    one = study(phi="1", macs_tolerance=0.3)
    found = searched(monkeypatch, one, Pretend(ledger, by_network(better, 0.3)))
    assert {rival.key for rival in found.found.rivals} == {runner.key for runner in field(one)}
    assert read_grid(ledger, one)[1].choice == found.found.choice


def test_a_race_has_nothing_to_decide_before_a_result(ledger: Ledger) -> None:
    assert Race(study(), ledger).after_round(["a"]) == ()
    assert Race(study(racing=False), ledger).after_round(["a"]) == ["a"]


def test_grid_never_opens_the_test_split(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the test split was opened")

    monkeypatch.setattr(catalog, "load_test", opened)
    found = searched(monkeypatch, study(), Pretend(ledger))
    assert found.found.choice is not None
    assert not ledger.evaluations()
