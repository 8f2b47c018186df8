"""Ledgers of every released schema open, say what they said, and upgrade."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import typing
from pathlib import Path

import pytest

from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage import rows, store
from scaling_search.ledger.storage.schema import ALL, LEASES, SUMMARIES, TRIALS, VERSION, Kind

FOLDER = Path(__file__).parent / "released"
RELEASED = sorted(FOLDER.glob("*.sql"))
NOW = "2026-11-22T04:00:00+00:00"
TRIAL_ROWS = [
    rows.TrialRow.waiting(
        network="f" * 64,
        network_name="b0 <α>",
        recipe='{"epochs":2}',
        dataset="d" * 64,
        dataset_name="digits",
        seed=seed,
    )
    for seed in range(4)
]
RESULT = rows.Result(
    state="complete",
    accuracy=0.9375,
    loss=1 / 3,
    epochs='[{"loss":1.0},{"loss":0.5}]',
    correct=b"\xf0\x01",
    correct_count=16,
    gradient_norm=0.25,
    dead_share=0.0,
    compile_seconds=1.5,
    train_seconds=1e-9,
    memory_bytes=2**40,
    device="cpu",
    arithmetic="xla",
    versions='{"jax":"0.10"}',
    commit="a" * 40,
    dirty=True,
)


def made_up(kind: Kind[typing.Any]) -> object:
    """A row of a table with a value in every field, by its type."""
    values: dict[type, object] = {int: 7, float: -0.125, bool: True, bytes: b"\x81"}
    given = {}
    for name, annotation in typing.get_type_hints(kind.row).items():
        kinds = [one for one in (typing.get_args(annotation) or (annotation,)) if one is not type(None)]
        given[name] = values.get(kinds[0], f"{name} <α>" if kinds[0] is str else kinds[0])
    return kind.row(**given)


FREE = [made_up(kind) for kind in ALL if kind not in (TRIALS, LEASES, SUMMARIES)]


def make_released(path: Path) -> None:
    """A ledger with a row in every table and a trial in every state but running."""
    with Ledger.open(path, wall=lambda: NOW) as ledger:
        ledger.record(FREE)
        ledger.add_trials(TRIAL_ROWS)
        claims = [ledger.claim(trial, "w") for trial in TRIAL_ROWS[:3]]
        assert claims[0] is not None and claims[1] is not None and claims[2] is not None
        ledger.finish(claims[0], RESULT)
        ledger.finish(claims[1], rows.Result(state="diverged", train_seconds=2.0))
        ledger.fail(claims[2], "out of memory: [red] \x1b[0m")


def stored(ledger: Ledger, kind: Kind[typing.Any]) -> list[object]:
    """All rows of a table."""
    with ledger.database.reading() as connection:
        return list(store.read(connection, kind, with_correct=kind.has_bits))


def expected(ledger: Ledger) -> None:
    """All that `make_released` wrote is there."""
    assert check(ledger) == []
    for row in FREE:
        (kind,) = (kind for kind in ALL if kind.row is type(row))
        assert stored(ledger, kind) == [row]
    found = {row.seed: row for row in ledger.trials(with_correct=True)}
    assert [found[seed].state for seed in range(4)] == ["complete", "diverged", "failed", "waiting"]
    result = {field.name: getattr(found[0], field.name) for field in dataclasses.fields(rows.Result)}
    assert result == dataclasses.asdict(RESULT)
    assert found[2].failure == "out of memory: [red] \x1b[0m"
    assert found[3] == TRIAL_ROWS[3]


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
    assert stored.read_text() == text


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
        claim = ledger.claim(TRIAL_ROWS[3])
        assert claim is not None
        ledger.finish(claim, RESULT)
        assert check(ledger) == []
