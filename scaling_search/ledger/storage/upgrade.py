"""The schema's version: read with plain SQL; created and upgraded by Alembic, which is imported only then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import DamagedError, StorageError
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.database import Connection, Database, driven
from scaling_search.ledger.storage.file import File
from scaling_search.ledger.storage.schema import ALL, APPLICATION_ID, VERSION, VERSION_TABLE

if TYPE_CHECKING:
    import sqlalchemy as sa


MIGRATIONS = Path(__file__).parent / "migrations"


def version(database: Database, connection: Connection) -> str | None:
    """The stored schema version; None in a database that holds nothing of ours."""
    if VERSION_TABLE not in database.tables(connection):
        return None
    cursor = connection.cursor()
    cursor.execute(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a name of ours
    found = cursor.fetchall()
    return str(found[0][0]) if len(found) == 1 else None


def ready(database: Database) -> None:
    """Make sure the schema is this program's, creating or upgrading it where that is allowed.

    Raises DamagedError: not a ledger, or one of a newer program.
    """
    with database.reading() as connection:
        found = version(database, connection)
    if found == VERSION:
        return
    _refuse(database, found)
    if database.read_only:
        raise StorageError(
            f"{database.name}: schema {found}, older than this program's {VERSION}, and opened for reading only; "
            "any command that writes to it upgrades it"
        )
    with database.migrating() as migration:
        connection = driven(migration)
        found = version(database, connection)  # another process may have been first
        _refuse(database, found)
        if found is None and database.tables(connection) & {kind.name for kind in ALL}:
            raise _not_a_ledger(database)
        migrate(migration)


def _refuse(database: Database, found: str | None) -> None:
    if found is None and (database.path is not None or database.read_only):
        raise _not_a_ledger(database)
    if found is not None and found > VERSION:
        raise DamagedError(
            f"{database.name}: written by a newer scaling-search (schema {found}, this program knows up to {VERSION}); "
            "upgrade: pip install --upgrade scaling-search"
        )


def _not_a_ledger(database: Database) -> DamagedError:
    return DamagedError(f"{database.name}: not a ledger: it holds no schema of scaling-search")


def create_file(path: Path) -> None:
    """Make a new SQLite ledger, all at once: it appears under its name only when its schema is there.

    Where another process is first, its ledger stays. Raises StorageError.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    database = File(draft, read_only=False, create=True)
    try:
        draft.unlink(missing_ok=True)
        with database.migrating() as migration:
            migration.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            migrate(migration)
        database.close()
        _appear(draft, path)
    except OSError as error:
        raise StorageError(f"{path}: cannot make the ledger: {error.strerror}") from error
    finally:
        database.close()
        for leftover in (draft, Path(f"{draft}-journal")):
            leftover.unlink(missing_ok=True)


def _appear(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not path.exists():
            draft.rename(path)


def migrate(migration: sa.Connection) -> None:
    """Bring the schema up to date within the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = migration
    command.upgrade(config, "head")
    store.begin_summaries(driven(migration))
