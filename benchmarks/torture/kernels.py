"""A kernel library in the cache that a power cut or another program damaged: loaded as it is, it ends the process."""

from __future__ import annotations

import ctypes
import os
import random
from pathlib import Path
from typing import BinaryIO

from benchmarks.torture.child import fork
from benchmarks.torture.outcome import Outcome
from scaling_search.networks import native

_SOURCES = [("kernels.cc", b'extern "C" int answer() { return 42; }')]


def damaged(n: int, folder: Path) -> Outcome:
    """Whoever starts next finds that it is damaged, compiles it anew, and gets the right answer."""
    compiler = native._compiler()
    if compiler is None:
        return Outcome(tried=0, lost=0, silently_wrong=0, note="not tried: no C++ compiler here")
    dice = random.Random(13)  # noqa: S311 - to be repeated, not to be secret
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    lost = wrong = 0
    try:
        for _ in range(n):
            library = native._built(compiler, "torture", _SOURCES)
            library.write_bytes(_damage(library.read_bytes(), dice))

            def work(out: BinaryIO) -> None:
                found = native._built(compiler, "torture", _SOURCES)
                out.write(bytes([ctypes.CDLL(str(found)).answer()]))
                out.flush()

            child, out = fork(work)
            answer = out.read()
            out.close()
            os.waitpid(child, 0)
            lost += answer == b""
            wrong += answer not in (b"", bytes([42]))
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before
    return Outcome(
        tried=n, lost=lost, silently_wrong=wrong, note="cut short, zeros, padded, one flipped bit, foreign"
    )


def _damage(content: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(content))
    return dice.choice([
        content[:at],
        content[:at] + bytes(len(content) - at),
        content + b"\0",
        content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :],
        b"\x7fELF" + dice.randbytes(500),
    ])  # fmt: skip
