"""Where data lies on this machine, and which names and paths may be written or shown.

Under the data directory (`SCALING_SEARCH_DATA`, else `scaling-search` in the user's cache folder):
`tfds/` holds sets in the layout of tensorflow-datasets, `decoded/` their arrays, `folders/` imported images.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from scaling_search.errors import InputError
from scaling_search.system.files import cache_folder

VARIABLE = "SCALING_SEARCH_DATA"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


def data_directory(given: Path | None = None) -> Path:
    """The data directory: the one given, else the environment's, else the user's cache folder."""
    if given is not None:
        return given.expanduser()
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else cache_folder()


def tfds_directories(data_dir: Path) -> tuple[Path, ...]:
    """Where sets prepared by tensorflow-datasets may lie: ours first, then its own default folder."""
    named = os.environ.get("TFDS_DATA_DIR")
    own = Path(named).expanduser() if named else Path.home() / "tensorflow_datasets"
    return (data_dir / "tfds", own)


def check_name(name: str) -> str:
    """The name itself when it may name a folder: letters, digits, `-`, `_`, single dots between, up to 100.

    InputError for all else, so that no name reaches a path as `..` or a terminal as an escape code.
    """
    if len(name) <= 100 and _NAME.fullmatch(name):
        return name
    raise InputError(
        f"data set name {name[:120]!r} cannot be used: legal are letters, digits, '-', '_' and '.' "
        "between them, at most 100 in all"
    )


def printable(text: object) -> str:
    """The text with control, bidirectional and undecodable characters written as escapes (`\\x1b`)."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in str(text)
    )
