"""Ledgers of every released schema open, say what they said, and upgrade."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from pathlib import Path

import pytest

from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage.rows import (
    CandidateRow,
    DecisionRow,
    EvaluationRow,
    NetworkRow,
    Result,
    StudyRow,
    TrialRow,
)
from scaling_search.ledger.storage.schema import VERSION

FOLDER = Path(__file__).parent / "released"
RELEASED = sorted(FOLDER.glob("*.sql"))
NOW = "2026-11-22T04:00:00+00:00"
NETWORK = NetworkRow(
    fingerprint="f" * 64,
    name="b0 <α>",
    toml='name = "b0"',
    resolution=32,
    parameters=7,
    macs=10**12,
    activations=9,
)
STUDY = StudyRow(
    name="s", toml="[x]", baseline="b0", dataset_name="digits", created_at=NOW, recipe='{"epochs":2}'
)
CANDIDATE = CandidateRow(
    study="s",
    purpose="grid",
    phi=1.0,
    alpha=1.2,
    beta=1.1,
    gamma=1.15,
    network="f" * 64,
    depth="1-2",
    resolution=37,
    nominal_resolution=36.8,
    macs=10**12,
    macs_ratio=2.0,
    status="kept",
)
DECISION = DecisionRow(study="s", round=1, network="f" * 64, verdict="keep", statistic=-0.0, created_at=NOW)
TRIALS = [
    TrialRow.waiting(
        network="f" * 64,
        network_name="b0",
        recipe='{"epochs":2}',
        dataset="d" * 64,
        dataset_name="digits",
        seed=seed,
    )
    for seed in range(4)
]
RESULT = Result(
    state="complete",
    accuracy=0.9375,
    loss=1 / 3,
    epochs='[{"loss":1.0},{"loss":0.5}]',
    correct=b"\xf0\x01",
    correct_count=16,
    compile_seconds=1.5,
    train_seconds=1e-9,
    memory_bytes=2**40,
    device="cpu",
    versions='{"jax":"0.10"}',
    commit="a" * 40,
    dirty=True,
)


def make_released(path: Path) -> None:
    """A ledger with a row in every table and a trial in every state but running."""
    with Ledger.open(path, wall=lambda: NOW) as ledger:
        ledger.record_study(STUDY)
        ledger.record_network(NETWORK)
        ledger.record_candidates("s", [CANDIDATE])
        ledger.record_decisions([DECISION])
        ledger.add_trials(TRIALS)
        claims = [ledger.claim(trial, "w") for trial in TRIALS[:3]]
        assert claims[0] is not None and claims[1] is not None and claims[2] is not None
        ledger.finish(claims[0], RESULT)
        ledger.finish(claims[1], Result(state="diverged", train_seconds=2.0))
        ledger.fail(claims[2], "out of memory: [red] \x1b[0m")
        ledger.record_evaluation(
            EvaluationRow(trial_key=claims[0].key, split="test", accuracy=0.5, correct=b"\x01")
        )


def expected(ledger: Ledger) -> None:
    assert check(ledger) == []
    assert ledger.studies() == [STUDY]
    assert ledger.networks() == [NETWORK]
    assert ledger.candidates("s") == [CANDIDATE]
    assert ledger.decisions("s") == [DECISION]
    found = {row.seed: row for row in ledger.trials(with_correct=True)}
    assert [found[seed].state for seed in range(4)] == ["complete", "diverged", "failed", "waiting"]
    result = {field.name: getattr(found[0], field.name) for field in dataclasses.fields(Result)}
    assert result == dataclasses.asdict(RESULT)
    assert found[2].failure == "out of memory: [red] \x1b[0m"
    assert found[3] == TRIALS[3]
    assert [row.accuracy for row in ledger.evaluations()] == [0.5]


def test_there_is_one_of_this_schema(tmp_path: Path) -> None:
    """And it is what this program writes today: a change of tables or digests without a new schema shows here."""
    make_released(tmp_path / "new.db")
    connection = sqlite3.connect(tmp_path / "new.db")
    # Which process did the work is no result.
    connection.execute("DELETE FROM leases")
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    text = "\n".join([f"PRAGMA application_id = {mark};", *connection.iterdump(), ""])
    connection.close()
    stored = FOLDER / f"{VERSION}.sql"
    if "SCALING_SEARCH_WRITE_RELEASED" in os.environ:
        stored.write_text(text)
    rows = [line for line in text.splitlines() if line.startswith("INSERT")]
    assert [line for line in stored.read_text().splitlines() if line.startswith("INSERT")] == rows


@pytest.mark.parametrize("released", RELEASED, ids=lambda path: path.stem)
def test_released_ledgers_upgrade(released: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(released.read_text())
    connection.close()
    if released.stem == VERSION:
        with Ledger.open(path, read_only=True) as ledger:
            expected(ledger)
    with Ledger.open(path) as ledger:
        expected(ledger)
        claim = ledger.claim(TRIALS[3])
        assert claim is not None
        ledger.finish(claim, RESULT)
        assert check(ledger) == []
