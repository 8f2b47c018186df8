"""The schema's version: created and upgraded by Alembic, which is imported only then."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from scaling_search.errors import DamagedError, StorageError
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.database import Connection, Database, again
from scaling_search.ledger.storage.file import File
from scaling_search.ledger.storage.location import NoLedger
from scaling_search.ledger.storage.schema import APPLICATION_ID, VERSION
from scaling_search.ledger.storage.tables import TABLES, VERSIONS

MIGRATIONS = Path(__file__).parent / "migrations"


@again
def ready(database: Database) -> None:
    """Make sure the schema is this program's, creating or upgrading it where that is allowed.

    Raises DamagedError: not a ledger, or of a schema not known here; NoLedger, StorageError: opened for reading only.
    """
    with database.reading() as connection:
        found = _version(database, connection)
    if found == VERSION:
        return
    if found is not None and found not in (known := _known()):
        raise DamagedError(
            f"{database.name}: its schema {found:.20} is none that this scaling-search reads "
            f"({', '.join(sorted(known))}): a newer one does (pip install --upgrade scaling-search), or it was written "
            "before the first release, and a new ledger has to be begun"
        )
    if database.read_only and found is None:
        raise NoLedger(f"{database.name}: there is no ledger in it yet; `scaling-search grid` makes one")
    if database.read_only:
        raise StorageError(
            f"{database.name}: schema {found}, older than this program's {VERSION}, and opened for reading only; "
            "any command that writes to it upgrades it"
        )
    with database.writing() as connection:
        _migrate(database, connection)  # nothing to do where another process was first


def create_file(path: Path) -> None:
    """Make a new SQLite ledger, in one transaction; where another process is first, its ledger stays."""
    with closing(File(path, read_only=False, create=True)) as database:
        ready(database)


def _version(database: Database, connection: Connection) -> str | None:
    """The stored schema version; None where there is nothing of ours, but could be. Raises DamagedError."""
    tables = database.tables(connection)
    if VERSIONS.name in tables:
        found = connection.execute(sa.select(VERSIONS)).scalars().all()
        if len(found) == 1:
            return str(found[0])
    elif not tables & TABLES.keys() and (
        database.path is None or connection.exec_driver_sql("PRAGMA page_count").scalar_one() <= 1
    ):
        return None  # on a server others may have tables too; a file with pages but not these is damaged, or another's
    raise DamagedError(f"{database.name}: not a ledger: it holds no schema of scaling-search")


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def _migrate(database: Database, connection: Connection) -> None:
    """Bring the schema up to date within the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    if database.path is not None:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
    else:
        encoding = connection.scalar(sa.func.current_setting("server_encoding"))
        if encoding not in ("UTF8", "SQL_ASCII"):
            raise StorageError(
                f"{database.name}: a database of encoding {encoding} cannot keep every text; make one of UTF8: "
                "createdb --encoding=UTF8 --template=template0 NAME"
            )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    store.begin_summaries(connection)
