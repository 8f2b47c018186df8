"""Where a ledger is, and how it is opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import DamagedError, InputError, StorageError, UsageError
from scaling_search.ledger.storage.database import Database
from scaling_search.ledger.storage.file import File

if TYPE_CHECKING:
    import sqlalchemy as sa


def locate(place: str | Path) -> Path | sa.URL:
    """A path, or a server's URL, from what the user gave.

    >>> locate("sqlite:///results.db")
    PosixPath('results.db')

    Raises UsageError for a URL of another kind.
    """
    if isinstance(place, Path) or "://" not in place:
        return Path(place)
    import sqlalchemy as sa

    try:
        url = sa.make_url(place)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UsageError(
            f"ledger {place!r} is neither a path nor a URL like postgresql+psycopg://HOST/NAME"
        ) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database not in (None, "", ":memory:"):
        return Path(str(url.database))
    raise UsageError(
        f"ledger {url.render_as_string(hide_password=True)!r}: legal are a path and postgresql+psycopg://HOST/NAME"
    )


def connect(place: Path | sa.URL, *, read_only: bool) -> Database:
    """A database for a place; nothing is read yet."""
    if isinstance(place, Path):
        return File(place, read_only=read_only)
    # A file needs no SQLAlchemy, and importing it would take longer than most commands.
    from scaling_search.ledger.storage.server import Server

    return Server(place, read_only=read_only)


def check_file(path: Path, *, read_only: bool) -> None:
    """Refuse early what SQLite would only call "unable to open".

    Never opens the file: closing it again would drop the locks that this process holds on it (POSIX).
    Raises InputError, DamagedError or StorageError.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a ledger")
    if not path.exists():
        if read_only:
            raise InputError(f"{path}: there is no ledger here; `scaling-search grid` makes one")
        if not path.parent.is_dir():
            raise InputError(f"{path}: its folder does not exist")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise StorageError(f"{path}: no permission to write in its folder")
        return
    if path.stat().st_size == 0:
        raise DamagedError(f"{path}: not a ledger: the file is empty. Remove it to begin a new one")
    if not os.access(path, os.R_OK):
        raise StorageError(f"{path}: no permission to read the ledger")
    if read_only:
        journal = Path(f"{path}-journal")
        if journal.exists() and journal.stat().st_size and not os.access(path.parent, os.W_OK):
            raise StorageError(
                f"{path}: a process died while writing, and rolling back needs permission to write; "
                f"copy it and {journal.name} to a folder of your own and use that"
            )
    elif not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise StorageError(
            f"{path}: no permission to write the ledger or its folder (SQLite puts a journal beside it)"
        )
