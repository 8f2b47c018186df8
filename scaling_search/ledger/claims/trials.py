"""A trial's way from waiting to finished, within one writing transaction. A finished row never changes."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from scaling_search.ledger.claims import leases
from scaling_search.ledger.claims.leases import Claim, LeaseLost, Watch
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.database import Connection
from scaling_search.ledger.storage.rows import FINISHED, LeaseRow, Result, State, TrialRow
from scaling_search.ledger.storage.schema import LEASES, TRIALS
from scaling_search.ledger.storage.store import Stored

_Own = tuple[Stored[TrialRow], Stored[LeaseRow]]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """Under what terms trials are begun: `attempts` at most without a checkpoint; `now` is a date for people."""

    worker: str
    watch: Watch
    attempts: int
    retry_failed: bool
    now: str


def keyed(row: TrialRow) -> TrialRow:
    """The row, when it is one to begin. Raises ValueError."""
    if row.key != row.own_key or row.state != "waiting":
        raise ValueError(
            f"a trial to begin is waiting under its own key {row.own_key}, not {row.state} under {row.key}"
        )
    return row


def claim(connection: Connection, row: TrialRow, terms: Terms) -> Claim | None:
    """Begin a trial. None when it is finished, failed, in a live worker's hands, or was begun too often."""
    old = store.read_one(connection, TRIALS, row.key)
    trial = keyed(row) if old is None else old.row
    if trial.state in FINISHED or (trial.state == "failed" and not terms.retry_failed):
        return None
    taken = leases.take(connection, row.key, terms.worker, terms.watch)
    if taken is None:
        return None
    lease, dead = taken
    begun = 0 if trial.state == "failed" else trial.attempts
    new = dataclasses.replace(
        trial, state="running", attempts=begun + 1, started_at=terms.now, finished_at=None, failure=None
    )
    claimed = Claim(key=row.key, number=lease.row.number, worker=terms.worker, trial=new)
    too_often = begun >= terms.attempts
    if too_often:
        last = dead.worker if dead is not None else "unknown"
        failure = f"begun {begun} times without reaching a checkpoint; its last worker ({last}) vanished"
        new = dataclasses.replace(new, state="failed", attempts=begun, failure=failure, finished_at=terms.now)
        leases.end(connection, lease)
    if old is None:
        store.add(connection, TRIALS, new)
    else:
        store.alter(connection, TRIALS, old, new)
    return None if too_often else claimed


def renew(connection: Connection, held: Claim, *, checkpoint: bool) -> None:
    """One more heartbeat; after a checkpoint the earlier attempts no longer count. Raises LeaseLost."""
    leases.renew(connection, held)
    if checkpoint and (own := _own(connection, held)):
        store.alter(connection, TRIALS, own[0], dataclasses.replace(own[0].row, attempts=1))


def finish(connection: Connection, held: Claim, result: Result, now: str) -> None:
    """Write a result and end the lease. Raises LeaseLost."""
    values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    if result.state == "diverged":
        values |= {name: None for name in ("accuracy", "loss") if not _finite(values[name])}
    if own := _own(connection, held, *FINISHED):
        _close(connection, own, dataclasses.replace(own[0].row, finished_at=now, **values))


def fail(connection: Connection, held: Claim, failure: str, *, attempts: int, now: str) -> None:
    """Write why a trial failed; below `attempts` it waits to be begun again. Raises LeaseLost."""
    # A failure that cannot be told must not hide behind one of telling it.
    readable = failure.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if own := _own(connection, held, "failed", "waiting"):
        state: State = "waiting" if own[0].row.attempts < attempts else "failed"
        new = dataclasses.replace(own[0].row, state=state, failure=readable, finished_at=now)
        _close(connection, own, new)


def release(connection: Connection, held: Claim) -> None:
    """Give a trial back as if that attempt had not been. Raises LeaseLost."""
    if held.trial.state in FINISHED:
        release_finished(connection, held)
        return
    if own := _own(connection, held, "waiting"):
        attempts = max(own[0].row.attempts - 1, 0)
        new = dataclasses.replace(own[0].row, state="waiting", attempts=attempts, started_at=None)
        _close(connection, own, new)


def _own(connection: Connection, held: Claim, *said: State) -> _Own | None:
    """Trial and lease as stored, when the claim may write; None when this very lease has ended so: saying it twice is
    saying it once, for the answer to the first call may have been lost. Raises LeaseLost.
    """
    trial, lease = store.read_one(connection, TRIALS, held.key), store.read_one(connection, LEASES, held.key)
    state = "gone" if trial is None else trial.row.state
    if lease is not None and not lease.row.held and lease.row.number == held.number and state in said:
        return None
    lease = leases.verified(held, lease)
    if trial is None or state != "running":
        raise LeaseLost(f"trial {held.key[:12]}: no longer running ({state})")
    return trial, lease


def _close(connection: Connection, own: _Own, new: TrialRow) -> None:
    store.alter(connection, TRIALS, own[0], new)
    leases.end(connection, own[1])


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def claim_finished(connection: Connection, row: TrialRow, terms: Terms) -> Claim | None:
    """Take a finished trial in hand, its row unchanged. None while a live worker has it, or when it is not finished."""
    stored = store.read_one(connection, TRIALS, row.key)
    if stored is None or stored.row.state not in FINISHED:
        return None
    taken = leases.take(connection, row.key, terms.worker, terms.watch)
    if taken is None:
        return None
    return Claim(key=row.key, number=taken[0].row.number, worker=terms.worker, trial=stored.row)


def release_finished(connection: Connection, held: Claim) -> None:
    """Give a finished trial back. Raises LeaseLost."""
    leases.end(connection, leases.held(connection, held))
