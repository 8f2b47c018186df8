"""Opening: paths and URLs, what is no ledger, schemas, read-only places, network file systems."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from scaling_search.errors import DamagedError, InputError, ScalingSearchError, StorageError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage import filesystem, store
from scaling_search.ledger.storage.database import driven
from scaling_search.ledger.storage.filesystem import file_system, network_warning
from scaling_search.ledger.storage.place import locate
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.ledger.storage.schema import ALL, STUDIES, VERSION, VERSION_TABLE


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


SQL_TYPES: dict[type, sa.types.TypeEngine[Any]] = {
    str: sa.Text(),
    int: sa.BigInteger(),
    bool: sa.BigInteger(),  # 0 or 1, so that both databases give back the value that was digested
    float: sa.Double(),
    bytes: sa.LargeBinary(),
}


def test_migrations_make_the_tables_of_the_row_classes(ledger: Ledger) -> None:
    """The same columns in the same order, with the same types, keys and NULLs."""
    with ledger.database.migrating() as connection:
        inspector, dialect = sa.inspect(connection), connection.dialect
        assert set(inspector.get_table_names()) == {*(kind.name for kind in ALL), VERSION_TABLE}
        assert set(inspector.get_table_names()) == ledger.database.tables(driven(connection))
        for kind in ALL:
            made = [
                (c["name"], c["type"].compile(dialect), c["nullable"])
                for c in inspector.get_columns(kind.name)
            ]
            expected = [
                (
                    name,
                    SQL_TYPES[kind.types.get(name, str)].compile(dialect),
                    name in kind.optional or name == "correct_sha256",
                )
                for name in kind.stored
            ]
            assert made == expected, kind.name
            key = inspector.get_pk_constraint(kind.name)["constrained_columns"]
            assert sorted(key) == sorted(kind.key), kind.name


def test_a_released_schema_keeps_its_version(ledger: Ledger) -> None:
    from alembic.script import ScriptDirectory

    from scaling_search.ledger.storage.upgrade import MIGRATIONS

    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == VERSION


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"", DamagedError, "the file is empty"),
        (b"a text, long enough to be looked at" * 100, DamagedError, "not a ledger"),
        (None, InputError, "a folder"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_what_is_no_ledger(
    tmp_path: Path, content: bytes | None, error: type[ScalingSearchError], said: str, read_only: bool
) -> None:
    path = tmp_path / "x.db"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(error, match=said):
        Ledger.open(path, read_only=read_only)
    assert content is None or path.read_bytes() == content


@pytest.mark.parametrize("read_only", [True, False])
def test_another_program_s_database(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "x.db"
    change(path, "CREATE TABLE trials (a)")
    before = path.read_bytes()
    with pytest.raises(DamagedError, match="not a ledger: it holds no schema of scaling-search"):
        Ledger.open(path, read_only=read_only)
    assert path.read_bytes() == before


@pytest.mark.postgresql
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_another_program_s_tables_on_a_server(place: str) -> None:
    with pytest.raises(DamagedError, match="not a ledger"):
        Ledger.open(place, read_only=True)
    engine = sa.create_engine(place)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE trials (a int)"))
    engine.dispose()
    with pytest.raises(DamagedError, match="not a ledger") as caught:
        Ledger.open(place)
    assert "postgresql+psycopg://" in str(caught.value)


@pytest.mark.postgresql
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_lost_connection_is_told_with_its_cause(ledger: Ledger, place: str) -> None:
    """Not with the rollback's own failure after it; the next transaction has a new connection."""
    engine = sa.create_engine(place)
    with (
        pytest.raises(StorageError, match="the database server says: terminating connection"),
        ledger.database.writing() as connection,
    ):
        cursor = connection.cursor()
        cursor.execute("SELECT pg_backend_pid()")
        (here,) = cursor.fetchone()
        with engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:here)"), {"here": here})
        store.read(connection, STUDIES)
    engine.dispose()
    assert ledger.studies() == []


