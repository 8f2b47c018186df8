"""The cache folder, and files that appear complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias

import platformdirs

from scaling_search.errors import StorageError, UsageError
from scaling_search.system.text import full_path, without_passwords

if TYPE_CHECKING:
    from upath import UPath

Folder: TypeAlias = "Path | UPath"  # on a disk, or at an fsspec URL

NAME = "scaling-search"
# What a writer that was killed leaves behind.
DRAFT_PREFIX = ".draft-"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def cache_folder(*parts: str) -> Path:
    """Our folder in the user's cache, or one below it: what can be made again lies there. It need not exist."""
    folder = platformdirs.user_cache_path(NAME)
    if not folder.is_absolute():
        # No home is known (a user id without a name, as in containers): a folder of that user's own.
        folder = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid() if hasattr(os, 'getuid') else 0}"
    return folder.joinpath(*parts)


def folder_at(place: str | Path) -> Folder:
    """A folder by its path, or by an fsspec URL (`s3://bucket/folder`); it need not exist.

    Errors: UsageError for a URL of no known kind, or where the library that speaks it is not installed.
    """
    if "://" not in str(place):
        return full_path(place).absolute()
    from upath import UPath

    try:
        found = UPath(place)
        _ = found.fs
    except (ImportError, ValueError) as error:
        raise UsageError(f"{without_passwords(str(place))}: {error}") from None
    return Path(found.path) if found.protocol in ("file", "local") else found


def names_in(folder: Folder) -> set[str]:
    """What lies in it, by name; nothing where it is not there. Errors: StorageError where it cannot be read."""
    try:
        return {one.name for one in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except Exception as error:  # every store has its own
        raise StorageError(f"cannot read {shown(folder)}: {error}") from error


def shown(place: Folder) -> str:
    """As people may see it."""
    return without_passwords(str(place))


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `path` when the block ends, and vanishes when the block fails.

    What other processes read under `path` is the old file or the new one, complete, also after a power cut.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=DRAFT_PREFIX)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        as_new(draft)
        draft.replace(path)
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def save(content: str | bytes, path: Folder) -> None:
    """Writes a file by `replacing`, and its folder; text as UTF-8. Errors: StorageError naming path and bytes."""
    data = content.encode() if isinstance(content, str) else content
    if not isinstance(path, Path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        except Exception as error:  # every store has its own
            raise StorageError(f"cannot write {shown(path)} ({len(data):,} bytes): {error}") from error
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not (path.is_file() or path.is_dir()):
            path.write_bytes(
                data
            )  # into a pipe or a device, /dev/stdout or /dev/full: no file may take its place
            return
        with replacing(path.resolve() if path.is_symlink() else path) as file:
            file.write(data)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        need = f" ({len(data):,} bytes needed)" if error.errno in _NO_ROOM else ""
        raise StorageError(f"cannot write {path}: {reason}{need}") from error


def sync_folder(folder: Path) -> None:
    """Has a folder's names on the disk, where its file system can."""
    with contextlib.suppress(OSError):  # some network file systems refuse
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def as_new(path: Path, mode: int = 0o666) -> None:
    """Gives a file of `tempfile`, which is for its owner alone, the permissions of any other new file here."""
    mask = os.umask(0o077)
    os.umask(mask)
    path.chmod(mode & ~mask)
