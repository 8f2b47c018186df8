"""Ctrl-C and SIGTERM: the first asks the work to stop at the next safe point, the second stops at once."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Self

from scaling_search.errors import StoppedError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """A context in which the two signals set `signum` instead of raising anywhere they please."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def requested(self) -> bool:
        return self.signum is not None

    def check(self, kept: str) -> None:
        """Errors: StoppedError once a signal has come; `kept` tells what is safe and how to go on."""
        if self.signum is not None:
            raise StoppedError(kept, signum=self.signum)

    def _handle(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self.signum is not None:
            os.write(2, b"\nstopped at once; finished trials are in the ledger\n")
            os._exit(128 + signum)
        self.signum = signum
        os.write(2, b"\nstopping at the next safe point; once more stops at once\n")
        sys.stderr.flush()

    def __enter__(self) -> Self:
        for signum in _SIGNALS:
            self._before[signum] = signal.signal(signum, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
