"""What a study may be called."""

from __future__ import annotations

from scaling_search.errors import InputError

_LONGEST_NAME = 200


def check_name(name: str) -> str:
    """The name itself, when it can name a study. Errors: InputError."""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InputError(
            f"{name[:80]!r} cannot name a study: legal are 1 to {_LONGEST_NAME} printable characters without blanks at "
            "either end"
        )
    return name
