"""Damage is found on reading, named by table and key, and repaired as far as rows are whole."""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from scaling_search.errors import DamagedError, InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.recovery.repair import repair
from scaling_search.ledger.storage.records import digest
from scaling_search.ledger.storage.rows import EvaluationRow, Result, TrialRow
from scaling_search.ledger.storage.schema import ALL, CANDIDATES, NETWORKS, STUDIES
from tests.ledger import made

TRIALS = 40
Rows = dict[str, list[object]]


def everything(ledger: Ledger) -> Rows:
    return {
        "studies": ledger.rows(STUDIES),
        "networks": ledger.rows(NETWORKS),
        "candidates": ledger.rows(CANDIDATES),
        "trials": ledger.trials(with_correct=True),
        "evaluations": ledger.evaluations(with_correct=True),
    }


@pytest.fixture(scope="session")
def filled_once(
    blank: Path, trial: Callable[[int], TrialRow], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Rows]:
    """A ledger of several pages, with bits small and large, and what is in it."""
    path = Path(shutil.copy(blank, tmp_path_factory.mktemp("filled") / "filled.db"))
    with Ledger.open(path) as ledger:
        triples = [made.candidate(f"{i:064x}", alpha=1.0 + i / 8) for i in range(30)]
        ledger.record([made.study(toml="x" * 900), made.network(definition="t" * 300), *triples])
        ledger.record(triples[:20], instead_of=[(CANDIDATES, {"study": "s"})])
        ledger.add_trials([trial(seed) for seed in range(TRIALS)])
        for seed in range(3):
            claim = ledger.claim(trial(seed))
            assert claim is not None
            bits = bytes(range(256)) * 10 * seed
            tested = EvaluationRow(trial_key=claim.key, split="test", accuracy=0.5, correct=bits)
            result = Result(state="complete", accuracy=1.0, loss=0.1, correct=bits, dirty=False)
            ledger.finish(claim, result, [tested])
        assert ledger.claim(trial(3)) is not None
        rows = everything(ledger)
    return path, rows


@pytest.fixture
def filled(filled_once: tuple[Path, Rows], tmp_path: Path) -> tuple[Path, Rows]:
    """A copy to damage."""
    path, rows = filled_once
    return Path(shutil.copy(path, tmp_path / "ledger.db")), rows


