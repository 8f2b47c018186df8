"""A snapshot answers every question as the ledger did when it was taken, and reads nothing afterwards."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks.torture.ledger_rows import everything, fill, trial
from scaling_search.ledger import store
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.rows import NetworkRow, TrialRow


def without_bits(rows: list[object]) -> list[object]:
    """A snapshot gives bits even where they were not asked for."""
    return [dataclasses.replace(row, correct=None) if isinstance(row, TrialRow) else row for row in rows]


def test_a_snapshot_answers_as_the_ledger_did(path: Path, tmp_path: Path) -> None:
    place = tmp_path / "full.db"
    fill(place, trials=8)
    with Ledger.open(place) as ledger:
        expected = everything(ledger, 8)
        now = ledger.snapshot()
        ledger.record_network(NetworkRow(fingerprint="e" * 64, name="later", toml="t", resolution=8))
        ledger.add_trials([trial(99)])
    place.unlink()
    found = everything(now, 8)
    assert found.keys() == expected.keys()
    for question, rows in expected.items():
        assert without_bits(found[question]) == without_bits(rows), question
    assert now.trials(with_correct=True) == expected["trials"]
    assert now.network("e" * 64) is None


def test_no_table_is_read_twice(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    real = store.read
    monkeypatch.setattr(
        store, "read", lambda at, kind, **more: (read.append(kind.name), real(at, kind, **more))[1]
    )
    with Ledger.open(path, read_only=True) as ledger:
        now = ledger.snapshot()
        for _ in range(3):
            assert not now.studies() + now.networks()
            assert not now.trials(study="s") + now.trials(["k"])
            assert not now.candidates("s")
    assert "trials" in read
    assert sorted(read) == sorted(set(read))
