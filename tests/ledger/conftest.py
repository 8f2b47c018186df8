"""Ledgers to test: a fresh SQLite file each, and, where a server is named, a fresh PostgreSQL schema each."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow

SERVER = os.environ.get("SCALING_SEARCH_TEST_POSTGRESQL")


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger to copy: running the migrations takes a second."""
    path = tmp_path_factory.mktemp("blank") / "blank.db"
    Ledger.open(path).close()
    return path


@pytest.fixture
def path(blank: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(blank, tmp_path / "ledger.db"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def location(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a ledger is: a path or a URL."""
    if request.param == "sqlite":
        yield str(request.getfixturevalue("path"))
        return
    if SERVER is None:
        pytest.skip("SCALING_SEARCH_TEST_POSTGRESQL names no server")
    schema = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(SERVER)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    yield (
        sa.make_url(SERVER).update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(False)
    )
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


@pytest.fixture
def ledger(location: str) -> Iterator[Ledger]:
    with Ledger.open(location) as opened:
        yield opened


@pytest.fixture(scope="session")
def trial() -> Callable[[int], TrialRow]:
    """Trials to begin, one per seed."""

    def make(seed: int = 0) -> TrialRow:
        return TrialRow.waiting(
            network="f" * 64,
            network_name="n",
            recipe="{}",
            dataset="d" * 64,
            dataset_name="digits",
            seed=seed,
        )

    return make
