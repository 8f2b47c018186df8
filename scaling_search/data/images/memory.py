"""How much memory the images being unpacked may take together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from scaling_search.data.images.pixels import UnusableError
from scaling_search.system.machine import available_memory

# Decoding, laying on white and turning keep a few copies: 4 bytes a pixel in Pillow, 8 in wide sums.
BYTES_PER_SAMPLE = 12
_MOST = 2 * 2**30
_GIB = 2**30


class Budget:
    """Bytes shared by threads: who wants more than is left waits; one image alone may take it all."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def hold(self, needed: int) -> Iterator[None]:
        """Waits until there is room for `needed` bytes, or nobody else holds any."""
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + needed <= self.total)
            self._used += needed
        try:
            yield
        finally:
            with self._changed:
                self._used -= needed
                self._changed.notify_all()


_shared = Budget(_MOST)


@contextlib.contextmanager
def room_for(height: int, width: int, channels: int) -> Iterator[None]:
    """Memory to unpack an image of this size. UnusableError: this machine has not that much free."""
    needed = height * width * max(channels, 4) * BYTES_PER_SAMPLE
    # Asking the system takes a while; what small images need is there.
    if needed > _shared.total // 8 and needed > (free := available_memory()):
        raise UnusableError(
            "over a limit",
            f"{height}x{width} pixels take about {needed / _GIB:.1f} GiB to unpack; {free / _GIB:.1f} GiB are free",
        )
    with _shared.hold(needed):
        yield
