"""The few errors that a user, a machine or a damaged file can cause, each with its exit code.

Anything else that escapes is a bug of ours and keeps its traceback (exit code 1).
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable, Sequence


class ScalingSearchError(Exception):
    """An error whose message says all the user needs: the value, what is legal, what to do."""

    exit_code = 1


class UsageError(ScalingSearchError):
    """The command line cannot be understood."""

    exit_code = 2


class InputError(ScalingSearchError):
    """A study, network, recipe or data set is bad."""

    exit_code = 3


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


# What people call a thing, and what it is called here. The first that is legal where it is asked for is meant.
_OTHER_NAMES = {
    "lr": ("learning_rate", "rate"),
    "se": ("squeeze",),
    "flops": ("macs",),
    "params": ("parameters",),
    "batch": ("batch_size",),
    "bs": ("batch_size",),
    "wd": ("weight_decay",),
    "relu6": ("relu",),
    "swish": ("silu",),
    "resnet": ("basic",),
    "inverted": ("mbconv",),
    "depthwise": ("separable",),
    "md": ("markdown",),
    "tex": ("latex",),
    **dict.fromkeys(("alpha", "beta", "gamma"), ("coefficients",)),
}
_MOST = 10
_SHOWN = 80  # characters of a value


def suggest(what: str, name: object, legal: Iterable[str]) -> str:
    """One sentence: the unknown name, the legal one that is meant, and the legal ones, of many the nearest ten.

    >>> suggest("network", "efficientnet-bo", ["efficientnet-b0", "resnet-50"])
    "unknown network 'efficientnet-bo': did you mean 'efficientnet-b0'? Legal: efficientnet-b0, resnet-50"
    """
    names, text = list(legal), str(name)
    likely = meant(text, names)
    hint = "." if likely is None else f": did you mean {likely!r}?"
    return f"unknown {what} {shorten(text)!r}{hint} Legal: {few(names, near=text)}"


def few(names: Sequence[str], *, near: str = "", most: int = _MOST) -> str:
    """At most ten names, or `most`, and how many there are: all, or those that are most like `near`.

    >>> few([str(number) for number in range(12)], near="11")
    '11, 1, 10, 0, 2, 3, 4, 5, 6, 7 and 2 more'
    """
    if len(names) <= most:
        return ", ".join(names)
    if near:
        names = sorted(names, key=lambda one: -_likeness(near, one))
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def shorten(text: str) -> str:
    """The text, cut in the middle where it is long."""
    half = _SHOWN // 2
    return text if len(text) <= _SHOWN + 3 else f"{text[:half]}...{text[-half:]}"


def meant(text: str, names: Sequence[str]) -> str | None:
    """The same thing under its other name, or the nearest spelling; never merely the least unlike."""
    plain = {_plain(one): one for one in names}
    other = [plain.get(_plain(one)) for one in _OTHER_NAMES.get(text.lower().lstrip("-"), ())]
    near = [one for one in names if _plain(one) == _plain(text)]
    # Of equally likely ones that with the longest beginning in common.
    likely = sorted(names, key=lambda one: (-_likeness(text, one), -_beginning(text, one)))[:1]
    return next(
        iter([*filter(None, other), *near, *(one for one in likely if _likeness(text, one) >= _NEAR)]), None
    )


_NEAR = 0.75


def _likeness(text: str, name: str) -> float:
    """0 to 1, which is for the same name or a beginning of it; of a long text only the beginning is looked at."""
    given, plain = _plain(text[:_SHOWN]), _plain(name)
    if len(given) > 2 and plain.startswith(given):
        return 1.0
    return difflib.SequenceMatcher(None, given, plain).ratio()


def _beginning(text: str, name: str) -> int:
    """How many characters they have in common from the start."""
    return next((at for at, (a, b) in enumerate(zip(text, name, strict=False)) if a != b), len(name))


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
