"""Who may begin a trial, who may write its result, and when a worker counts as dead."""

from __future__ import annotations

import dataclasses
import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scaling_search.ledger.claims import leases
from scaling_search.ledger.claims.leases import Claim, LeaseLost
from scaling_search.ledger.claims.process import Process, is_gone, this_process
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.rows import Result, TrialRow
from scaling_search.ledger.storage.schema import LEASES

Make = Callable[[int], TrialRow]
DONE = Result(state="complete", accuracy=0.5)

CLAIM_AND_WAIT = """
import sys
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
with Ledger.open(sys.argv[1]) as ledger:
    known = {"network": "f" * 64, "network_name": "n", "recipe": "{}", "dataset": "d" * 64, "dataset_name": "digits"}
    assert ledger.claim(TrialRow.waiting(**known, seed=0), "victim")
    print("claimed", flush=True)
    sys.stdin.read()
"""


def claimed(ledger: Ledger, row: TrialRow, worker: str = "w") -> Claim:
    claim = ledger.claim(row, worker)
    assert claim is not None
    return claim


def elsewhere(ledger: Ledger, claim: Claim) -> None:
    """Make a lease look as if another machine held it."""
    with ledger.database.writing() as connection:
        lease = leases.held(connection, claim).row
        store.put(connection, LEASES, [dataclasses.replace(lease, host="another", pid=1)])


def test_one_holder_at_a_time(ledger: Ledger, location: str, trial: Make) -> None:
    claim = claimed(ledger, trial(0))
    with Ledger.open(location) as other:
        assert other.claim(trial(0)) is None
        assert other.claim(trial(1)) is not None
    assert (claim.number, claim.trial.state, claim.trial.attempts) == (1, "running", 1)