def test_a_newer_schema_is_refused_with_advice(path: Path) -> None:
    change(path, "UPDATE scaling_search_version SET version_num = '9999'")
    with pytest.raises(DamagedError, match=r"newer scaling-search \(schema 9999.*pip install --upgrade"):
        Ledger.open(path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no ledger here"):
        Ledger.open(tmp_path / "x.db", read_only=True)
    with pytest.raises(InputError, match="its folder does not exist"):
        Ledger.open(tmp_path / "no" / "x.db")
    assert list(tmp_path.iterdir()) == []


def test_a_strange_name_and_no_litter(tmp_path: Path, trial: Callable[[int], TrialRow]) -> None:
    folder = tmp_path / "a%20b #?&=ü'\"[x]"
    folder.mkdir()
    path = folder / "l%41?mode=memory#.db"
    with Ledger.open(path) as ledger:
        ledger.add_trials([trial(0)])
    with Ledger.open(path, read_only=True) as again:
        assert len(again.trials()) == 1
    assert list(folder.iterdir()) == [path]


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:secret@h/x",
        "sqlite://",
        "sqlite:///:memory:",
        "http://h/x",
        "postgresql+asyncpg://u:secret@h/x",
    ],
)
def test_urls_of_other_kinds(url: str) -> None:
    with pytest.raises(UsageError, match="legal are a path and postgresql") as caught:
        Ledger.open(url)
    assert "secret" not in str(caught.value)


def test_urls() -> None:
    assert locate("sqlite:////tmp/x.db") == Path("/tmp/x.db")  # noqa: S108
    assert str(locate("postgresql://h/x")) == "postgresql+psycopg://h/x"
    with pytest.raises(UsageError, match="neither a path nor a URL"):
        locate("://x")


def test_no_server_hides_the_password() -> None:
    with pytest.raises(StorageError, match="the database server says") as caught:
        Ledger.open("postgresql+psycopg://u:secret@127.0.0.1:9/x?connect_timeout=2")
    assert "secret" not in str(caught.value)


OPEN_AS_NOBODY = """
import os, sys
from scaling_search.errors import ScalingSearchError
from scaling_search.ledger.ledger import Ledger
warm, path, read_only = sys.argv[1:]
Ledger.open(warm, read_only=True).close()  # imports all there is to import, while that is allowed
if os.getuid() == 0:  # whom no permission stops
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    with Ledger.open(path, read_only=read_only == "True") as ledger:
        print(len(ledger.trials()))
        ledger.add_trials([])
except ScalingSearchError as error:
    print(type(error).__name__, error)
"""


def test_read_only_folder(blank: Path, trial: Callable[[int], TrialRow]) -> None:
    def opened(path: Path, read_only: bool) -> str:
        command = [sys.executable, "-c", OPEN_AS_NOBODY, str(blank), str(path), str(read_only)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    # Not in pytest's folder, which only its owner may enter.
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        path = Path(shutil.copy(blank, folder / "ledger.db"))
        with Ledger.open(path) as ledger:
            ledger.add_trials([trial(0)])
        path.chmod(0o444)
        folder.chmod(0o555)
        reading = opened(path, True)
        assert reading.startswith("1\nStorageError")
        assert "opened for reading only" in reading
        assert opened(path, False).startswith(
            f"StorageError {path}: no permission to write the ledger or its folder"
        )
        missing = opened(folder / "new.db", False)
        assert missing == f"StorageError {folder}/new.db: no permission to write in its folder\n"
        Path(f"{path}-journal").write_bytes(b"x" * 4096)
        assert "rolling back needs permission to write" in opened(path, True)
        path.chmod(0)
        assert "no permission to read" in opened(path, True)
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


MOUNTS = """/dev/vda / ext4 rw 0 0
server:/export /data/a\\040b nfs4 rw 0 0
tmpfs /data/a\\040b/local tmpfs rw 0 0
//s/share /mnt cifs rw 0 0
tmpfs /mnt tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/x/y.db", "ext4"),
        ("/data/a b/y.db", "nfs4"),
        ("/data/a bc/y.db", "ext4"),
        ("/data/a b/local/y.db", "tmpfs"),
        ("/mnt/y.db", "tmpfs"),
    ],
)
def test_file_system(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


def test_network_file_system_is_warned_about(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {tmp_path} nfs rw 0 0\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", mounts)
    with Ledger.open(path) as ledger:
        (warning,) = ledger.warnings
    assert f"{path} is on a network file system (nfs)" in warning
    mounts.write_text("/dev/vda / ext4 rw 0 0\n")
    assert network_warning(path) is None
    with Ledger.open(path) as ledger:
        assert ledger.warnings == ()


def test_light_imports(path: Path) -> None:
    """A report opens ledgers without an accelerator library and without the migration machinery."""
    code = (
        "import sys; from scaling_search.ledger.ledger import Ledger;"
        "Ledger.open(sys.argv[1], read_only=True).trials();"
        "assert not {'jax', 'alembic', 'numpy', 'mako'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
