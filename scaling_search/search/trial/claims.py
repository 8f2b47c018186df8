"""Trials in this worker's hands: claimed, kept alive while they train, and their end written into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.errors import DeviceError, ScalingSearchError
from scaling_search.ledger.claims.heartbeat import Heartbeat
from scaling_search.ledger.claims.leases import Claim, LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import FINISHED, TrialRow
from scaling_search.search.trial import failures, ledger_rows, provenance
from scaling_search.system.files import names_in
from scaling_search.training.outcome import Outcome, OutOfMemory, TrainingStopped

if TYPE_CHECKING:
    # Who places trials in other processes needs no jax.
    from scaling_search.search.trial.trial import Callback, Trial
    from scaling_search.system.files import Folder
    from scaling_search.training.checkpoint import TrialCheckpoints

_FAILURES_IN_A_ROW = 3


class Held:
    """The trials of one `ClaimedTrials.hold` that are this worker's; empty when none was to be had."""

    def __init__(self, ledger: Ledger, taken: Sequence[tuple[Claim, Trial]]) -> None:
        self.taken = tuple(taken)
        self.trials = tuple(trial for _, trial in taken)
        self.checkpoints: TrialCheckpoints | None = None
        self.heartbeats: list[Heartbeat] = []
        self.finished = False
        self._ledger = ledger
        self.open = [claim for claim, _ in taken]  # those whose end is not written yet

    @property
    def lost(self) -> bool:
        """Whether another worker has taken one of them over: then training on is in vain."""
        return any(heartbeat.lost for heartbeat in self.heartbeats)

    def saved(self) -> None:
        """To be called when a checkpoint is complete on disk: earlier attempts no longer count."""
        for claim in self.open:
            self._ledger.renew(claim, checkpoint=True)

    def finish(self, outcomes: Sequence[Outcome], more: Sequence[Sequence[object]] = ()) -> None:
        """Writes the results, each with `more` rows about its trial, in one transaction a trial. Errors: LeaseLost."""
        for place, outcome in enumerate(outcomes):
            claim = self.open[0]
            result = None if claim.trial.state in FINISHED else ledger_rows.result(outcome)
            self._ledger.finish(claim, result, more[place] if more else ())
            self.open.pop(0)
        self.finished = True


