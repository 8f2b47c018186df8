"""A snapshot answers every question as the ledger did when it was taken, and reads nothing afterwards."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from benchmarks.torture.ledger_rows import everything, fill, trial
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from tests.ledger import made


def without_bits(rows: list[object]) -> list[object]:
    """A snapshot gives bits even where they were not asked for."""
    return [dataclasses.replace(row, correct=None) if isinstance(row, TrialRow) else row for row in rows]


def test_a_snapshot_answers_as_the_ledger_did(path: Path, tmp_path: Path) -> None:
    location = tmp_path / "full.db"
    fill(location, trials=8)
    with Ledger.open(location) as ledger:
        expected = everything(ledger, 8)
        now = ledger.snapshot()
        ledger.record([made.network("e" * 64)])
        ledger.add_trials([trial(99)])
    location.unlink()
    found = everything(now, 8)
    assert found.keys() == expected.keys()
    for question, rows in expected.items():
        assert without_bits(found[question]) == without_bits(rows), question
    assert now.trials(with_correct=True) == expected["trials"]
    assert now.network("e" * 64) is None
