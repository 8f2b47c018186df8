"""Database servers: what their databases' settings, restarts and lost connections may not change."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from scaling_search.errors import DamagedError, StorageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.recovery.repair import repair
from scaling_search.ledger.storage import database as databases
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.location import NoLedger
from scaling_search.ledger.storage.rows import Result, TrialRow
from scaling_search.ledger.storage.schema import STUDIES
from scaling_search.search.audit.ledger_check import inspect

SERVER = os.environ.get("SCALING_SEARCH_TEST_POSTGRESQL", "")
pytestmark = pytest.mark.postgresql
Make = Callable[[int], TrialRow]
DONE = Result(state="complete", accuracy=1 / 3, loss=0.1)
on_a_server = pytest.mark.parametrize("location", ["postgresql"], indirect=True)


@pytest.fixture
def admin() -> Iterator[Callable[..., object]]:
    """Runs a statement on the server outside of any transaction."""
    if not SERVER:
        pytest.skip("SCALING_SEARCH_TEST_POSTGRESQL names no server")
    engine = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def run(statement: str, **values: object) -> object:
        with engine.connect() as connection:
            found = connection.execute(sa.text(statement), values)
            return found.scalar() if found.returns_rows else None

    yield run
    engine.dispose()


@pytest.fixture
def create(admin: Callable[..., object]) -> Iterator[Callable[..., str]]:
    """Makes databases: the URL of a new one with these settings."""
    made = []

    def new(options: str = "", **settings: str) -> str:
        name = f"test_{uuid.uuid4().hex}"
        admin(f"CREATE DATABASE {name} {options}")
        made.append(name)
        for setting, value in settings.items():
            admin(f"ALTER DATABASE {name} SET {setting} = '{value}'")
        return sa.make_url(SERVER).set(database=name).render_as_string(hide_password=False)

    yield new
    for name in made:
        admin(f"DROP DATABASE {name} WITH (FORCE)")


def claimed(ledger: Ledger, row: TrialRow) -> object:
    claim = ledger.claim(row)
    assert claim is not None
    return claim


def test_an_empty_database_is_no_ledger_yet(create: Callable[..., str], tmp_path: Path) -> None:
    location = create()
    with pytest.raises(NoLedger, match=r"^postgresql\+psycopg://.*: there is no ledger in it yet"):
        Ledger.open(location, read_only=True)
    Ledger.open(location).close()
    with Ledger.open(location, read_only=True) as ledger:
        assert ledger.trials() == []


@on_a_server
def test_another_program_s_tables(location: str) -> None:
    engine = sa.create_engine(location)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE others (a int)"))
    with Ledger.open(location) as ledger:
        assert check(ledger) == []
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE scaling_search_version"))
    engine.dispose()
    for read_only in (True, False):
        with pytest.raises(DamagedError, match="not a ledger"):
            Ledger.open(location, read_only=read_only)


def test_a_database_that_may_not_be_read_is_not_called_damaged(
    create: Callable[..., str], admin: Callable[..., object]
) -> None:
    location = create()
    Ledger.open(location).close()
    role = f"test_{uuid.uuid4().hex}"
    admin(f"CREATE ROLE {role} LOGIN PASSWORD 's3cr3t'")
    url = sa.make_url(location).set(username=role, password="s3cr3t")  # noqa: S106
    try:
        for read_only in (True, False):
            with pytest.raises(StorageError, match="the database server says: permission denied") as caught:
                Ledger.open(url.render_as_string(hide_password=False), read_only=read_only)
            assert "s3cr3t" not in str(caught.value)
    finally:
        admin(f"DROP ROLE {role}")


@pytest.mark.parametrize("level", ["serializable", "repeatable read", "read committed"])
def test_workers_at_once_on_an_empty_database(create: Callable[..., str], trial: Make, level: str) -> None:
    """Whatever isolation is the database's default: they make one schema, and none is told of a conflict."""
    location = create(default_transaction_isolation=level)
    start = threading.Barrier(4)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            start.wait()
            with Ledger.open(location) as ledger:
                for seed in range(6):
                    if claim := ledger.claim(trial(seed), str(number)):
                        ledger.finish(claim, DONE)
        except BaseException as error:
            failed.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failed == []
    with Ledger.open(location, read_only=True) as ledger:
        assert [row.state for row in ledger.trials()] == ["complete"] * 6
        assert check(ledger) == []


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'", {}),
        ("", {"extra_float_digits": "-15"}),
        ("", {"bytea_output": "escape"}),
        ("", {"client_encoding": "LATIN1"}),
        ("", {"lock_timeout": "1ms", "DateStyle": "German", "standard_conforming_strings": "off"}),
    ],
)
def test_a_database_s_settings_change_nothing(
    create: Callable[..., str], trial: Make, options: str, settings: dict[str, str]
) -> None:
    location = create(options, **settings)
    row = dataclasses.replace(trial(0), network_name="b0@α=1.2 \\", device="'\U0001f600\x7f")
    result = Result(state="complete", accuracy=1 / 3, loss=1e-300, correct=bytes(range(256)))
    with Ledger.open(location) as ledger:
        with ledger.database.writing():
            worker = threading.Thread(target=ledger.add_trials, args=([row],))
            worker.start()
            time.sleep(0.05)  # waits for the lock longer than its database allows
        worker.join(60)
        ledger.finish(claimed(ledger, row), dataclasses.replace(result, device=row.device))
    with Ledger.open(location, read_only=True) as ledger:
        assert check(ledger) == []
        (found,) = ledger.trials(with_correct=True)
    assert (found.network_name, found.device) == (row.network_name, row.device)
    assert (found.accuracy, found.loss, found.correct) == (result.accuracy, result.loss, result.correct)


