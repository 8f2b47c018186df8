"""Text files of a user's: read whatever editor wrote them, and refused in a sentence where they are none."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaling_search.errors import InputError

MOST_BYTES = 4_000_000  # a network of a thousand stages takes a tenth of that
_MOST_NUMBER = 2**63
# A password in a URL, in its user part or its query; a URL taken for a path has one slash left.
_PASSWORD = re.compile(
    r"(:/{1,2}[^/@\s]*?:)\S*(@)|((?:password|passfile|sslpassword)=)[^&\s]*", re.IGNORECASE
)


def full_path(path: str | Path) -> Path:
    """A path with `~` resolved; as it stands where no home is known."""
    with contextlib.suppress(RuntimeError):
        return Path(path).expanduser()
    return Path(path)


def encoding_of(path: Path) -> str:
    """UTF-16 where a byte order mark says so, as PowerShell and Excel write it; else UTF-8, with or without one."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def read_text(path: str | Path, what: str) -> str:
    """UTF-8 text, or UTF-16 with its mark. Errors: InputError naming `what`, the path and the reason."""
    try:
        full = full_path(path)
        size = full.stat().st_size
        if size > MOST_BYTES:
            raise InputError(f"{what} {path}: {size:,} bytes; no more than {MOST_BYTES:,} are read")
        return full.read_text(encoding=encoding_of(full))
    except OSError as error:
        raise InputError(f"cannot read {what} {path}: {os.strerror(error.errno or 0)}") from None
    except UnicodeError:
        raise InputError(f"cannot read {what} {path}: not UTF-8 text") from None
    except ValueError:
        raise InputError(f"cannot read {what} {str(path)!r}: no path has a zero byte") from None


def parse_toml(text: str, what: str) -> dict[str, Any]:
    """The tables of a TOML text. Errors: InputError naming `what`, and the number where one is beyond 64 bits."""
    try:
        found = tomllib.loads(text)
        for key, number in _whole_numbers(found, ""):
            if not -_MOST_NUMBER <= number < _MOST_NUMBER:
                raise InputError(f"{what}: {key}: whole numbers have at most 64 bits")
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{what} is not TOML: {error}") from None
    except RecursionError:
        raise InputError(f"{what}: its tables are nested too deep") from None
    except ValueError:
        # Python reads no whole number of more than some thousand digits.
        raise InputError(f"{what}: a number of thousands of digits") from None
    return found


def _whole_numbers(value: Any, key: str) -> Iterator[tuple[str, int]]:
    match value:
        case bool():
            return
        case int():
            yield key, value
        case dict():
            for name, item in value.items():
                yield from _whole_numbers(item, f"{key}.{name}" if key else name)
        case list():
            for item in value:
                yield from _whole_numbers(item, key)


def without_passwords(text: str) -> str:
    """A text, those of URLs in it without their passwords, in the user part or the query.

    >>> without_passwords("postgresql://me:secret@host/x?sslpassword=secret&a=b")
    'postgresql://me:***@host/x?sslpassword=***&a=b'
    """
    return _PASSWORD.sub(_hidden, text)


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}***{found[2]}" if found[1] else f"{found[3]}***"
