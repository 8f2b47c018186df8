"""The tables that migrations make, and ledgers of other schemas."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from scaling_search.errors import DamagedError, ScalingSearchError, StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage import upgrade
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.ledger.storage.schema import ALL, VERSION, VERSION_TABLE
from scaling_search.ledger.storage.tables import METADATA, TABLES


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_migrations_make_the_tables_of_the_row_classes(ledger: Ledger) -> None:
    """The same columns in the same order, with the same types, keys and NULLs."""
    assert list(TABLES) == [kind.name for kind in ALL] == list(METADATA.tables)
    with ledger.database.reading() as connection:
        inspector, dialect = sa.inspect(connection), connection.dialect
        assert ledger.database.tables(connection) == {*TABLES, VERSION_TABLE}
        for name, table in TABLES.items():
            made = [
                (c["name"], c["type"].compile(dialect), c["nullable"]) for c in inspector.get_columns(name)
            ]
            assert made == [(c.name, c.type.compile(dialect), c.nullable) for c in table.columns], name
            key = inspector.get_pk_constraint(name)["constrained_columns"]
            assert sorted(key) == sorted(table.primary_key.columns.keys()), name


def test_a_released_schema_keeps_its_version() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(upgrade.MIGRATIONS)).get_current_head() == VERSION


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("found", ["9999", "0000", "x", "9" * 90])
def test_an_unknown_schema_is_refused(path: Path, found: str, read_only: bool) -> None:
    change(path, f"UPDATE scaling_search_version SET version_num = '{found}'")  # noqa: S608
    before = path.read_bytes()
    with pytest.raises(DamagedError) as caught:
        Ledger.open(path, read_only=read_only)
    assert str(caught.value) == (
        f"{path}: its schema {found[:20]} is none that this scaling-search reads ({VERSION}): a newer one does "
        "(pip install --upgrade scaling-search), or it was written before the first release, and a new ledger has to "
        "be begun"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("rows", ["DELETE FROM scaling_search_version", "DROP TABLE scaling_search_version"])
@pytest.mark.parametrize("read_only", [True, False])
def test_a_ledger_without_its_version_is_kept_as_it_is(path: Path, rows: str, read_only: bool) -> None:
    change(path, rows)
    before = path.read_bytes()
    with pytest.raises(DamagedError, match="not a ledger"):
        Ledger.open(path, read_only=read_only)
    assert path.read_bytes() == before


LATER = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "9000", "{VERSION}"
def upgrade():
    op.add_column("trials", sa.Column("colour", sa.Text()))
"""


def test_a_later_schema_is_reached_by_migrations(
    location: str, trial: Callable[[int], TrialRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever only reads is told so."""
    with Ledger.open(location) as ledger:
        ledger.add_trials([trial(0)])
    folder = shutil.copytree(upgrade.MIGRATIONS, tmp_path / "migrations")
    (folder / "versions" / "version_9000.py").write_text(LATER)
    monkeypatch.setattr(upgrade, "MIGRATIONS", folder)
    monkeypatch.setattr(upgrade, "VERSION", "9000")
    with pytest.raises(
        StorageError, match=f"schema {VERSION}, older than this program's 9000.*that writes to it"
    ):
        Ledger.open(location, read_only=True)
    with Ledger.open(location) as ledger:
        assert ledger.trials() == [trial(0)]
        with ledger.database.reading() as connection:
            assert connection.scalar(sa.text("SELECT version_num FROM scaling_search_version")) == "9000"
            assert "colour" in [column["name"] for column in sa.inspect(connection).get_columns("trials")]
    monkeypatch.undo()
    with pytest.raises(ScalingSearchError, match="its schema 9000 is none"):
        Ledger.open(location)


@pytest.mark.parametrize("table", ["trials", "others"])
@pytest.mark.parametrize("read_only", [True, False])
def test_another_program_s_database(tmp_path: Path, read_only: bool, table: str) -> None:
    path = tmp_path / "x.db"
    change(path, f"CREATE TABLE {table} (a)")
    before = path.read_bytes()
    with pytest.raises(DamagedError, match="not a ledger: it holds no schema of scaling-search"):
        Ledger.open(path, read_only=read_only)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [True, False])
def test_a_damaged_ledger_that_seems_to_have_no_tables(path: Path, read_only: bool) -> None:
    """The count of entries in its table of tables is gone: it is no empty database, in which to begin anew."""
    content = bytearray(path.read_bytes())
    content[103:105] = bytes(2)
    path.write_bytes(content)
    with pytest.raises(DamagedError):
        Ledger.open(path, read_only=read_only)
    assert path.read_bytes() == bytes(content)
