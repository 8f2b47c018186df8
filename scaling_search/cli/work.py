"""What `grid` and `scale` share: an open ledger, a folder for checkpoints, signals, bars, and the exit code."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from scaling_search.errors import StoppedError
from scaling_search.system.files import cache_folder

if TYPE_CHECKING:
    from scaling_search.cli.progress import Bars
    from scaling_search.cli.signals import Stop
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.storage.rows import TrialRow


@dataclass(frozen=True, kw_only=True)
class Work:
    """An open ledger and what runs around it."""

    ledger: Ledger
    bars: Bars
    stop: Stop
    checkpoints: Path


@contextlib.contextmanager
def work(place: str, command: str) -> Iterator[Work]:
    """Opens the ledger and listens for signals; a stop ends in StoppedError, saying what is kept and how to go on."""
    from scaling_search.cli.progress import Bars
    from scaling_search.cli.signals import Stop
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.storage.location import shown
    from scaling_search.training.outcome import TrainingStopped

    with Ledger.open(place) as ledger, Stop() as stop, Bars() as bars:
        for warning in ledger.warnings:
            bars.say(f"warning: {warning}")
        try:
            yield Work(ledger=ledger, bars=bars, stop=stop, checkpoints=checkpoint_folder(place))
        except TrainingStopped as stopped:
            kept = "" if stopped.step is None else f"; the running trial is kept at step {stopped.step}"
            name = shown(place)
            message = f"stopped. Finished trials are in {name}{kept}. Run the same command again to go on: {command}"
            raise StoppedError(message, signum=stop.signum or 2) from None


def checkpoint_folder(location: str) -> Path:
    """Beside a ledger file; in the user's cache for a database server."""
    from scaling_search.ledger.storage.location import locate

    found = locate(location)
    return Path(f"{found}.checkpoints") if isinstance(found, Path) else cache_folder("checkpoints")


def finish(trials: Iterable[TrialRow]) -> None:
    """Exit code 4 when some trials failed."""
    if any(row.state == "failed" for row in trials):
        raise typer.Exit(4)
