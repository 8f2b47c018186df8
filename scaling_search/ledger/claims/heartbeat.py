"""A thread that renews a lease while its worker computes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from scaling_search.errors import ScalingSearchError, StorageError
from scaling_search.ledger.claims.leases import LeaseLost


class Heartbeat:
    """Renews every `seconds` while the context lasts. `lost` is set once another worker has taken over."""

    def __init__(self, renew: Callable[[], None], *, seconds: float) -> None:
        self.lost = False
        self._renew = renew
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="ledger heartbeat", daemon=True)

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._renew()
            except LeaseLost:
                self.lost = True
                return
            except StorageError:
                continue  # room may come back; if not, the worker's own write will say so
            except ScalingSearchError:
                return  # damage: the worker's own write meets it too

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