def change(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def columns(path: Path, table: str) -> list[str]:
    connection = sqlite3.connect(path)
    found = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return found


def test_every_column_of_every_table_is_guarded(filled: tuple[Path, Rows], tmp_path: Path) -> None:
    path, rows = filled
    tried = 0
    for table in rows:
        for column in columns(path, table):
            copy = Path(shutil.copy(path, tmp_path / "copy.db"))
            change(copy, f'UPDATE {table} SET "{column}" = ? WHERE rowid = 1', b"changed")  # noqa: S608
            with Ledger.open(copy, read_only=True) as ledger:
                with pytest.raises(
                    DamagedError, match=rf"the ledger is damaged: {table} \(.*=.*ledger repair repaired.db"
                ):
                    everything(ledger)
                assert table in {damage.table for damage in check(ledger)}
            tried += 1
    assert tried > 60


@pytest.mark.parametrize("value", ["", 0, 2, 1.0, "1"])
def test_another_type_is_another_value(filled: tuple[Path, Rows], value: object) -> None:
    """1, 1.0, '1', True and NULL are kept apart."""
    path, _ = filled
    change(path, "UPDATE candidates SET reason = ? WHERE rowid = 1", value)
    with Ledger.open(path) as ledger, pytest.raises(DamagedError, match="candidates"):
        ledger.rows(CANDIDATES)


@pytest.mark.parametrize("table", ["studies", "networks", "candidates", "trials", "evaluations"])
def test_a_row_that_vanished_is_missed(filled: tuple[Path, Rows], table: str) -> None:
    path, _ = filled
    change(path, f"DELETE FROM {table} WHERE rowid = 1")  # noqa: S608
    with Ledger.open(path) as ledger:
        with pytest.raises(
            DamagedError, match=rf"{table} \(all rows\).*rows found are not the \d+ that were written"
        ):
            everything(ledger)
        assert [damage.table for damage in check(ledger)] == [table]


def test_a_summary_that_vanished_is_missed(filled: tuple[Path, Rows]) -> None:
    path, _ = filled
    change(path, "DELETE FROM summaries WHERE table_name = 'trials'")
    with Ledger.open(path) as ledger, pytest.raises(DamagedError, match="trials"):
        ledger.trials()


def test_bits_are_checked_when_they_are_read(filled: tuple[Path, Rows]) -> None:
    path, _ = filled
    change(path, "UPDATE trials SET correct = zeroblob(length(correct)) WHERE length(correct) > 5000")
    with Ledger.open(path) as ledger:
        assert len(ledger.trials()) == TRIALS
        with pytest.raises(DamagedError, match=r"trials \(key="):
            ledger.trials(with_correct=True)
        assert len(check(ledger)) == 1


@pytest.mark.parametrize("value", ["'text'", "7", "1.5", "NULL"])
def test_bits_that_are_no_bytes_any_more(filled: tuple[Path, Rows], value: str) -> None:
    path, _ = filled
    change(path, f"UPDATE trials SET correct = {value} WHERE length(correct) > 5000")  # noqa: S608
    with Ledger.open(path) as ledger, pytest.raises(DamagedError, match=r"trials \(key="):
        ledger.trials(with_correct=True)


def test_a_row_under_another_s_key_is_found(
    filled: tuple[Path, Rows], trial: Callable[[int], TrialRow]
) -> None:
    from scaling_search.ledger.storage import store
    from scaling_search.ledger.storage.schema import TRIALS as KIND

    path, _ = filled
    with Ledger.open(path) as ledger:
        assert check(ledger) == []
        with ledger.database.writing() as connection:
            store.put(connection, KIND, [dataclasses.replace(trial(0), key="0" * 64)])
        (damage,) = check(ledger)
    assert damage.key == f"key={'0' * 64!r}"
    assert trial(0).key in damage.what


def repaired(path: Path, new: Path) -> tuple[Rows, list[str]]:
    before = path.read_bytes()
    report = repair(path, new)
    assert path.read_bytes() == before
    with Ledger.open(new, read_only=True) as ledger:
        assert check(ledger) == []
        rows = everything(ledger)
    assert {table: len(found) for table, found in rows.items()}.items() <= report.kept.items()
    return rows, [str(damage) for damage in report.lost]


def waiting(rows: Rows) -> Rows:
    """What a repair makes of trials that were running."""
    trials = [dataclasses.replace(r, state="waiting") if r.state == "running" else r for r in rows["trials"]]  # type: ignore[attr-defined]
    return {**rows, "trials": trials}


def test_repair_of_a_whole_ledger_is_a_copy(filled: tuple[Path, Rows], tmp_path: Path) -> None:
    path, rows = filled
    assert repaired(path, tmp_path / "new.db") == (waiting(rows), [])
    with pytest.raises(InputError, match="exists"):
        repair(path, tmp_path / "new.db")
    with pytest.raises(InputError, match="no ledger here"):
        repair(tmp_path / "nothing.db", tmp_path / "another.db")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ledger.db", "new.db"]


def test_repair_names_the_row_that_is_lost(filled: tuple[Path, Rows], tmp_path: Path) -> None:
    path, rows = filled
    lost = rows["trials"][0]
    assert isinstance(lost, TrialRow)
    change(path, "UPDATE trials SET accuracy = 0.99 WHERE key = ?", lost.key)
    found, said = repaired(path, tmp_path / "new.db")
    assert found == {**waiting(rows), "trials": waiting(rows)["trials"][1:]}
    assert said == [f"trials (key={lost.key!r}): its digest does not fit"]


def test_a_row_of_another_schema_is_named_and_left(filled: tuple[Path, Rows], tmp_path: Path) -> None:
    """Its digest fits, for it was written so; repair ended in a traceback."""
    path, rows = filled
    names = columns(path, "networks")
    with closing(sqlite3.connect(path)) as connection:
        values = dict(zip(names, connection.execute("SELECT * FROM networks").fetchone(), strict=True))
    values["macs"] = "many"
    in_order = [values[name] for name in NETWORKS.columns[1:]]
    change(path, "UPDATE networks SET macs = ?, digest = ?", "many", digest("networks", in_order))
    kept, lost = repaired(path, tmp_path / "new.db")
    assert kept == waiting(rows) | {"networks": []}
    assert any("networks.macs takes int, not 'many'" in what for what in lost)


@pytest.mark.parametrize("where", ["header", "schema", "type", "count", "root"])
def test_repair_without_sqlite(filled: tuple[Path, Rows], tmp_path: Path, where: str) -> None:
    """The file's header, its first page or the roots of its trees are gone: rows are found page by page."""
    path, rows = filled
    content = bytearray(path.read_bytes())
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trials'").fetchone()
    (leaf,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'networks'").fetchone()
    connection.close()
    if where == "header":
        content[:100] = bytes(100)
    elif where == "schema":
        content[:4096] = bytes(4096)
    elif where == "type":
        content[(leaf - 1) * 4096] ^= 2
    elif where == "count":
        content[(leaf - 1) * 4096 + 4] ^= 1
    else:
        content[(root - 1) * 4096 : root * 4096] = bytes(4096)
    assert where in ("header", "schema", "root") or path.read_bytes()[(leaf - 1) * 4096] == 13
    path.write_bytes(content)
    found, said = repaired(path, tmp_path / "new.db")
    assert (found, said) == (waiting(rows), [])


def test_repair_of_half_a_file(filled: tuple[Path, Rows], tmp_path: Path) -> None:
    """What the lost pages held is counted."""
    path, rows = filled
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 // 4096 * 4096])
    found, said = repaired(path, tmp_path / "new.db")
    for table, before in waiting(rows).items():
        assert all(row in before for row in found[table])
    short = [table for table, before in rows.items() if len(found[table]) < len(before)]
    assert short
    assert all(any(line.startswith(table) for line in said) for table in short)


def test_repair_of_what_is_no_ledger_finds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"nothing of ours " * 5000)
    found, said = repaired(path, tmp_path / "new.db")
    assert not any(found.values())
    assert len(said) == sum(kind.summarised for kind in ALL)


def test_an_index_that_misses_a_row_is_found_out(
    filled: tuple[Path, Rows], trial: Callable[[int], TrialRow]
) -> None:
    """Looking a key up in vain is not believed; a key that was never there is absent."""
    path, _ = filled
    connection = sqlite3.connect(path)
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_trials_1'"
    ).fetchone()
    connection.close()
    with Ledger.open(path, read_only=True) as ledger:
        assert ledger.trials(["0" * 64]) == []
    content = bytearray(path.read_bytes())
    key = max(trial(seed).key for seed in range(TRIALS))
    at = content.index(key.encode(), (root - 1) * 4096, root * 4096)
    content[at] ^= 1
    path.write_bytes(content)
    with (
        Ledger.open(path, read_only=True) as ledger,
        pytest.raises(DamagedError, match="the index does not find"),
    ):
        ledger.trials([key])


