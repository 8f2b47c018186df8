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
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from scaling_search.ledger.claims import trials
from scaling_search.ledger.claims.heartbeat import Heartbeat
from scaling_search.ledger.claims.leases import Claim, Watch
from scaling_search.ledger.claims.trials import Terms
from scaling_search.ledger.reader import Reader, Snapshot, Tables
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.database import Connection, Database, again
from scaling_search.ledger.storage.filesystem import network_warning
from scaling_search.ledger.storage.location import check_file, connect, locate
from scaling_search.ledger.storage.records import Value
from scaling_search.ledger.storage.rows import (
    CandidateRow,
    DecisionRow,
    EvaluationRow,
    NetworkRow,
    Result,
    StudyRow,
    TrialRow,
)
from scaling_search.ledger.storage.schema import (
    CANDIDATES,
    DECISIONS,
    EVALUATIONS,
    NETWORKS,
    STUDIES,
    TRIALS,
    Kind,
    Row,
)
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

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
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

    # Labels ---------------------------------------------------------------------------------------------------------

    @again
    def record_study(self, row: StudyRow) -> None:
        """Keep a study, in place of an earlier one of that name."""
        with self.database.writing(len(row.toml)) as connection:
            store.put(connection, STUDIES, [row])

    @again
    def record_network(self, row: NetworkRow) -> None:
        """Keep a network; one with the same fingerprint stays as it is."""
        with self.database.writing(len(row.toml)) as connection:
            store.put(connection, NETWORKS, [row], replace=False)

    @again
    def record_candidates(
        self, study: str, rows: Sequence[CandidateRow], *, in_place_of: str | None = None
    ) -> None:
        """Label networks with triples, in place of all labels of the same study, purpose and φ.

        `in_place_of` names a purpose whose labels at other φ go too. Raises ValueError.
        """
        if any(row.study != study for row in rows):
            raise ValueError(f"a candidate of another study than {study!r}")
        if len({CANDIDATES.key_of(row) for row in rows}) != len(rows):
            raise ValueError("two candidates have the same study, purpose, φ and triple")
        groups = {(row.purpose, row.phi) for row in rows}
        with self.database.writing(1024 * len(rows)) as connection:
            old = [row for row in store.read(connection, CANDIDATES) if row.study == study]
            new = {CANDIDATES.key_of(row) for row in rows}
            stale = [
                row
                for row in old
                if ((row.purpose, row.phi) in groups or row.purpose == in_place_of)
                and CANDIDATES.key_of(row) not in new
            ]
            store.remove(connection, CANDIDATES, stale)
            store.put(connection, CANDIDATES, rows)

    @again
    def record_decisions(self, rows: Sequence[DecisionRow]) -> None:
        """Keep what a round decided about networks, in place of the same round's earlier decisions."""
        with self.database.writing(sum(_ROW_BYTES + len(row.detail or "") for row in rows)) as connection:
            store.put(connection, DECISIONS, rows)

    # Trials ---------------------------------------------------------------------------------------------------------

    def add_trials(self, rows: Iterable[TrialRow]) -> None:
        """Plan trials: those that the ledger does not have yet are waiting; the others stay as they are."""
        with self.database.writing() as connection:
            store.put(connection, TRIALS, [trials.keyed(row) for row in rows], replace=False)

    @again
    def claim(self, row: TrialRow, worker: str | None = None, *, retry_failed: bool = False) -> Claim | None:
        """Begin a trial. None when it is finished, or failed (unless `retry_failed`), or in a live worker's hands.

        `worker` is a name for people; host and process are recorded anyway.
        """
        terms = Terms(
            worker=worker or f"{platform.node()}:{os.getpid()}",
            watch=self._watch,
            attempts=self._attempts,
            retry_failed=retry_failed,
            now=self._wall(),
        )
        with self.database.writing(_ROW_BYTES) as connection:
            return trials.claim(connection, row, terms)

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
    def finish(self, claim: Claim, result: Result) -> None:
        """Record a result; from now on the row never changes. Saying it twice is saying it once. Raises LeaseLost."""
        needed = _ROW_BYTES + len(result.epochs or "") + len(result.correct or b"")
        with self.database.writing(needed) as connection:
            trials.finish(connection, claim, result, self._wall())

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

    # Evaluations ----------------------------------------------------------------------------------------------------

    @again
    def record_evaluation(self, row: EvaluationRow) -> None:
        """Keep a finished trial's figures on another split; what was measured first stays."""
        with self.database.writing(_ROW_BYTES + len(row.correct or b"")) as connection:
            store.put(connection, EVALUATIONS, [row], replace=False)
