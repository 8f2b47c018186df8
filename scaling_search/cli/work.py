"""What the commands that train share: an open ledger, signals, signs of life, loggers, and the exit code."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from scaling_search.cli import inputs
from scaling_search.errors import StoppedError, StorageError, UsageError, suggest
from scaling_search.system.text import without_passwords

if TYPE_CHECKING:
    from scaling_search.ledger.storage.rows import TrialRow
    from scaling_search.search.trial.trial import Callback
    from scaling_search.search.trial.workers import Workers


@dataclass(frozen=True, kw_only=True)
class Work:
    """An open ledger and what runs around it."""

    ledger: Any  # a Ledger, None where none is needed
    callbacks: Sequence[Callback]
    should_stop: Callable[[], bool]
    workers: Workers | None


@contextlib.contextmanager
def work(
    place: str,
    *,
    read_only: bool = False,
    needed: bool = True,
    quiet: bool = False,
    log: str | None = None,
    workers: int | None = None,
    ray: str | None = None,
) -> Iterator[Work]:
    """Opens the ledger (where it is `needed`), listens for signals and has workers of Ray where they are asked for.

    A stop ends in StoppedError, saying what is kept and how to go on.
    """
    from scaling_search.cli.progress import ProgressBar
    from scaling_search.cli.signals import Stop
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.trial.loggers import logger
    from scaling_search.training.outcome import TrainingStopped

    with contextlib.ExitStack() as stack:
        others = () if log is None else (logger(log),)
        stop, bars = stack.enter_context(Stop()), stack.enter_context(ProgressBar(quiet=quiet))
        placed = None
        if workers is not None or ray is not None:
            from scaling_search.search.trial.workers import Workers

            placed = stack.enter_context(Workers(workers, ray))
        # Last, so that what is refused before leaves no ledger behind.
        ledger = stack.enter_context(Ledger.open(place, read_only=read_only)) if needed else None
        for warning in () if ledger is None else ledger.warnings:
            bars.say(f"warning: {warning}")

        try:
            yield Work(
                ledger=ledger,
                callbacks=(bars, *others),
                should_stop=lambda: stop.requested,
                workers=placed,
            )
        except TrainingStopped as stopped:
            kept = "" if stopped.step is None else f"; the running trial is kept at step {stopped.step}"
            raise StoppedError(
                f"stopped. Finished trials are in the ledger{kept}. Run the same command again to go on: {command()}",
                signum=stop.signum or 2,
            ) from None


@contextlib.contextmanager
def find_members(
    place: str,
    names: Sequence[str],
    *,
    study: str | None,
    coefficients: str | None,
    family: str | None,
    factors: str | None,
    seeds: Sequence[int],
    weights: Path | None,
    metadata: Any,
    checkpoints: str | None = None,
    read_only: bool = False,
) -> Iterator[tuple[Any, list[Any]]]:
    """The ledger, where one is asked that can be written, and the members that are named.

    Errors: InputError, UsageError.
    """
    from scaling_search.scaling.coefficients import parse_coefficients
    from scaling_search.search.members import resolve
    from scaling_search.search.tables.study_report import choose
    from scaling_search.search.trial.weights import checkpoint_folder

    own = [name for name in names if resolve.is_member(name)]
    if weights is not None and own:
        raise UsageError(f"--weights are for a network or an exported folder: {own[0]} has its own")
    triple = None if coefficients is None else parse_coefficients(coefficients)
    for option, value, legal in (
        ("--family", family, ("proxy", "full")),
        ("--factors", factors, ("nominal", "realised")),
    ):
        if value is not None and value not in legal:
            raise UsageError(suggest(f"value of {option}", value, legal))
    of_family = {"--coefficients": triple, "--family": family, "--factors": factors}
    for option, given in {"--seed": seeds, **of_family}.items():
        if given and not own:
            raise UsageError(
                f"{option} is for members of a study: {names[0]} is none (phi=2, best or winner)"
            )
        if given and option in of_family and not any(map(resolve.is_of_family, own)):
            raise UsageError(f"{option} is for members of a family: {own[0]} is of a search (phi=2 or best)")
    if weights is not None:
        yield None, [resolve.from_outside(name, weights=weights, metadata=metadata) for name in names]
    elif not own:
        yield None, [resolve.from_outside(name, metadata=metadata) for name in names]
    else:
        with _readable(place, read_only=read_only or not inputs.exists(place)) as ledger:
            row = choose(ledger, study)
            folder = checkpoint_folder(ledger, checkpoints)
            found = resolve.members_of(names, ledger, row, folder, seeds, triple, family, factors)
            kept = None if ledger.database.read_only else ledger
            yield kept, [member.about(metadata) for member in found]


def _readable(place: str, *, read_only: bool) -> Any:
    """A ledger, opened for reading alone where it is somebody else's, or on a disk that cannot be written."""
    from scaling_search.cli.progress import say
    from scaling_search.ledger.ledger import Ledger

    try:
        return Ledger.open(place, read_only=read_only)
    except StorageError as error:
        if read_only:
            raise
        say(f"warning: what comes out is not recorded: {error}")
        return Ledger.open(place, read_only=True)


def command() -> str:
    """The command that runs, as a shell reads it, without passwords."""
    return shlex.join(["scaling-search", *map(without_passwords, sys.argv[1:])])


def finish(trials: Iterable[TrialRow], *, nothing: bool = False) -> None:
    """Exit code 4 when some trials failed, or none is a result (`nothing`)."""
    if nothing or any(row.state == "failed" for row in trials):
        raise typer.Exit(4)
