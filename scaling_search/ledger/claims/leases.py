"""Who works on a trial. Lease numbers only grow (fencing tokens): a write under an older one is refused.

Whether a holder still lives is never told by comparing two machines' wall clocks. It is dead when it ran on this
machine and its process is gone; or, on SQLite, when this process has watched its heartbeat stand still
for `seconds` of its own monotonic clock; or, on a database server, when the heartbeat is that old by its clock.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa

from scaling_search.errors import ScalingSearchError
from scaling_search.ledger.claims.process import Process, is_gone, this_process
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.database import Connection
from scaling_search.ledger.storage.rows import LeaseRow, TrialRow
from scaling_search.ledger.storage.schema import LEASES
from scaling_search.ledger.storage.store import Stored


class LeaseLost(ScalingSearchError):
    """Another worker has taken the trial over: what this one measured is not written."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to write one trial's result, while no newer number is given out."""

    key: str
    number: int
    worker: str
    trial: TrialRow  # as it was when claimed: running


@dataclass(kw_only=True)
class Watch:
    """Judges whether a lease's holder is dead, from what this process has seen itself."""

    clock: Callable[[], float]  # monotonic seconds
    seconds: float
    here: Process = field(default_factory=this_process)
    _seen: dict[str, tuple[int, int, float]] = field(default_factory=dict)

    def is_dead(self, lease: LeaseRow, server_now: float | None) -> bool:
        """`server_now` is the database server's clock, None where there is no server."""
        if is_gone(Process(host=lease.host, pid=lease.pid, start=lease.process_start), self.here):
            return True
        if server_now is not None and lease.beat_at is not None:
            return server_now - lease.beat_at > self.seconds
        now = self.clock()
        number, beats, since = self._seen.get(lease.trial_key, (-1, -1, now))
        if (number, beats) != (lease.number, lease.beats):
            self._seen[lease.trial_key] = (lease.number, lease.beats, now)
            return False
        return now - since > self.seconds


def server_now(connection: Connection) -> float | None:
    """The database server's clock in seconds, or None where there is no server."""
    if connection.dialect.name == "sqlite":
        return None
    return float(connection.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one())


def take(
    connection: Connection, key: str, worker: str, watch: Watch
) -> tuple[Stored[LeaseRow], LeaseRow | None] | None:
    """A new lease, and the dead holder's that it ends. None while a live worker holds the trial."""
    now = server_now(connection)
    old = store.read_one(connection, LEASES, key)
    dead = old.row if old is not None and old.row.held else None
    if dead is not None and not watch.is_dead(dead, now):
        return None
    lease = LeaseRow(
        trial_key=key,
        number=1 if old is None else old.row.number + 1,
        held=True,
        worker=worker,
        host=watch.here.host,
        pid=watch.here.pid,
        process_start=watch.here.start,
        beats=0,
        beat_at=now,
    )
    if old is None:
        return store.add(connection, LEASES, lease), dead
    return store.alter(connection, LEASES, old, lease), dead


def renew(connection: Connection, claim: Claim) -> None:
    """One more heartbeat. Raises LeaseLost."""
    lease = held(connection, claim)
    beat = dataclasses.replace(lease.row, beats=lease.row.beats + 1, beat_at=server_now(connection))
    store.alter(connection, LEASES, lease, beat)


def held(connection: Connection, claim: Claim) -> Stored[LeaseRow]:
    """The claim's lease. Raises LeaseLost when it was released or a newer one was given out."""
    return verified(claim, store.read_one(connection, LEASES, claim.key))


def verified(claim: Claim, lease: Stored[LeaseRow] | None) -> Stored[LeaseRow]:
    """The trial's lease as stored, when it is the claim's. Raises LeaseLost."""
    if lease is None or not lease.row.held or lease.row.number != claim.number:
        holder = lease.row if lease is not None and lease.row.held else None
        now = "nobody" if holder is None else f"{holder.worker} (lease {holder.number})"
        raise LeaseLost(
            f"trial {claim.key[:12]}: lease {claim.number} of {claim.worker} has ended; held by {now}"
        )
    return lease


def end(connection: Connection, lease: Stored[LeaseRow]) -> None:
    """Give a lease back."""
    store.alter(connection, LEASES, lease, dataclasses.replace(lease.row, held=False))
