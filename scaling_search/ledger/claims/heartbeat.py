"""A thread that renews a lease while its worker computes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from scaling_search.errors import ScalingSearchError, StorageError
from scaling_search.ledger.claims.leases import LeaseLost


class Heartbeat:
    """Renews every `seconds` while the context lasts.

    The worker asks `lost` between steps, wherever it asks whether to stop, and leaves without a result then:

        with ledger.heartbeat(claim) as heartbeat:
            train(…, should_stop=lambda: stop.requested or heartbeat.lost)
    """

    def __init__(self, renew: Callable[[], None], *, seconds: float) -> None:
        self._renew = renew
        self._seconds = seconds
        self._lost = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="ledger heartbeat", daemon=True)

    @property
    def lost(self) -> bool:
        """Whether another worker has the trial now: what this one still computes will be refused (LeaseLost).

        Costs nothing to ask: the thread finds out, at the latest at its next beat.
        """
        return self._lost.is_set()

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            try:
                self._renew()
            except LeaseLost:
                self._lost.set()
                return
            except StorageError:
                continue  # room may come back; if not, the worker's own write will say so
            except ScalingSearchError:
                return  # damage: the worker's own write meets it too

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
