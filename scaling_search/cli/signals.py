"""Ctrl-C, SIGTERM and SIGHUP: the first asks the work to stop at the next safe point, the second stops at once."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from types import TracebackType
from typing import Any, NoReturn, Self

_OVER = 0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))
# Schedulers send SIGKILL 30 s after SIGTERM. Who has found no safe point by then leaves without one: checkpoints
# and ledger stand a kill at any moment.
_PATIENCE_SECONDS = 25.0


class Stop:
    """A context in which the signals set `signum` instead of raising anywhere they please.

    A thread hears of them through a pipe, so that the second one, or the end of patience, also ends a process whose
    main thread is deep in compiled code, where Python runs no signal handler.
    """

    def __init__(self, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self.signum: int | None = None
        self._patience_seconds = patience_seconds
        self._before: dict[int, Any] = {}
        self._pipe = (-1, -1)
        self._wakeup_before = -1
        self._thread = threading.Thread(target=self._listen, name="stop signals", daemon=True)

    @property
    def requested(self) -> bool:
        return self.signum is not None

    def _listen(self) -> None:
        deadline = None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._pipe[0]], [], [], left)
            if not ready:
                self._leave("no safe point within reach")
            for signum in os.read(self._pipe[0], 64):
                if signum == _OVER:
                    return
                if signum not in _SIGNALS:
                    continue
                if self.signum is not None:
                    self.signum = signum
                    self._leave("stopped at once")
                self.signum = signum
                deadline = time.monotonic() + self._patience_seconds
                _tell("stopping at the next safe point; once more stops at once")

    def _leave(self, why: str) -> NoReturn:
        _tell(f"{why}; finished trials are in the ledger, checkpoints are kept")
        os._exit(128 + (self.signum or signal.SIGINT))

    def __enter__(self) -> Self:
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._pipe[1])
        self._thread.start()
        for signum in _SIGNALS:
            if signal.getsignal(signum) == signal.SIG_IGN:
                continue  # nohup's: the user wants it to go on
            # Without a handler of Python's own nothing is written to the pipe.
            self._before[signum] = signal.signal(signum, lambda *_: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.write(self._pipe[1], bytes([_OVER]))
        self._thread.join()
        for end in self._pipe:
            os.close(end)


def _tell(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be what has gone
        os.write(2, f"\n{text}\n".encode())
