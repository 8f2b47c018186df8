"""`grid` from plan to answer: order, races, kills, failures, and who is ranked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.data import catalog
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import DecisionRow
from scaling_search.ledger.storage.schema import DECISIONS, LOOKS, STUDIES
from scaling_search.search.grid.ledger_results import read_grid
from scaling_search.search.grid.report import report_of
from scaling_search.search.plan.study import Study
from scaling_search.search.tables import grid_table
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from tests.search.pretend import Learns, Listener, planned, searched, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def groups(settings: Study) -> list[str]:
    return [one.group for one in planned(settings).candidates]


def by_network(values: dict[str, Any], otherwise: Any) -> Learns:
    return lambda trial: values.get(fingerprint(trial.network), otherwise)


def decided(ledger: Ledger) -> list[DecisionRow]:
    return ledger.rows(DECISIONS, study="s")


def test_a_seed_goes_round_before_the_next_and_nothing_is_trained_twice(ledger: Ledger) -> None:
    settings, listener = study(racing=False, seeds=2), Listener()
    keys = groups(settings)
    assert searched(ledger, settings, listener=listener).trained == 2 * len(keys)
    assert listener.begun == [(key, seed) for seed in range(2) for key in keys]
    again = Listener()
    assert searched(ledger, settings, listener=again).trained == 0
    assert again.begun == []
    assert searched(ledger, study(racing=False)).trained == len(keys)


def test_a_wider_grid_trains_what_it_adds_and_a_narrower_one_leaves_the_report(ledger: Ledger) -> None:
    narrow, wide = study(racing=False, alpha="1,2"), study(racing=False)
    first = searched(ledger, narrow)
    added = set(groups(wide)) - set(groups(narrow))
    assert added
    assert searched(ledger, wide).trained == 3 * len(added)
    again = searched(ledger, narrow)
    assert again.trained == 0
    assert (
        {one.group for one in again.found.candidates}
        == set(groups(wide))
        > {one.group for one in first.found.candidates}
    )


def test_a_stopped_trial_is_given_back_and_continues(ledger: Ledger) -> None:
    settings = study(racing=False)
    done: list[int] = []

    def stops(trial: Trial) -> float | BaseException:
        done.append(trial.seed)
        return TrainingStopped(3) if len(done) == 3 else 0.5

    with pytest.raises(TrainingStopped):
        searched(ledger, settings, stops)
    assert [row.state for row in ledger.trials() if row.state != "waiting"] == ["complete", "complete"]
    found = searched(ledger, settings)
    assert found.trained == 3 * len(groups(settings)) - 2
    assert all((row.state, row.attempts) == ("complete", 1) for row in found.trials)


def test_a_failed_trial_is_recorded_others_go_on_and_it_is_tried_again_when_asked(ledger: Ledger) -> None:
    settings = study()
    (bad, *others) = groups(settings)
    fails = by_network({bad: OutOfMemory("no room", predicted_bytes=2**30)}, 0.5)
    found = searched(ledger, settings, fails)
    (row,) = [row for row in found.trials if row.state == "failed"]
    assert row.failure is not None
    assert row.failure.startswith("no room (it needs 1.00 GiB")
    assert found.found.scores is not None
    assert set(found.found.scores.names) == set(others)
    assert grid_table.record(found)["failed"] == 1

    assert searched(ledger, settings).trained == 0
    again = Listener()
    searched(ledger, settings, fails, retry_failed=True, listener=again)
    assert again.begun == [(bad, 0)]
    found = searched(ledger, settings, retry_failed=True)
    assert found.found.scores is not None
    assert bad in found.found.scores.names
    assert not [row for row in found.trials if row.state == "failed"]


def test_a_diverged_candidate_is_never_ranked(ledger: Ledger) -> None:
    settings = study(racing=False)
    bad = groups(settings)[0]

    def diverges_late(trial: Trial) -> float | None:
        best = fingerprint(trial.network) == bad
        return None if best and trial.seed == 1 else 0.9 if best else 0.5

    result = searched(ledger, settings, diverges_late)
    found = result.found
    assert found.scores is not None and found.choice is not None and found.members is not None
    assert bad not in found.scores.names
    assert bad not in (*found.members.names, found.choice.winner)
    assert grid_table.record(result)["diverged"] == 1


@pytest.mark.parametrize("racing", [True, False])
@pytest.mark.parametrize("outcome", [None, OutOfMemory("no room", predicted_bytes=None)])
def test_nothing_to_rank_is_no_crash(ledger: Ledger, racing: bool, outcome: BaseException | None) -> None:
    settings = study(racing=racing)
    result = searched(ledger, settings, lambda trial: outcome)
    said = grid_table.record(result)
    assert said["winner"] is None
    assert said["confidence_set"] == said["grid"] == []
    report = report_of(ledger, result.study, result.trials, result.found)
    assert len(report.rows) == len(groups(settings))


def test_racing_stops_the_hopeless_and_a_killed_race_decides_the_same(tmp_path: Path) -> None:
    settings = study(seeds=4)
    best = groups(settings)[2]
    learns = by_network({best: 0.95}, 0.3)
    with Ledger.open(tmp_path / "whole.db") as ledger:
        whole = searched(ledger, settings, learns)
        decisions = decided(ledger)
        looks = [dataclasses.replace(row, created_at="") for row in ledger.rows(LOOKS, study="s")]
    assert whole.trained < 4 * len(groups(settings))
    assert whole.found.choice is not None
    assert (whole.found.choice.winner, whole.found.choice.tied) == (best, ())
    assert {row.verdict for row in decisions} == {"continues", "eliminated"}
    assert [row.round for row in looks] == sorted({row.round for row in decisions})

    with Ledger.open(tmp_path / "killed.db") as ledger:
        trained = 0
        while True:
            left = [2]

            def killed(trial: Trial, left: list[int] = left) -> float | BaseException | None:
                left[0] -= 1
                return learns(trial) if left[0] >= 0 else TrainingStopped(None)

            try:
                found = searched(ledger, settings, killed)
            except TrainingStopped:
                trained += 2
                continue
            trained += found.trained
            break
        assert trained == whole.trained
        assert decided(ledger) == decisions
        assert [dataclasses.replace(row, created_at="") for row in ledger.rows(LOOKS, study="s")] == looks
        assert found.found.choice == whole.found.choice


def test_exhaustive_gives_every_seed_to_everybody(ledger: Ledger) -> None:
    settings = study(racing=False)
    keys = groups(settings)
    found = searched(ledger, settings, by_network({keys[0]: 0.95}, 0.3))
    assert found.trained == 3 * len(keys)
    assert not decided(ledger) and not ledger.rows(LOOKS)
    assert found.found.choice is not None
    assert found.found.choice.winner == keys[0]


def test_several_phi_are_compared_together_and_a_search_at_one_is_another_study(ledger: Ledger) -> None:
    both = study(phi="1,2", macs_tolerance=0.3)
    better = dict.fromkeys((row.fingerprint for row in planned(both).candidates[0].builds), 0.95)
    learns = by_network(better, 0.3)
    found = searched(ledger, both, learns)
    assert found.found.choice is not None
    assert found.found.choice.winner == groups(both)[0]
    assert {one.group for one in found.found.candidates} == set(groups(both))
    one = study(phi="1", macs_tolerance=0.3)
    alone = searched(ledger, one.model_copy(update={"name": "t"}), learns)
    assert {each.group for each in alone.found.candidates} == set(groups(one))
    assert [row.name for row in ledger.rows(STUDIES)] == ["s", "t"]
    # And the first one's answer stands.
    assert read_grid(ledger, found.study)[1].choice == found.found.choice


def test_a_network_that_candidates_share_is_trained_once_and_each_is_reported_by_itself(
    ledger: Ledger,
) -> None:
    settings = study(phi="1,2", match="nominal", alpha="1:2:0.1", tolerance=0.2, seeds=2, racing=False)
    plan = planned(settings)
    rows = [row.fingerprint for one in plan.candidates for row in one.builds]
    shared = {row for row in rows if rows.count(row) > 1}
    assert shared
    best = plan.candidates[0].builds[1].fingerprint
    result = searched(ledger, settings, by_network({best: 0.9}, 0.5))
    assert result.trained == 2 * len(set(rows))
    winner = result.found.candidate(result.found.choice.winner)  # type: ignore[union-attr]
    assert best in {row.network for row in winner.rows}
    report = report_of(ledger, result.study, result.trials, result.found)
    verdicts = {(row.candidate.group, row.candidate.fingerprint): row.verdict for row in report.rows}
    assert len(verdicts) == len(rows)
    for one in result.found.candidates:
        assert len({verdicts[one.group, row.network] for row in one.rows}) == 1
    assert {group for (group, _), verdict in verdicts.items() if verdict == "winner"} == {winner.group}


def test_grid_never_opens_the_test_split(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the test split was opened")

    monkeypatch.setattr(catalog, "load_test", opened)
    found = searched(ledger)
    assert found.found.choice is not None
    assert not ledger.evaluations()
