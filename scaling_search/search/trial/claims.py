"""Trials in this worker's hands: claimed, kept alive while they train, and their end written into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from scaling_search.errors import DeviceError, ScalingSearchError
from scaling_search.ledger.claims.leases import Claim, LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import FINISHED, TrialRow
from scaling_search.search.trial import failures, ledger_rows, provenance
from scaling_search.search.trial.trial import Callback, Trial
from scaling_search.training.checkpoint import Checkpoints
from scaling_search.training.outcome import Outcome, OutOfMemory, TrainingStopped

_FAILURES_IN_A_ROW = 3

Saved = Callable[[], None]
Taken = Sequence[tuple[Claim, Trial]]


class ClaimedTrials:
    """What one worker may try and has tried, and the checkpoints of what it holds."""

    def __init__(
        self, ledger: Ledger, callback: Callback, *, checkpoints: Path | None, retry_failed: bool
    ) -> None:
        self.ledger = ledger
        self.callback = callback
        self.folder = checkpoints
        self.retry_failed = retry_failed
        self._tried: set[str] = set()
        self._failed_in_a_row: set[str] = set()  # by the machine, none having succeeded in between

    def claim(self, row: TrialRow) -> Claim | None:
        """The trial's claim, unless it is finished, given up or in other hands."""
        claim = self.ledger.claim(row, retry_failed=self.retry_failed and row.key not in self._tried)
        if claim is not None:
            self._tried.add(row.key)
        return claim

    def unfinished(self, keys: list[str]) -> list[str]:
        """Those of `keys` still to be run: waiting, in another worker's hands, or failed and to be tried once more."""
        rows = self.ledger.trials(keys)
        done = {row.key for row in rows if row.state in FINISHED}
        done |= {
            row.key
            for row in rows
            if row.state == "failed" and not (self.retry_failed and row.key not in self._tried)
        }
        return [key for key in keys if key not in done]

    def run(
        self, taken: Taken, train: Callable[[Saved], tuple[Outcome, ...]], *, needed: int
    ) -> tuple[Outcome, ...] | None:
        """Trains and records; None when the trials failed, or another worker has taken one over.

        `train` is given what to call after each checkpoint: the ledger hears of it once it is whole on disk. `needed`:
        estimated bytes. Errors: TrainingStopped and StorageError (the trials are given back), DeviceError (the machine
        fails trial after trial).
        """
        try:
            return self._recorded(taken, train, needed)
        except LeaseLost:
            labels = ", ".join(trial.label for _, trial in taken)
            self.callback.say(f"{labels}: another worker took this trial over while it stood still here")
            return None

    def checkpoints(self, key: str, saved: Saved = lambda: None) -> Checkpoints | None:
        """Where a trial's checkpoints are kept; None where none are."""
        if self.folder is None:
            return None
        return Checkpoints(folder=self.folder / key, trial=key, say=self.callback.say, saved=saved)

    def discard_checkpoints(self, key: str) -> None:
        """Removes a trial's checkpoints."""
        if kept := self.checkpoints(key):
            kept.discard()

    def tidy(self, keys: Sequence[str]) -> None:
        """Removes checkpoints of finished trials, which a kill between the record and the removal leaves behind."""
        for row in self.ledger.trials(keys):
            if row.state in FINISHED:
                self.discard_checkpoints(row.key)

    def _recorded(
        self, taken: Taken, train: Callable[[Saved], tuple[Outcome, ...]], needed: int
    ) -> tuple[Outcome, ...] | None:
        held = [claim for claim, _ in taken]

        def saved() -> None:
            for claim in held:
                self.ledger.renew(claim, checkpoint=True)

        try:
            with ExitStack() as heartbeats:
                for claim in held:
                    heartbeats.enter_context(self.ledger.heartbeat(claim))
                outcomes = train(saved)
            for outcome in outcomes:
                self.ledger.finish(held[0], ledger_rows.result(outcome))
                held.pop(0)
        except LeaseLost:
            raise
        except OutOfMemory as error:
            self._fail(
                held, failures.out_of_memory(error, estimate=needed, available=provenance.available_memory())
            )
            return None
        except (TrainingStopped, ScalingSearchError):
            for claim in held:
                self.ledger.release(claim)
            raise
        except Exception as error:
            again = failures.of_the_machine(error)
            self._fail(held, failures.reason(error), again=again)
            if again:
                self._machine_failed(*taken[0], error)
            return None
        self._failed_in_a_row.clear()
        return outcomes

    def _fail(self, held: Sequence[Claim], reason: str, *, again: bool = False) -> None:
        """Trials that are to be tried again go on from their checkpoints."""
        for claim in held:
            self.ledger.fail(claim, reason, retry=again)
            if not again:
                self.discard_checkpoints(claim.key)

    def _machine_failed(self, claim: Claim, trial: Trial, error: Exception) -> None:
        """Errors: DeviceError once different trials fail one after the other: trying on would only use them up."""
        self.callback.say(f"{trial.label}: the machine failed: {failures.reason(error)}")
        self._failed_in_a_row.add(claim.key)
        if len(self._failed_in_a_row) >= _FAILURES_IN_A_ROW:
            raise DeviceError(
                f"the machine failed {len(self._failed_in_a_row)} trials in a row, the last with "
                f"{failures.reason(error)}. They are begun again by the same command, a few times at most"
            ) from error