def test_a_database_that_cannot_keep_every_text_is_refused(create: Callable[..., str]) -> None:
    location = create("ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(StorageError, match="encoding LATIN1 cannot keep every text; make one of UTF8"):
        Ledger.open(location)


@on_a_server
def test_a_lost_connection_is_told_with_its_cause(
    ledger: Ledger,
    admin: Callable[..., object],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not with the rollback's own failure after it; the next transaction has a new connection."""
    with (
        pytest.raises(StorageError, match="the database server says: terminating connection"),
        ledger.database.writing() as connection,
    ):
        here = connection.scalar(sa.select(sa.func.pg_backend_pid()))
        admin("SELECT pg_terminate_backend(:here)", here=here)
        store.read(connection, STUDIES)
    assert ledger.trials() == []
    assert (caplog.text, capfd.readouterr().err) == ("", "")


@on_a_server
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("how", ["finish", "fail", "release", "renew"])
def test_a_connection_cut_while_it_commits(
    ledger: Ledger,
    admin: Callable[..., object],
    trial: Make,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
    how: str,
) -> None:
    """Before the server has written it, or after, with its answer lost: it is said once more, and counts once."""
    claim = claimed(ledger, trial(0))
    commit = sa.Connection.commit
    cuts = [0]

    def cut(connection: sa.Connection) -> None:
        monkeypatch.setattr(sa.Connection, "commit", commit)
        cuts[0] += 1
        here = connection.scalar(sa.select(sa.func.pg_backend_pid()))
        if when == "after":
            commit(connection)
        admin("SELECT pg_terminate_backend(:here)", here=here)
        connection.execute(sa.text("SELECT 1"))

    monkeypatch.setattr(sa.Connection, "commit", cut)
    calls: dict[str, Callable[[], None]] = {
        "finish": lambda: ledger.finish(claim, DONE),
        "fail": lambda: ledger.fail(claim, "no", retry=True),
        "release": lambda: ledger.release(claim),
        "renew": lambda: ledger.renew(claim, checkpoint=True),
    }
    calls[how]()
    assert cuts == [1]
    (row,) = ledger.trials()
    state, attempts = {"finish": ("complete", 1), "fail": ("waiting", 1), "release": ("waiting", 0)}.get(
        how, ("running", 1)
    )
    assert (row.state, row.attempts) == (state, attempts)
    assert check(ledger) == []


def test_a_server_that_is_away_is_waited_for(
    create: Callable[..., str], admin: Callable[..., object], trial: Make
) -> None:
    """As one that restarts: connections break, and for a while there are no new ones."""
    location = create()
    name = sa.make_url(location).database
    with Ledger.open(location) as ledger:
        claim = claimed(ledger, trial(0))
        admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name", name=name
        )
        back = threading.Timer(0.7, admin, (f"ALTER DATABASE {name} ALLOW_CONNECTIONS true",))
        back.start()
        ledger.finish(claim, DONE)
        back.join()
        assert ledger.trials()[0].state == "complete"


def test_a_server_that_stays_away_is_named(
    create: Callable[..., str], admin: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    location = create()
    name = sa.make_url(location).database
    monkeypatch.setattr(databases, "PATIENCE_SECONDS", 0.2)
    with Ledger.open(location) as ledger:
        admin(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name", name=name
        )
        with pytest.raises(
            StorageError, match=r"the database server says: .*not currently accepting.* \(tried for 0.2 s\)"
        ):
            ledger.trials()
        # One that was never reached is not waited for.
        monkeypatch.setattr(databases, "PATIENCE_SECONDS", 600.0)
        with pytest.raises(StorageError, match=r"not currently accepting connections$"):
            Ledger.open(location)


@on_a_server
def test_a_server_s_ledger_is_saved_into_a_file(
    ledger: Ledger, location: str, trial: Make, tmp_path: Path
) -> None:
    ledger.finish(claimed(ledger, trial(0)), DONE)
    ledger.add_trials([trial(1)])
    with ledger.database.writing() as connection:
        connection.execute(sa.text("UPDATE trials SET network_name = 'x' WHERE seed = 1"))
    report = repair(location, tmp_path / "new.db")
    assert [damage.key for damage in report.lost] == [f"key={trial(1).key!r}"]
    with Ledger.open(tmp_path / "new.db") as saved:
        assert [row.seed for row in saved.trials()] == [0]


@on_a_server
def test_a_check_tells_no_password(ledger: Ledger, location: str) -> None:
    """Neither of an intact ledger nor of a damaged one."""
    url = (
        sa.make_url(location).update_query_dict({"password": "s3cr3t"}).render_as_string(hide_password=False)
    )
    found = inspect(url, repair=None)
    assert (found.damage, "s3cr3t" in repr(found)) == ([], False)
    with ledger.database.writing() as connection:
        connection.execute(sa.text("UPDATE summaries SET rows = 7"))
    found = inspect(url, repair=None)
    assert (len(found.damage) > 3, "s3cr3t" in repr(found)) == (True, False)
