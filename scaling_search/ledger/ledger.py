"""The ledger: every result that was ever measured, safe against crashes, damage and other workers.

    with Ledger.open("scaling-search.db") as ledger:
        claim = ledger.claim(TrialRow.waiting(…), worker="gpu0")
        if claim is not None:
            with ledger.heartbeat(claim):
                …
            ledger.finish(claim, Result(state="complete", accuracy=0.93, …))

Every method is one transaction: when it returns the change is on disk; when it raises nothing has changed.
All raise DamagedError for a damaged row (table and key are named) and StorageError when the disk refuses.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from scaling_search.ledger.claims import trials
from scaling_search.ledger.claims.heartbeat import Heartbeat
from scaling_search.ledger.claims.leases import Claim, Watch
from scaling_search.ledger.claims.trials import Terms
from scaling_search.ledger.reader import Reader, Snapshot, Tables, having
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.database import Connection, Database, again
from scaling_search.ledger.storage.filesystem import network_warning
from scaling_search.ledger.storage.location import check_file, connect, locate
from scaling_search.ledger.storage.records import Value
from scaling_search.ledger.storage.rows import Result, TrialRow
from scaling_search.ledger.storage.schema import KIND_OF, LEASES, SUMMARIES, TRIALS, Kind, Row
from scaling_search.ledger.storage.upgrade import create_file, ready
from scaling_search.system.clock import utc_now

LEASE_SECONDS = 60.0
ATTEMPTS = 3
_ROW_BYTES = 4096  # a trial's row without its texts and bits, rounded up


@dataclass(frozen=True)
class _Transaction:
    """The tables as one transaction sees them."""

    connection: Connection

    def read(self, kind: Kind[Row], *, with_correct: bool = False) -> list[Row]:
        return store.read(self.connection, kind, with_correct=with_correct)

    def find(
        self, kind: Kind[Row], keys: Sequence[tuple[Value, ...]], *, with_correct: bool = False
    ) -> list[Row]:
        return store.read_keys(self.connection, kind, keys, with_correct=with_correct)


class Ledger(Reader):
    """An open ledger; `open` makes one. Safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        *,
        warnings: tuple[str, ...],
        watch: Watch,
        attempts: int,
        wall: Callable[[], str],
    ) -> None:
        self.database = database
        self.warnings = warnings  # for the caller to show
        self._watch = watch
        self._attempts = attempts
        self._wall = wall

    @classmethod
    def open(
        cls,
        place: str | Path,
        *,
        read_only: bool = False,
        lease_seconds: float = LEASE_SECONDS,
        attempts: int = ATTEMPTS,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], str] = utc_now,
    ) -> Self:
        """Open a ledger by path or URL, creating or upgrading it unless `read_only`.

        A worker that has not renewed its lease for `lease_seconds` is dead; a trial is begun at most `attempts` times
        without reaching a checkpoint. `clock` (monotonic seconds) and `wall` (UTC, for people) are given by tests.
        Raises UsageError, InputError, DamagedError (not a ledger, or a newer schema), StorageError.
        """
        location = locate(place)
        warning = None
        if isinstance(location, Path):
            check_file(location, read_only=read_only)
            if not location.exists():
                create_file(location)
            warning = network_warning(location)
        database = connect(location, read_only=read_only)
        try:
            ready(database)
        except BaseException:
            database.close()
            raise
        watch = Watch(clock=clock, seconds=lease_seconds)
        return cls(
            database, warnings=(warning,) if warning else (), watch=watch, attempts=attempts, wall=wall
        )

    @property
    def place(self) -> str:
        """Where it is, as a command names it; a URL without its password."""
        return self.database.name

    @property
    def opening(self) -> dict[str, Any]:
        """Arguments of `open` for another process; the place has its password."""
        return {
            "place": self.database.address,
            "lease_seconds": self._watch.seconds,
            "attempts": self._attempts,
        }

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Tables]:
        with self.database.reading() as connection:
            yield _Transaction(connection)

    @again
    def snapshot(self) -> Snapshot:
        """All that the ledger holds now, read in one transaction."""
        with self._reading() as tables:
            return Snapshot(tables)

    @again
    def record(
        self, rows: Sequence[object], *, instead_of: Sequence[tuple[Kind[Any], Mapping[str, Value]]] = ()
    ) -> None:
        """Keep rows of any tables but trials and leases, in place of those with the same keys, all or none.

        `instead_of` names tables and values of fields: rows that have them and are not among `rows` are removed.
        A network, a prediction or an evaluation that is there already stays as it was (`Kind.first_stays`).
        """
        by_kind = _by_kind(rows)
        for kind in (TRIALS, LEASES, SUMMARIES):
            if kind in by_kind:
                raise ValueError(f"{kind.name}: these rows are written by what happens to a trial")
        with self.database.writing(_ROW_BYTES * len(rows)) as connection:
            for kind, equal in instead_of:
                new = {kind.key_of(row) for row in by_kind.get(kind, [])}
                old = having(store.read(connection, kind), equal)
                store.remove(connection, kind, [row for row in old if kind.key_of(row) not in new])
            _put(connection, by_kind)

    @again
    def add_trials(self, rows: Sequence[TrialRow]) -> None:
        """Plan trials: those that the ledger does not have yet are waiting; the others stay as they are."""
        with self.database.writing() as connection:
            store.put(connection, TRIALS, [trials.keyed(row) for row in rows], replace=False)

    @again
    def claim(self, row: TrialRow, worker: str | None = None, *, retry_failed: bool = False) -> Claim | None:
        """Begin a trial. None when it is finished, or failed (unless `retry_failed`), or in a live worker's hands.

        `worker` is a name for people; host and process are recorded anyway.
        """
        with self.database.writing(_ROW_BYTES) as connection:
            return trials.claim(connection, row, self._terms(worker, retry_failed=retry_failed))

    @again
    def claim_finished(self, row: TrialRow, worker: str | None = None) -> Claim | None:
        """Take a finished trial in hand again, to measure what was not measured; None while a live worker has it.

        Its row does not change. `finish` without a result, or `release`, gives it back.
        """
        with self.database.writing(_ROW_BYTES) as connection:
            return trials.claim_finished(connection, row, self._terms(worker))

    def _terms(self, worker: str | None, *, retry_failed: bool = False) -> Terms:
        return Terms(
            worker=worker or f"{platform.node()}:{os.getpid()}",
            watch=self._watch,
            attempts=self._attempts,
            retry_failed=retry_failed,
            now=self._wall(),
        )

    @again
    def renew(self, claim: Claim, *, checkpoint: bool = False) -> None:
        """Show that the worker lives; `checkpoint` says that it has got on, so that earlier attempts no longer count.

        Raises LeaseLost when another worker has taken over.
        """
        with self.database.writing() as connection:
            trials.renew(connection, claim, checkpoint=checkpoint)

    def heartbeat(self, claim: Claim) -> Heartbeat:
        """A context in which a thread renews the claim; its `lost` tells when another worker has taken over."""
        return Heartbeat(lambda: self.renew(claim), seconds=self._watch.seconds / 4)

    @again
    def finish(self, claim: Claim, result: Result | None, more: Sequence[object] = ()) -> None:
        """Record a result, and with it rows about the trial (evaluations, weights); from now on they never change.

        Saying it twice is saying it once. Without a result the claim is one of a trial that was finished before
        (`claim_finished`). Raises LeaseLost.
        """
        size = 0 if result is None else len(result.epochs or "") + len(result.correct or b"")
        with self.database.writing(_ROW_BYTES * (1 + len(more)) + size) as connection:
            if result is None:
                trials.release_finished(connection, claim)
            else:
                trials.finish(connection, claim, result, self._wall())
            _put(connection, _by_kind(more))

    @again
    def fail(self, claim: Claim, failure: str, *, retry: bool = False) -> None:
        """Record why a trial failed. `retry`, for failures of the machine only, lets it be begun again a few times.

        Raises LeaseLost.
        """
        with self.database.writing(_ROW_BYTES) as connection:
            trials.fail(connection, claim, failure, attempts=self._attempts if retry else 0, now=self._wall())

    @again
    def release(self, claim: Claim) -> None:
        """Give a trial back unfinished, because its user stopped it; that attempt does not count. Raises LeaseLost."""
        with self.database.writing() as connection:
            trials.release(connection, claim)


def _by_kind(rows: Sequence[object]) -> dict[Kind[Any], list[Any]]:
    found: dict[Kind[Any], list[Any]] = {}
    for row in rows:
        found.setdefault(KIND_OF[type(row)], []).append(row)
    return found


def _put(connection: Connection, by_kind: Mapping[Kind[Any], Sequence[Any]]) -> None:
    for kind, rows in by_kind.items():
        if len({kind.key_of(row) for row in rows}) != len(rows):
            raise ValueError(f"{kind.name}: two rows have the same key")
        store.put(connection, kind, rows, replace=not kind.first_stays)
