"""A time limit for a whole command."""

from __future__ import annotations

import time
from collections.abc import Callable


class TimeLimit:
    """A `should_stop` that also says yes after so many seconds; `reached` tells that it was for the time alone."""

    def __init__(self, seconds: float | None, should_stop: Callable[[], bool]) -> None:
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._should_stop = should_stop

    def __call__(self) -> bool:
        return self._should_stop() or self._over()

    @property
    def left(self) -> float | None:
        """Seconds that are left, None without a limit."""
        return None if self._ends is None else max(0.0, self._ends - time.monotonic())

    @property
    def reached(self) -> bool:
        return self._over() and not self._should_stop()

    def _over(self) -> bool:
        return self._ends is not None and time.monotonic() >= self._ends
