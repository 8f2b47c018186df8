"""A child at work that needs no second to import everything, and what it tells while it works."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO


def fork(work: Callable[[BinaryIO], None]) -> tuple[int, BinaryIO]:
    """A child at work: its number, and what it writes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, os.fdopen(reading, "rb")
    try:
        os.close(reading)
        with os.fdopen(writing, "wb", buffering=0) as out:
            work(out)
    except BaseException as error:  # the parent must hear of it, whatever it is
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        os._exit(1)
    os._exit(0)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One line that a child told: a word, what belongs to it, and when it was heard."""

    word: str
    about: tuple[str, ...]
    at: float


@dataclass(kw_only=True)
class Child:
    """A child and all that it has told."""

    pid: int
    out: BinaryIO
    marks: list[Mark] = field(default_factory=list)

    def listen(self) -> Iterator[Mark]:
        """The marks to come. A torn last one was never told."""
        for line in self.out:
            if line.endswith(b"\n"):
                word, *about = line.decode().split()
                self.marks.append(Mark(word=word, about=tuple(about), at=time.monotonic()))
                yield self.marks[-1]

    def reach(self, word: str, count: int) -> bool:
        """Waits for the mark of that word and number; False when the child ends before."""
        return any(mark.word == word and (count := count - 1) == 0 for mark in self.listen())

    def kill(self) -> None:
        """Kills it with no warning and hears what it told until then."""
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def end(self) -> int:
        """Its exit code, once it has ended; −9 when it was killed."""
        for _ in self.listen():
            pass
        self.out.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def start(work: Callable[[BinaryIO], None]) -> Child:
    """`fork`, to be listened to mark by mark."""
    pid, out = fork(work)
    return Child(pid=pid, out=out)
