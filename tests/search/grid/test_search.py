"""`grid` from plan to answer: order, races, kills, failures, and who is ranked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.cli.progress import ProgressBar
from scaling_search.data import catalog
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.schema import DECISIONS, LOOKS, STUDIES
from scaling_search.search.family.scale import scale
from scaling_search.search.grid.ledger_results import read_grid
from scaling_search.search.grid.search import grid
from scaling_search.search.plan.study import Study
from scaling_search.search.tables import grid_table
from scaling_search.search.trial.trial import Trial
from scaling_search.training.outcome import OutOfMemory, TrainingStopped
from tests.search.pretend import Learns, Listener, planned, pretended, searched, study

BASE = planned().base.fingerprint
BASE_SEEDS = 3


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def groups(settings: Study) -> list[str]:
    return [one.group for one in planned(settings).candidates]


def by_network(values: dict[str, Any], otherwise: Any) -> Learns:
    return lambda trial: values.get(fingerprint(trial.network), otherwise)


def decided(ledger: Ledger) -> list[object]:
    """Looks and decisions, without their dates."""
    looks = [dataclasses.replace(row, created_at="") for row in ledger.rows(LOOKS, study="s")]
    return [*looks, *ledger.rows(DECISIONS, study="s")]


def test_the_base_then_a_seed_goes_round_before_the_next_and_nothing_is_trained_twice(ledger: Ledger) -> None:
    settings, listener = study(racing=False, seeds=2), Listener()
    keys = groups(settings)
    assert searched(ledger, settings, listener=listener).trained == 2 * len(keys) + 2
    assert listener.begun == [
        *((BASE, seed) for seed in range(2)),
        *((key, seed) for seed in range(2) for key in keys),
    ]
    again = Listener()
    assert searched(ledger, settings, listener=again).trained == 0
    assert again.begun == []
    assert searched(ledger, study(racing=False)).trained == len(keys) + 1


def test_a_wider_grid_trains_what_it_adds_and_a_narrower_one_leaves_the_report(ledger: Ledger) -> None:
    narrow, wide = study(racing=False, alpha="1,2"), study(racing=False)
    first = searched(ledger, narrow)
    added = set(groups(wide)) - set(groups(narrow))
    assert added
    assert searched(ledger, wide).trained == 3 * len(added)
    again = searched(ledger, narrow)
    assert again.trained == 0
    assert {one.group for one in again.found.candidates} == set(groups(wide))
    assert {one.group for one in first.found.candidates} == set(groups(narrow))


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
    assert found.trained == 3 * len(groups(settings)) + BASE_SEEDS - 2
    assert all((row.state, row.attempts) == ("complete", 1) for row in ledger.trials())


def test_a_time_limit_ends_a_search_with_what_there_is(ledger: Ledger) -> None:
    listener = Listener()
    found = searched(ledger, study(racing=False), listener=listener, time_limit=1e-9)
    assert (found.trained, found.winner) == (0, None)
    assert "the time limit is reached; the same command goes on from here" in listener.said
    assert listener.results == [found]
    assert {row.state for row in ledger.trials()} == {"waiting"}
    assert searched(ledger, study(racing=False)).winner is not None


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
    assert found.scores is not None and found.behind is not None and found.winner is not None
    assert bad not in found.scores.names
    assert bad not in (*found.behind.names, found.winner.group)
    assert grid_table.record(result)["diverged"] == 1
    (row,) = [row for row in result.report.rows if row.candidate.fingerprint == bad]
    assert row.verdict == "diverged"


@pytest.mark.parametrize("racing", [True, False])
@pytest.mark.parametrize("outcome", [None, OutOfMemory("no room", predicted_bytes=None)])
def test_nothing_to_rank_is_no_crash(ledger: Ledger, racing: bool, outcome: BaseException | None) -> None:
    settings = study(racing=racing)
    result = searched(ledger, settings, lambda trial: outcome)
    said = grid_table.record(result)
    assert said["winner"] is None
    assert said["confidence_set"] == []
    assert result.winner is None and not result.decided and result.behind_the_best is None
    assert result.answer.startswith("No winner: ")
    assert len(result.report.rows) == len(groups(settings))


def test_racing_stops_the_hopeless_and_a_killed_race_decides_the_same(tmp_path: Path) -> None:
    settings = study(seeds=6)
    best = groups(settings)[2]
    learns = by_network({best: 0.95}, 0.3)
    with Ledger.open(tmp_path / "whole.db") as ledger:
        whole = searched(ledger, settings, learns)
        decisions = decided(ledger)
    assert whole.trained < 6 * len(groups(settings))
    assert whole.decided and whole.winner is not None
    assert whole.found.winner is not None and whole.found.winner.group == best
    assert {row.verdict for row in decisions if hasattr(row, "verdict")} == {"continues", "eliminated"}

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
        assert found.found.decision == whole.found.decision


def test_exhaustive_gives_every_seed_to_everybody_and_looks_once(ledger: Ledger) -> None:
    settings = study(racing=False)
    keys = groups(settings)
    found = searched(ledger, settings, by_network({keys[0]: 0.95}, 0.3))
    assert found.trained == 3 * len(keys) + BASE_SEEDS
    assert [look.round for look in ledger.rows(LOOKS, study="s")] == [3]
    assert found.found.winner is not None
    assert found.found.winner.group == keys[0]


def test_a_search_goes_on_until_it_is_decided_where_that_is_asked_for(ledger: Ledger) -> None:
    settings = study(seeds=1)
    best = groups(settings)[2]
    learns = by_network({best: 0.95}, 0.3)
    assert not searched(ledger, settings, learns).decided
    assert searched(ledger, settings, learns, until_decided=True).decided


def test_several_phi_are_compared_together_and_a_search_at_one_is_another_study(ledger: Ledger) -> None:
    both = study(phi="1,2", macs_tolerance=0.3)
    better = dict.fromkeys((row.fingerprint for row in planned(both).candidates[0].builds), 0.95)
    learns = by_network(better, 0.3)
    found = searched(ledger, both, learns)
    assert found.found.winner is not None
    assert found.found.winner.group == groups(both)[0]
    assert {one.group for one in found.found.candidates} == set(groups(both))
    one = study(phi="1", macs_tolerance=0.3)
    alone = searched(ledger, one.model_copy(update={"name": "t"}), learns)
    assert {each.group for each in alone.found.candidates} == set(groups(one))
    assert [row.name for row in ledger.rows(STUDIES)] == ["s", "t"]
    # And the first one's answer stands.
    assert read_grid(ledger, found.study)[1].decision == found.found.decision


def test_a_network_that_candidates_share_is_trained_once_and_each_is_reported_by_itself(
    ledger: Ledger,
) -> None:
    settings = study(phi="1,2", match="nominal", alpha="1:2:0.1", tolerance=0.2, seeds=3, racing=False)
    plan = planned(settings)
    rows = [row.fingerprint for one in plan.candidates for row in one.builds]
    shared = {row for row in rows if rows.count(row) > 1}
    assert shared
    best = plan.candidates[0].builds[1].fingerprint
    result = searched(ledger, settings, by_network({best: 0.9}, 0.5))
    assert result.trained == 3 * len(set(rows)) + BASE_SEEDS
    winner = result.found.winner
    assert winner is not None and best in {row.network for row in winner.rows}
    verdicts = {(row.candidate.group, row.candidate.fingerprint): row.verdict for row in result.report.rows}
    assert len(verdicts) == len(rows)
    for one in result.found.candidates:
        assert len({verdicts[one.group, row.network] for row in one.rows}) == 1
    named = [group for (group, _), verdict in verdicts.items() if verdict in ("winner", "leading")]
    assert set(named) == {winner.group}


def test_the_answer_comes_first_and_its_command_names_study_and_ledger(
    ledger: Ledger, tmp_path: Path
) -> None:
    result = searched(ledger, study(seeds=6), by_network({groups(study())[2]: 0.95}, 0.3))
    first, second, third = result.answer.splitlines()
    assert result.winner is not None and first.startswith(f"{result.winner} wins: depth × ")
    assert " above the base" in first
    assert second.startswith("Decided: ")
    assert f"`scaling-search scale --study s --ledger {tmp_path / 'l.db'}`" in third


def test_grid_never_opens_the_test_split(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("the test split was opened")

    monkeypatch.setattr(catalog, "load_test", opened)
    assert searched(ledger).winner is not None
    assert not ledger.evaluations()


def test_what_the_ledger_has_already_counts_as_done(tmp_path: Path) -> None:
    class Counting(Listener):
        done = 0

        def known(self, trials: int) -> None:
            self.done += trials

    first, again = Counting(), Counting()
    with Ledger.open(tmp_path / "known.db") as ledger:
        searched(ledger, study(racing=False), listener=first)
        searched(ledger, study(racing=False), listener=again)
    assert (first.done, len(first.ended)) == (0, first.expected[0])
    assert (again.done, len(again.ended)) == (again.expected[0], 0)


def test_trials_that_a_family_has_of_the_same_networks_are_none_of_the_searchs(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    """They were counted as known: "9 of 8" and "13 of 12" were printed."""
    settings = study(racing=False, seeds=2, alpha="1,2")
    searched(ledger, settings)
    winner = planned(settings).candidates[0].triple
    with pretended():
        scale(settings.override({"scale.seeds": 1}), winner, ledger=ledger, phi=(0, 1))
        bars = ProgressBar()
        grid(settings.override({"grid.seeds": 3}), ledger=ledger, callbacks=(bars,))
    every = 3 * len(planned(settings).candidates) + 3
    assert (bars.done, bars.total) == (every, every)
    assert f"{every} of {every}, " in capsys.readouterr().err
