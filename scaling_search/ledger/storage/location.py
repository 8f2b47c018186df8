"""Where a ledger is: a path or a URL, and what of it may be shown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import InputError, StorageError, UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from scaling_search.ledger.storage.database import Database

# Also what only looks like a URL, or like the parameters of a server: a password may stand in it.
_URL = re.compile(r".*(://|\bpassword\s*=)|\w[\w+]+:/|postgres\w*(\+\w+)?:", re.IGNORECASE | re.DOTALL)
_SERVER = "postgresql+psycopg"


class NoLedger(InputError):
    """There is nothing yet at this location."""


def locate(location: str | Path) -> Path | sa.URL:
    """A path, or a server's URL, from what the user gave.

    >>> locate("sqlite:///results.db")
    PosixPath('results.db')

    Raises UsageError for a URL of another kind.
    """
    text = os.fspath(location)
    if not _URL.match(text):
        return _path(text)
    url = _parsed(text)
    if url is None:
        raise UsageError(
            f"ledger {shown(text)!r} is neither a path nor a URL like {_SERVER}://USER:PASSWORD@HOST/NAME "
            "(in which @ : / ? of a name or password are written %40 %3A %2F %3F)"
        )
    if url.drivername in ("postgresql", "postgres", _SERVER):
        # SQLAlchemy hides a password, but not in the query.
        given = url.normalized_query.get("password", (url.password,))[-1]
        return url.difference_update_query(["password"]).set(drivername=_SERVER, password=given)
    if url.drivername in ("sqlite", "sqlite+pysqlite") and url.database not in (None, "", ":memory:"):
        return _path(str(url.database))
    raise UsageError(f"ledger {shown(text)!r}: legal are a path and {_SERVER}://HOST/NAME")


def shown(location: str | Path | sa.URL) -> str:
    """A location as it may be shown: a path, or of a URL only user, host and database.

    >>> shown("postgresql://me:secret@host/db?password=secret")
    'postgresql://me:***@host/db'
    """
    if isinstance(location, str | Path):
        text = os.fspath(location)
        if not _URL.match(text):
            return text
        url = _parsed(text)
        if url is None:
            scheme = re.match(r"[A-Za-z][A-Za-z0-9+]*(?=:)", text)
            return f"{scheme[0] if scheme else ''}:…"
        location = url
    return location.set(query={}).render_as_string()


def _parsed(text: str) -> sa.URL | None:
    """The URL, if it can be read in one way only: a stray @ or = may belong to a password."""
    import sqlalchemy as sa

    front, _, query = text.partition("?")
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        return None
    odd = front.count("@") > 1 or "@" in query or "password" in front.rpartition("/")[2]
    return None if odd and not url.drivername.startswith("sqlite") else url


def _path(text: str) -> Path:
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError(
            f"ledger {text!r}: whose home ~ means is not known here; write the whole path"
        ) from error
    if "\0" in text:
        raise UsageError(f"ledger {text!r}: no path can hold a NUL")
    return path


def connect(location: Path | sa.URL, *, read_only: bool) -> Database:
    """A database for a location; nothing is read yet."""
    # Here, because SQLAlchemy takes a quarter of a second to import.
    if isinstance(location, Path):
        from scaling_search.ledger.storage.file import File

        return File(location, read_only=read_only)
    from scaling_search.ledger.storage.server import Server

    return Server(location, shown(location), read_only=read_only)


def check_file(path: Path, *, read_only: bool) -> None:
    """Refuse early what SQLite would only call "unable to open".

    Never opens the file: closing it again would drop the locks that this process holds on it (POSIX).
    Raises InputError or StorageError.
    """
    try:
        _check_file(path, read_only=read_only)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def _check_file(path: Path, *, read_only: bool) -> None:
    folder = Path(os.path.realpath(path)).parent
    if path.is_dir():
        raise InputError(f"{path}: a folder, not a ledger")
    if path.is_symlink() and not path.exists():
        raise InputError(f"{path}: a link to {path.readlink()}, where there is nothing")
    if not path.exists():
        if read_only:
            raise NoLedger(f"{path}: there is no ledger here; `scaling-search grid` makes one")
        if not folder.is_dir():
            raise InputError(f"{path}: its folder does not exist")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StorageError(f"{path}: no permission to write in its folder")
        return
    if not path.is_file():
        raise InputError(f"{path}: a device or pipe, not a file")
    if not os.access(path, os.R_OK):
        raise StorageError(f"{path}: no permission to read the ledger")
    if not (read_only or (os.access(path, os.W_OK) and os.access(folder, os.W_OK))):
        raise StorageError(
            f"{path}: no permission to write the ledger or its folder (SQLite puts a journal beside it)"
        )