class ClaimedTrials:
    """What one worker may try and has tried, and the checkpoints of what it holds."""

    def __init__(
        self, ledger: Ledger, callback: Callback, *, checkpoints: Folder | None, retry_failed: bool
    ) -> None:
        self.ledger = ledger
        self.callback = callback
        self.folder = checkpoints
        self.retry_failed = retry_failed
        self._tried: set[str] = set()
        self._measured: set[str] = set()  # finished trials that were taken in hand again
        self._failed_in_a_row: set[str] = set()  # by the machine, none having succeeded in between

    def unfinished(self, keys: list[str]) -> list[str]:
        """Those of `keys` still to be run: waiting, in another worker's hands, or failed and to be tried once more."""
        rows = self.ledger.trials(keys)
        done = {row.key for row in rows if row.state in FINISHED}
        done |= {row.key for row in rows if row.state == "failed" and not self._retries(row.key)}
        return [key for key in keys if key not in done]

    def incomplete(self, keys: list[str], *, there: Collection[str]) -> list[str]:
        """Finished trials that are not in `there` (tested, kept), each until it was tried here once more."""
        complete = {row.key for row in self.ledger.trials(keys) if row.state == "complete"}
        left = complete - set(there) - self._measured
        return [key for key in keys if key in left]

    def count_as_tried(self, keys: Collection[str], *, again: bool) -> None:
        """Trials that another process tries for this one: they are not tried a second time."""
        (self._measured if again else self._tried).update(keys)

    @contextmanager
    def hold(
        self, trials: Sequence[tuple[TrialRow, Trial]], *, needed: int, again: bool = False
    ) -> Iterator[Held]:
        """Claims what is free of `trials` and keeps it alive within the block, which trains and calls `finish`.

        What fails in the block is recorded, and does not leave it; `Held.finished` tells. `again` takes finished
        trials, to measure what was not measured. `needed`: estimated bytes, for messages. Errors: TrainingStopped and
        StorageError (the trials are given back), DeviceError (the machine fails trial after trial).
        """
        taken = [(claim, trial) for row, trial in trials if (claim := self._claim(row, again)) is not None]
        held = Held(self.ledger, taken)
        if not taken:
            yield held
            return
        key = taken[0][0].key
        held.checkpoints = self._checkpoints(key, held)
        for trial in held.trials:
            self.callback.begin(trial)
        try:
            with ExitStack() as stack:
                held.heartbeats = [stack.enter_context(self.ledger.heartbeat(claim)) for claim in held.open]
                yield held
            if held.finished:
                self._failed_in_a_row.clear()
                self.discard_checkpoints(key)
            else:
                self._release(held)
        except LeaseLost:
            self._release(held)
        except OutOfMemory as error:
            available = provenance.available_memory()
            self._fail(held, failures.out_of_memory(error, estimate=needed, available=available))
        except TrainingStopped:
            lost = held.lost
            self._release(held)
            if not lost:
                raise
        except ScalingSearchError:
            self._release(held)
            raise
        except Exception as error:
            machine = failures.of_the_machine(error)
            self._fail(held, failures.reason(error), again=machine)
            if machine:
                self._machine_failed(key, held.trials[0], error)
        finally:
            rows = {row.key: row for row in self.ledger.trials([claim.key for claim, _ in taken])}
            for claim, trial in taken:
                self.callback.end(trial, rows[claim.key])

    def discard_checkpoints(self, key: str) -> None:
        """Removes a trial's checkpoints."""
        if (kept := self._checkpoints(key)) is not None:
            kept.discard()

    def tidy(self, keys: Sequence[str]) -> None:
        """Removes checkpoints of finished trials, which a kill between the record and the removal leaves."""
        there = set() if self.folder is None else names_in(self.folder)
        for row in self.ledger.trials(keys) if there else ():
            if row.state in FINISHED and row.key in there:
                self.discard_checkpoints(row.key)

    def _claim(self, row: TrialRow, again: bool) -> Claim | None:
        if again:
            claim = self.ledger.claim_finished(row)
            if claim is not None:
                self._measured.add(row.key)
            return claim
        claim = self.ledger.claim(row, retry_failed=self._retries(row.key))
        if claim is not None:
            self._tried.add(row.key)
        return claim

    def _retries(self, key: str) -> bool:
        return self.retry_failed and key not in self._tried

    def _checkpoints(self, key: str, held: Held | None = None) -> TrialCheckpoints | None:
        """Where a trial's checkpoints are kept; None where none are."""
        if self.folder is None:
            return None
        from scaling_search.training.checkpoint import Checkpoints

        saved = (lambda: None) if held is None else held.saved
        folder = self.folder / key
        local = Checkpoints(
            folder=folder if isinstance(folder, Path) else Path(),
            trial=key,
            arithmetic=provenance.arithmetic(),
            say=self.callback.say,
            saved=saved,
        )
        if isinstance(folder, Path):
            return local
        from scaling_search.training.remote_checkpoints import RemoteCheckpoints

        return RemoteCheckpoints(folder=folder, local=local)

    def _release(self, held: Held) -> None:
        """Gives back what is still this worker's."""
        self._end(held, self.ledger.release)

    def _fail(self, held: Held, reason: str, *, again: bool = False) -> None:
        """Trials that are to be tried again go on from their checkpoints."""

        def fail(claim: Claim) -> None:
            if claim.trial.state in FINISHED:
                self.ledger.release(claim)
                self.callback.say(f"trial {claim.key[:12]}: {reason}")
                return
            self.ledger.fail(claim, reason, retry=again)
            if not again:
                self.discard_checkpoints(claim.key)

        self._end(held, fail)

    def _end(self, held: Held, write: Callable[[Claim], None]) -> None:
        """Writes the end of every open trial; those that another worker has taken over are left to it."""
        labels = {claim.key: trial.label for claim, trial in held.taken}
        while held.open:
            claim = held.open.pop(0)
            try:
                write(claim)
            except LeaseLost:
                label = labels[claim.key]
                self.callback.say(f"{label}: another worker took this trial over while it stood still here")

    def _machine_failed(self, key: str, trial: Trial, error: Exception) -> None:
        """Errors: DeviceError once different trials fail one after the other: trying on would only use them up."""
        self.callback.say(f"{trial.label}: the machine failed: {failures.reason(error)}")
        self._failed_in_a_row.add(key)
        if len(self._failed_in_a_row) >= _FAILURES_IN_A_ROW:
            raise DeviceError(
                f"the machine failed {len(self._failed_in_a_row)} trials in a row, the last with "
                f"{failures.reason(error)}. They are begun again by the same command, a few times at most"
            ) from error
