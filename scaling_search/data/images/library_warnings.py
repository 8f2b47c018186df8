"""What image libraries warn of, with the image's name, once per kind."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any, Self

from scaling_search.data.paths import printable

# Libraries that log in place of warning; without a handler, Python would print their lines bare.
_LOGGERS = ("PIL", "tifffile")
_NUMBERS = re.compile(r"\d+")


class LibraryWarnings(logging.Handler):
    """While it is entered, warnings of all threads are collected here under the image that each thread reads.

    Not to be entered twice at a time: Python has one place for warnings.
    """

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self._reading = threading.local()
        self._met: dict[str, tuple[str, list[str]]] = {}
        self._stack = contextlib.ExitStack()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def about(self, name: str) -> Iterator[None]:
        """What this thread meets inside is about the image of this name."""
        self._reading.name = name
        try:
            yield
        finally:
            self._reading.name = None

    def lines(self) -> tuple[str, ...]:
        """A line per kind of warning: how many images, the first of them, what was said of that."""
        found = sorted(self._met.values(), key=lambda one: (-len(one[1]), one[1]))
        return tuple(
            f"{min(names)}{f' and {len(set(names)) - 1} more' if len(set(names)) > 1 else ''}: {text}"
            for text, names in found
        )

    def emit(self, record: logging.LogRecord) -> None:
        """A line that a library logged."""
        self._add(record.getMessage())

    def _add(self, text: str) -> None:
        name = getattr(self._reading, "name", None)
        line = printable(" ".join(text.split()))
        with self._lock:
            # Warnings that differ in numbers alone are of one kind.
            self._met.setdefault(_NUMBERS.sub("0", line), (line, []))[1].append(name or "(no image)")

    def _warned(self, message: Warning | str, *_: Any, **__: Any) -> None:
        self._add(str(message))

    def __enter__(self) -> Self:
        self._stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("always")
        warnings.showwarning = self._warned
        for logger in map(logging.getLogger, _LOGGERS):
            self._stack.callback(setattr, logger, "propagate", logger.propagate)
            self._stack.callback(logger.removeHandler, self)
            logger.propagate = False
            logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
