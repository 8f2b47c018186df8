"""How one trial is run: claim, data, network, training, record. The only place where they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import Cost
from scaling_search.data.dataset import Dataset, Split
from scaling_search.errors import DeviceError, ScalingSearchError
from scaling_search.ledger.leases import Claim, LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.rows import FINISHED, EvaluationRow, TrialRow
from scaling_search.search import failures, origin, records
from scaling_search.search.workshop import Workshop
from scaling_search.training.checkpoint import Checkpoints
from scaling_search.training.evaluate import evaluate
from scaling_search.training.loop import Hooks, Progress, train
from scaling_search.training.outcome import Outcome, OutOfMemory, TrainingStopped
from scaling_search.training.pixels import split_on_device
from scaling_search.training.recipe import Recipe

_FAILURES_IN_A_ROW = 3


@dataclass(frozen=True, kw_only=True)
class Job:
    """One network to be trained with one seed."""

    network: Network
    cost: Cost
    seed: int
    label: str


class Watcher(Protocol):
    """Who shows the work to a person."""

    def expect(self, trials: int) -> None: ...
    def skip(self, trials: int, why: str) -> None: ...
    def begin(self, job: Job) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def end(self, job: Job, row: TrialRow) -> None: ...
    def say(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...


class Trainer(Workshop):
    """Runs trials of one data set and one recipe."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        dataset: Dataset,
        recipe: Recipe,
        watcher: Watcher,
        should_stop: Callable[[], bool],
        checkpoints: Path | None,
        retry_failed: bool = False,
    ) -> None:
        super().__init__(dataset=dataset, recipe=recipe, should_stop=should_stop)
        self.ledger = ledger
        self.watcher = watcher
        self.checkpoints = checkpoints
        self.retry_failed = retry_failed
        self._tried: set[str] = set()
        self._failed_in_a_row: set[str] = set()  # by the machine, none having succeeded in between

    def row(self, job: Job) -> TrialRow:
        """The job as the ledger plans it."""
        return TrialRow.waiting(
            network=fingerprint(job.network),
            network_name=job.network.name,
            recipe=self.recipe.canonical(),
            dataset=self.dataset.fingerprint,
            dataset_name=self.dataset.name,
            seed=job.seed,
            resolution=job.network.resolution,
            parameters=job.cost.parameters,
            batch_stats=job.cost.batch_stats,
            macs=job.cost.macs,
            activations=job.cost.activations,
        )

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

    def tidy(self, keys: Sequence[str]) -> None:
        """Removes checkpoints of finished trials, which a kill between the record and the removal leaves behind."""
        for row in self.ledger.trials(keys):
            if row.state in FINISHED:
                self._discard_checkpoints(row.key)

    def run(self, job: Job, *, upcoming: Job | None = None, test: Split | None = None) -> bool:
        """Runs the job unless it is finished or in other hands; True when it ran. `upcoming` compiles meanwhile.

        With `test`, the trained network is judged on that split too, also when the trial was finished before (it is
        then trained again, which gives the same network).
        Errors: TrainingStopped (the trial is given back), StorageError, DeviceError (the machine fails trial after
        trial); a trial's own failure is recorded.
        """
        row = self.row(job)
        claim = self.ledger.claim(row, retry_failed=self.retry_failed and row.key not in self._tried)
        if claim is None:
            known = self.ledger.trials([row.key])
            untested = test is not None and not self.ledger.evaluations([row.key])
            if not (untested and known and known[0].state == "complete"):
                return False
        self.watcher.begin(job)
        try:
            if claim is not None:
                self._tried.add(row.key)
                outcome = self._claimed(claim, job, upcoming)
            else:
                outcome = self._train(job, row.key, upcoming)
            if outcome is not None:
                self._record_test(row.key, job, outcome, test)
                self._discard_checkpoints(row.key)
        finally:
            self.watcher.end(job, self.ledger.trials([row.key])[0])
        return True

    def _claimed(self, claim: Claim, job: Job, upcoming: Job | None) -> Outcome | None:
        """Trains and records; None when the trial failed, or another worker has taken it over."""
        try:
            return self._recorded(claim, job, upcoming)
        except LeaseLost:
            self.watcher.say(f"{job.label}: another worker took this trial over while it stood still here")
            return None

    def _recorded(self, claim: Claim, job: Job, upcoming: Job | None) -> Outcome | None:
        try:
            with self.ledger.heartbeat(claim):
                outcome = self._train(
                    job, claim.key, upcoming, saved=lambda: self.ledger.renew(claim, checkpoint=True)
                )
            self.ledger.finish(claim, records.result(outcome))
        except LeaseLost:
            raise
        except OutOfMemory as error:
            needed = self.estimated_memory(job.network)
            available = origin.available_memory()
            self.ledger.fail(claim, failures.out_of_memory(error, estimate=needed, available=available))
            self._discard_checkpoints(claim.key)
            return None
        except (TrainingStopped, ScalingSearchError):
            self.ledger.release(claim)
            raise
        except Exception as error:
            again = failures.of_the_machine(error)
            self.ledger.fail(claim, failures.reason(error), retry=again)
            if again:
                self._machine_failed(claim.key, job, error)
            else:
                self._discard_checkpoints(claim.key)
            return None
        self._failed_in_a_row.clear()
        return outcome

    def _machine_failed(self, key: str, job: Job, error: Exception) -> None:
        """Errors: DeviceError once different trials fail one after the other: trying on would only use them up."""
        self.watcher.say(f"{job.label}: the machine failed: {failures.reason(error)}")
        self._failed_in_a_row.add(key)
        if len(self._failed_in_a_row) >= _FAILURES_IN_A_ROW:
            raise DeviceError(
                f"the machine failed {len(self._failed_in_a_row)} trials in a row, the last with "
                f"{failures.reason(error)}. They are begun again by the same command, a few times at most"
            ) from error

    def _checkpoints(self, key: str, saved: Callable[[], None]) -> Checkpoints | None:
        if self.checkpoints is None:
            return None
        return Checkpoints(folder=self.checkpoints / key, trial=key, say=self.watcher.say, saved=saved)

    def _discard_checkpoints(self, key: str) -> None:
        if kept := self._checkpoints(key, lambda: None):
            kept.discard()

    def _train(
        self, job: Job, key: str, upcoming: Job | None, *, saved: Callable[[], None] = lambda: None
    ) -> Outcome:
        """`saved` is called after each checkpoint: the ledger hears of it once it is whole on disk."""
        self.prepare(job.network)
        program = self.programs[fingerprint(job.network)]
        if upcoming is not None:
            self.prepare(upcoming.network)
        pixels = self.pixels(job.network.resolution)
        try:
            return train(
                self.model(job.network),
                pixels,
                self.recipe,
                seed=job.seed,
                compiled=program,
                checkpoints=self._checkpoints(key, saved),
                hooks=Hooks(
                    on_compiled=lambda compiled: failures.check_memory(
                        compiled, pixels, origin.available_memory()
                    ),
                    on_progress=self.watcher.progress,
                    should_stop=self.should_stop,
                ),
            )
        except BaseException:
            self.programs.pop(fingerprint(job.network), None)
            raise

    def _record_test(self, key: str, job: Job, outcome: Outcome, test: Split | None) -> None:
        if test is None or outcome.state != "complete":
            return
        program = self.programs[fingerprint(job.network)].result()
        pixels = split_on_device(test, self.dataset, job.network.resolution)
        (judged,) = evaluate(program, [outcome], pixels, should_stop=self.should_stop)
        self.ledger.record_evaluation(
            EvaluationRow(
                trial_key=key,
                split="test",
                accuracy=judged.accuracy,
                loss=judged.loss,
                correct=np.packbits(judged.correct).tobytes(),
                correct_count=len(judged.correct),
            )
        )
