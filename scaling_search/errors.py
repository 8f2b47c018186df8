"""The few errors that a user, a machine or a damaged file can cause, each with its exit code.

Anything else that escapes is a bug of ours and keeps its traceback (exit code 1).
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class ScalingSearchError(Exception):
    """An error whose message says all the user needs: the value, what is legal, what to do."""

    exit_code = 1


class UsageError(ScalingSearchError):
    """The command line cannot be understood."""

    exit_code = 2


class InputError(ScalingSearchError):
    """A study, network, recipe or data set is bad."""

    exit_code = 3


class TrialsFailed(ScalingSearchError):
    """Some trials failed; the others are in the ledger."""

    exit_code = 4


class DamagedError(ScalingSearchError):
    """A ledger or checkpoint is damaged, or is not one."""

    exit_code = 5


class DeviceError(ScalingSearchError):
    """A device or a part of the environment is missing."""

    exit_code = 6


class StorageError(ScalingSearchError):
    """The disk is full or cannot be written."""

    exit_code = 7


class StoppedError(ScalingSearchError):
    """A signal stopped the work; what was finished is kept. Exit code 128 + the signal's number."""

    def __init__(self, message: str, *, signum: int = signal.SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + signum


def suggest(what: str, name: object, legal: Iterable[str]) -> str:
    """One sentence: the unknown name, the nearest legal one, and all the legal ones.

    >>> suggest("network", "efficientnet-bo", ["efficientnet-b0", "resnet-50"])
    "unknown network 'efficientnet-bo': did you mean 'efficientnet-b0'? Legal: efficientnet-b0, resnet-50"
    """
    names = list(legal)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"unknown {what} {str(name)!r}: {hint}Legal: {', '.join(names)}"


def explain(error: ValidationError, what: str) -> InputError:
    """A pydantic validation error in one line per fault: field, value, what is wrong."""
    lines = []
    for fault in error.errors(include_url=False, include_context=False):
        where = _path(fault["loc"]) or "(the whole)"
        given = fault["input"]
        shown = "" if isinstance(given, dict | list | tuple) else f" (got {given!r})"
        lines.append(f"{what}: {where}: {fault['msg']}{shown}")
    return InputError("\n".join(lines))


def _path(steps: tuple[int | str, ...]) -> str:
    """Where in a file: keys by name, the items of a list by number from 1, as people count.

    >>> _path(("stages", 1, "pool", "kernel"))
    'stage 2.pool.kernel'
    """
    parts: list[str] = []
    for step in steps:
        if isinstance(step, int) and parts:
            parts[-1] = f"{parts[-1].removesuffix('s')} {step + 1}"
        else:
            parts.append(str(step))
    return ".".join(parts)
