"""Every file below a folder, in the order of its path; what cannot be an image of the set, with the reason."""

from __future__ import annotations

import contextlib
import stat
from dataclasses import dataclass, field
from pathlib import Path

from scaling_search.data.paths import printable
from scaling_search.data.summary import LeftOut
from scaling_search.errors import InputError, StorageError

# Folders that systems make for themselves beside hidden ones: archives from a Mac, network disks.
_SYSTEM = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found"})
EXAMPLES = 3
_DEEPEST = 100


@dataclass
class Left:
    """Files left out, by reason."""

    files: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """One file (its path relative to the folder) for one reason."""
        self.files.setdefault(reason, []).append(name)

    def counted(self) -> dict[str, LeftOut]:
        """How many for each reason, the most frequent first, with a few of them."""
        order = sorted(self.files, key=lambda reason: (-len(self.files[reason]), reason))
        return {
            reason: LeftOut(count=len(self.files[reason]), examples=tuple(self.files[reason][:EXAMPLES]))
            for reason in order
        }


@dataclass(frozen=True, kw_only=True)
class File:
    """A file and the steps from the folder to it; the last one is its own name."""

    path: Path
    steps: tuple[str, ...]

    @property
    def name(self) -> str:
        """The path relative to the folder, for people."""
        return printable("/".join(self.steps))


@dataclass
class Found:
    """What lies below a folder: regular files, and the folders without any, by the steps to them."""

    files: list[File] = field(default_factory=list)
    empty: list[tuple[str, ...]] = field(default_factory=list)
    own: tuple[int, int] | None = None


def walk(folder: Path, left: Left, own: Path) -> Found:
    """The regular files below a folder, links followed; hidden and other ones are counted in `left`.

    `own` is the folder of this program's data, which may lie in there and is passed over.

    InputError: no folder. StorageError: a folder that may not be read.
    """
    if not folder.is_dir():
        there = folder.exists()
        raise InputError(f"{printable(folder)} {'is not a folder' if there else 'does not exist'}")
    found = Found()
    with contextlib.suppress(OSError):
        status = own.stat()
        found.own = (status.st_dev, status.st_ino)
    _below(folder, (), found, left, frozenset())
    return found


def _below(
    folder: Path, steps: tuple[str, ...], found: Found, left: Left, above: frozenset[tuple[int, int]]
) -> None:
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name)
        status = folder.stat()
    except OSError as error:
        raise StorageError(f"cannot read {printable(folder)}: {error.strerror}") from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        left.add("link to a folder that it lies in", printable("/".join(steps)))
        return
    if len(steps) > _DEEPEST:
        left.add(f"deeper than {_DEEPEST} folders", printable("/".join(steps)) + "/")
        return
    if here == found.own:
        left.add("this program's own data", printable("/".join(steps)) + "/")
        return
    before = len(found.files)
    for path in entries:
        file = File(path=path, steps=(*steps, path.name))
        try:
            mode = path.stat().st_mode
        except OSError:
            left.add("link that leads nowhere", file.name)
            continue
        hidden = path.name.startswith(".") or path.name in _SYSTEM
        if stat.S_ISDIR(mode) and not hidden:
            _below(path, file.steps, found, left, above | {here})
        elif hidden:
            left.add("hidden", file.name + "/" * stat.S_ISDIR(mode))
        elif stat.S_ISREG(mode):
            found.files.append(file)
        else:
            left.add("no regular file", file.name)
    if len(found.files) == before:
        found.empty.append(steps)
