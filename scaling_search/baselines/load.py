"""Baselines by name, and networks by name or by file."""

from __future__ import annotations

import fnmatch
import re
from functools import cache
from importlib import resources
from pathlib import Path

from scaling_search.architecture.network import Network
from scaling_search.architecture.toml import parse, read
from scaling_search.errors import InputError, suggest


@cache
def names() -> tuple[str, ...]:
    """Names of the built-in networks, numbers in their natural order."""
    found = (
        entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml")
    )
    return tuple(
        sorted(found, key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)])
    )


def list_networks(pattern: str = "*") -> list[str]:
    """Names of the built-in networks that match a pattern.

    >>> list_networks("resnet-5*")
    ['resnet-50', 'resnet-56']
    """
    return [name for name in names() if fnmatch.fnmatchcase(name, pattern)]


def _folder() -> resources.abc.Traversable:
    return resources.files("scaling_search.baselines")


@cache
def baseline(name: str) -> Network:
    """The built-in network `name`. Errors: InputError with the nearest legal name."""
    if name not in names():
        raise InputError(suggest("network", name, names()) + "; or a path to a TOML file of your own")
    return parse((_folder() / f"{name}.toml").read_text(encoding="utf-8"), what=name)


def load(name_or_path: str) -> Network:
    """A built-in network by name, or a user's own by path (anything with a `/` or ending in `.toml`)."""
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        return read(Path(name_or_path))
    return baseline(name_or_path)