@pytest.mark.parametrize("column", ["network_name", "failure"])
def test_text_that_is_no_text_any_more(filled: tuple[Path, Rows], tmp_path: Path, column: str) -> None:
    """The row is named, and only it is lost."""
    path, rows = filled
    key = rows["trials"][0].key  # type: ignore[attr-defined]
    change(path, f"UPDATE trials SET {column} = CAST(X'61FF62' AS TEXT) WHERE key = ?", key)  # noqa: S608
    with (
        Ledger.open(path) as ledger,
        pytest.raises(DamagedError, match=rf"trials \(key='{key}'\): its digest"),
    ):
        ledger.trials()
    found, said = repaired(path, tmp_path / "new.db")
    assert (len(found["trials"]), said) == (TRIALS - 1, [f"trials (key={key!r}): its digest does not fit"])


def test_a_schema_whose_names_are_no_text(filled: tuple[Path, Rows], tmp_path: Path) -> None:
    """SQLite quotes them in its error, which the driver cannot decode."""
    path, rows = filled
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET name = CAST(X'FF' || name AS TEXT) WHERE name = 'trials'")
    connection.commit()
    connection.close()
    for read_only in (True, False):
        with pytest.raises(DamagedError, match=r"ledger repair repaired\.db"):
            Ledger.open(path, read_only=read_only)
    assert repaired(path, tmp_path / "new.db") == (waiting(rows), [])


def test_repair_by_a_link_takes_the_journal_along(filled: tuple[Path, Rows], tmp_path: Path) -> None:
    """It lies beside what the link leads to."""
    path, rows = filled
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(path)
    subprocess.run([sys.executable, "-c", DIE_IN_A_COMMIT, path], check=True)
    assert Path(f"{path}-journal").stat().st_size
    assert repaired(link, tmp_path / "new.db") == (waiting(rows), [])


DIE_IN_A_COMMIT = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE trials SET epochs = hex(randomblob(5000))")
os._exit(0)
"""
