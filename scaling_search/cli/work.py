"""What `grid` and `scale` share: an open ledger, signals, bars, and the exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from scaling_search.errors import StoppedError

if TYPE_CHECKING:
    from scaling_search.cli.progress import Bars
    from scaling_search.cli.signals import Stop
    from scaling_search.ledger.storage.rows import TrialRow


@dataclass(frozen=True, kw_only=True)
class Work:
    """An open ledger and what runs around it."""

    ledger: Any  # a Ledger, None where none is needed
    bars: Bars
    stop: Stop


@contextlib.contextmanager
def work(place: str, command: str, *, read_only: bool = False, needed: bool = True) -> Iterator[Work]:
    """Opens the ledger (where it is `needed`) and listens for signals.

    A stop ends in StoppedError, saying what is kept and how to go on.
    """
    from scaling_search.cli.progress import Bars
    from scaling_search.cli.signals import Stop
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.training.outcome import TrainingStopped

    with contextlib.ExitStack() as stack:
        ledger = stack.enter_context(Ledger.open(place, read_only=read_only)) if needed else None
        stop, bars = stack.enter_context(Stop()), stack.enter_context(Bars())
        for warning in () if ledger is None else ledger.warnings:
            bars.say(f"warning: {warning}")
        try:
            yield Work(ledger=ledger, bars=bars, stop=stop)
        except TrainingStopped as stopped:
            kept = "" if stopped.step is None else f"; the running trial is kept at step {stopped.step}"
            message = f"stopped. Finished trials are in {place}{kept}. Run the same command again to go on: {command}"
            raise StoppedError(message, signum=stop.signum or 2) from None


def finish(trials: Iterable[TrialRow]) -> None:
    """Exit code 4 when some trials failed."""
    if any(row.state == "failed" for row in trials):
        raise typer.Exit(4)