def test_a_finished_row_never_changes(ledger: Ledger, trial: Make) -> None:
    claim = claimed(ledger, trial(0))
    ledger.finish(claim, DONE)
    before = ledger.trials()
    ledger.finish(
        claim, Result(state="complete", accuracy=0.9)
    )  # the answer to the first call may have been lost
    for write in (
        lambda: ledger.fail(claim, "late"),
        lambda: ledger.release(claim),
        lambda: ledger.renew(claim),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert ledger.claim(trial(0)) is None
    assert ledger.claim(trial(0), retry_failed=True) is None
    ledger.add_trials([trial(0)])
    assert ledger.trials() == before


def test_a_late_worker_is_refused(ledger: Ledger, trial: Make) -> None:
    late = claimed(ledger, trial(0), "late")
    ledger.release(late)
    newer = claimed(ledger, trial(0), "newer")
    assert newer.number == late.number + 1
    for write in (
        lambda: ledger.finish(late, DONE),
        lambda: ledger.fail(late, "no"),
        lambda: ledger.release(late),
        lambda: ledger.renew(late, checkpoint=True),
    ):
        with pytest.raises(LeaseLost, match=r"lease 1 of late has ended; held by newer \(lease 2\)"):
            write()
    ledger.finish(newer, DONE)
    with pytest.raises(LeaseLost):
        ledger.finish(late, Result(state="complete", accuracy=0.9))
    assert ledger.trials()[0].accuracy == 0.5


def test_failures_of_the_machine_are_retried_three_times(ledger: Ledger, trial: Make) -> None:
    for attempt in (1, 2, 3):
        claim = claimed(ledger, trial(0))
        assert claim.trial.attempts == attempt
        ledger.fail(claim, "the disk went away", retry=True)
    (row,) = ledger.trials()
    assert (row.state, row.attempts, row.failure) == ("failed", 3, "the disk went away")
    assert ledger.claim(trial(0)) is None


def test_other_failures_are_not_retried_unasked(ledger: Ledger, trial: Make) -> None:
    ledger.fail(claimed(ledger, trial(0)), "out of memory \0 \ud800")
    assert ledger.trials()[0].failure == "out of memory \\x00 \\ud800"
    assert ledger.claim(trial(0)) is None
    again = ledger.claim(trial(0), retry_failed=True)
    assert again is not None
    assert (again.trial.attempts, again.trial.failure) == (1, None)


def test_a_stop_by_the_user_is_no_attempt(ledger: Ledger, trial: Make) -> None:
    for _ in range(5):
        claim = claimed(ledger, trial(0))
        assert claim.trial.attempts == 1
        ledger.release(claim)


def test_a_checkpoint_makes_earlier_attempts_forgotten(ledger: Ledger, trial: Make) -> None:
    for _ in range(2):
        ledger.fail(claimed(ledger, trial(0)), "power cut", retry=True)
    claim = claimed(ledger, trial(0))
    ledger.renew(claim, checkpoint=True)
    ledger.fail(claim, "power cut", retry=True)
    assert claimed(ledger, trial(0)).trial.attempts == 2


def test_a_killed_process_is_replaced_at_once(ledger: Ledger, location: str, trial: Make) -> None:
    for attempt in (1, 2, 3):
        worker = subprocess.Popen(
            [sys.executable, "-c", CLAIM_AND_WAIT, location], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert worker.stdin is not None and worker.stdout is not None
        assert worker.stdout.readline() == b"claimed\n"
        assert ledger.claim(trial(0)) is None
        worker.kill()
        if attempt < 3:  # after the third it is still a zombie when judged
            worker.wait()
        else:
            time.sleep(0.2)
        if attempt == 2:
            ledger.release(claimed(ledger, trial(0)))  # counts the two dead ones, not itself
            assert ledger.trials()[0].attempts == 2
        if attempt == 3:
            assert ledger.claim(trial(0)) is None
        worker.stdin.close()
        worker.stdout.close()
        worker.wait()
    (row,) = ledger.trials()
    assert row.state == "failed"
    assert row.failure == "begun 3 times without reaching a checkpoint; its last worker (victim) vanished"


def test_another_machine_is_judged_by_its_heartbeat_alone(path: Path, trial: Make) -> None:
    """By how long this process has seen the heartbeat stand still: no wall clock takes part."""
    now = 1000.0
    with Ledger.open(path) as worker, Ledger.open(path, clock=lambda: now, lease_seconds=60) as watcher:
        claim = claimed(worker, trial(0), "far")
        elsewhere(worker, claim)
        assert watcher.claim(trial(0)) is None  # first seen now, however old it is
        now += 59
        assert watcher.claim(trial(0)) is None
        worker.renew(claim)
        now += 59
        assert watcher.claim(trial(0)) is None
        now += 61
        taken = watcher.claim(trial(0))
        assert taken is not None
        assert (taken.number, taken.trial.attempts) == (2, 2)
        with pytest.raises(LeaseLost):
            worker.finish(claim, DONE)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wall_clock_that_jumps_changes_nothing(
    path: Path, trial: Make, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    real = time.time
    with Ledger.open(path) as worker, Ledger.open(path) as watcher:
        claim = claimed(worker, trial(0))
        elsewhere(worker, claim)
        assert watcher.claim(trial(0)) is None
        monkeypatch.setattr(time, "time", lambda: real() + 3600 * hours)
        assert watcher.claim(trial(0)) is None
        worker.renew(claim)
        worker.finish(claim, DONE)
        assert watcher.trials()[0].state == "complete"


@pytest.mark.postgresql
@pytest.mark.parametrize("location", ["postgresql"], indirect=True)
def test_a_server_judges_by_its_own_clock(location: str, trial: Make) -> None:
    with Ledger.open(location, lease_seconds=0.5) as ledger:
        claim = claimed(ledger, trial(0))
        elsewhere(ledger, claim)
        assert ledger.claim(trial(0)) is None
        time.sleep(0.6)
        ledger.renew(claim)
        assert ledger.claim(trial(0)) is None
        time.sleep(0.6)
        taken = ledger.claim(trial(0))
        assert taken is not None and taken.number == 2


def compete(location: str, index: int) -> list[int]:
    """Claim and finish whatever is free, in an order of one's own, without queueing; the seeds done."""
    known = {
        "network": "f" * 64,
        "network_name": "n",
        "recipe": "{}",
        "dataset": "d" * 64,
        "dataset_name": "digits",
    }
    done = []
    with Ledger.open(location) as ledger:
        if ledger.database.turns is not None:
            ledger.database.turns.works = False
        for seed in random.Random(index).sample(range(6), 6):
            claim = ledger.claim(TrialRow.waiting(**known, seed=seed), f"worker {index}")
            if claim is not None:
                ledger.finish(claim, Result(state="complete", accuracy=float(index)))
                done.append(seed)
    return done


def test_every_trial_is_done_by_one_worker(ledger: Ledger, location: str) -> None:
    """It is the database that keeps workers apart, not the courtesy of queueing."""
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        results = [pool.apply_async(compete, (location, index)) for index in range(3)]
        done = [result.get(timeout=120) for result in results]
        pool.close()
        pool.join()
    rows = ledger.trials()
    assert sorted(seed for seeds in done for seed in seeds) == list(range(6))
    assert {row.seed: row.accuracy for row in rows} == {
        s: float(i) for i, seeds in enumerate(done) for s in seeds
    }
    assert {row.attempts for row in rows} == {1}


def test_heartbeat_renews_until_another_takes_over(path: Path, trial: Make) -> None:
    with Ledger.open(path, lease_seconds=0.04) as ledger:
        claim = claimed(ledger, trial(0))

        def beats() -> int:
            with ledger.database.reading() as connection:
                lease = store.read_one(connection, LEASES, claim.key)
            assert lease is not None
            return lease.row.beats

        with ledger.heartbeat(claim) as heartbeat:
            deadline = time.monotonic() + 30
            while beats() < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert beats() >= 2
            assert not heartbeat.lost
            ledger.release(claim)
            newer = claimed(ledger, trial(0), "newer")
            while not heartbeat.lost and time.monotonic() < deadline:
                time.sleep(0.01)
            assert heartbeat.lost
        ledger.finish(newer, DONE)


def test_processes_are_told_apart_by_their_start() -> None:
    here = this_process()
    assert not is_gone(here, here)
    assert is_gone(
        dataclasses.replace(here, start=0.0), here
    )  # the number was given to another process since
    assert not is_gone(Process(host="another", pid=here.pid, start=0.0), here)
    assert not is_gone(dataclasses.replace(here, start=None), here)


def test_only_a_waiting_trial_under_its_own_key_begins(ledger: Ledger, trial: Make) -> None:
    for row in (dataclasses.replace(trial(0), key="x"), dataclasses.replace(trial(0), state="complete")):
        with pytest.raises(ValueError, match="waiting under its own key"):
            ledger.claim(row)
        with pytest.raises(ValueError, match="waiting under its own key"):
            ledger.add_trials([row])
    assert ledger.trials() == []
