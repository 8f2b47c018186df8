"""How one trial is run: claim, data, network, training, record. The only place where they meet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from copy import copy
from pathlib import Path
from typing import Self

import numpy as np

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.data.dataset import Dataset, Split
from scaling_search.errors import DeviceError, ScalingSearchError
from scaling_search.ledger.leases import Claim, LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.rows import FINISHED, EvaluationRow, TrialRow
from scaling_search.search import failures, origin, records
from scaling_search.search.jobs import Job, Watcher
from scaling_search.search.workshop import Workshop
from scaling_search.training.checkpoint import Checkpoints
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.evaluate import evaluate
from scaling_search.training.loop import Hooks, train, train_seeds
from scaling_search.training.outcome import Outcome, OutOfMemory, TrainingStopped
from scaling_search.training.pixels import split_on_device
from scaling_search.training.recipe import Recipe

_FAILURES_IN_A_ROW = 3

Saved = Callable[[], None]


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

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same trainer, its ledger and its images, for another recipe."""
        other = copy(self)
        other.recipe = recipe
        other.programs = OrderedDict()
        return other

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
        claim = self._claim(job)
        if claim is None:
            known = self.ledger.trials([row.key])
            untested = test is not None and not self.ledger.evaluations([row.key])
            if not (untested and known and known[0].state == "complete"):
                return False
        self.watcher.begin(job)
        outcome: Outcome | None
        try:
            if claim is None:
                outcome = self._train(job, row.key, upcoming)
            else:
                trained = self._claimed(
                    [(claim, job)], lambda saved: (self._train(job, row.key, upcoming, saved=saved),)
                )
                outcome = trained[0] if trained else None
            if outcome is not None:
                self._record_test(row.key, job, outcome, test)
                self._discard_checkpoints(row.key)
        finally:
            self.watcher.end(job, self.ledger.trials([row.key])[0])
        return True

    def run_seeds(self, jobs: Sequence[Job], *, upcoming: Job | None = None) -> int:
        """Runs seeds of one network, as one batched program where that is faster here; returns how many ran.

        Errors: as `run`.
        """
        if len(jobs) == 1 or not self.together(jobs[0].network, len(jobs)):
            return sum(self.run(job, upcoming=upcoming) for job in jobs)
        taken = [(claim, job) for job in jobs if (claim := self._claim(job)) is not None]
        if not taken:
            return 0
        for _, job in taken:
            self.watcher.begin(job)
        try:
            if self._claimed(taken, lambda saved: self._train_together(taken, upcoming, saved)):
                self._discard_checkpoints(taken[0][0].key)
        finally:
            for claim, job in taken:
                self.watcher.end(job, self.ledger.trials([claim.key])[0])
        return len(taken)

    def _claim(self, job: Job) -> Claim | None:
        """The job's claim, unless it is finished, given up or in other hands."""
        row = self.row(job)
        claim = self.ledger.claim(row, retry_failed=self.retry_failed and row.key not in self._tried)
        if claim is not None:
            self._tried.add(row.key)
        return claim

    def _claimed(
        self, taken: Sequence[tuple[Claim, Job]], train: Callable[[Saved], tuple[Outcome, ...]]
    ) -> tuple[Outcome, ...] | None:
        """Trains and records; None when the trials failed, or another worker has taken one over."""
        try:
            return self._recorded(taken, train)
        except LeaseLost:
            labels = ", ".join(job.label for _, job in taken)
            self.watcher.say(f"{labels}: another worker took this trial over while it stood still here")
            return None

    def _recorded(
        self, taken: Sequence[tuple[Claim, Job]], train: Callable[[Saved], tuple[Outcome, ...]]
    ) -> tuple[Outcome, ...] | None:
        """`train` is given what to call after each checkpoint: the ledger hears of it once it is whole on disk."""
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
                self.ledger.finish(held[0], records.result(outcome))
                held.pop(0)
        except LeaseLost:
            raise
        except OutOfMemory as error:
            needed = self.estimated_memory(taken[0][1].network) * len(taken)
            reason = failures.out_of_memory(error, estimate=needed, available=origin.available_memory())
            for claim in held:
                self.ledger.fail(claim, reason)
                self._discard_checkpoints(claim.key)
            return None
        except (TrainingStopped, ScalingSearchError):
            for claim in held:
                self.ledger.release(claim)
            raise
        except Exception as error:
            again = failures.of_the_machine(error)
            for claim in held:
                self.ledger.fail(claim, failures.reason(error), retry=again)
                if not again:
                    self._discard_checkpoints(claim.key)
            if again:
                self._machine_failed(taken[0][0].key, taken[0][1], error)
            return None
        self._failed_in_a_row.clear()
        return outcomes

    def _machine_failed(self, key: str, job: Job, error: Exception) -> None:
        """Errors: DeviceError once different trials fail one after the other: trying on would only use them up."""
        self.watcher.say(f"{job.label}: the machine failed: {failures.reason(error)}")
        self._failed_in_a_row.add(key)
        if len(self._failed_in_a_row) >= _FAILURES_IN_A_ROW:
            raise DeviceError(
                f"the machine failed {len(self._failed_in_a_row)} trials in a row, the last with "
                f"{failures.reason(error)}. They are begun again by the same command, a few times at most"
            ) from error

    def _checkpoints(self, key: str, saved: Saved) -> Checkpoints | None:
        if self.checkpoints is None:
            return None
        return Checkpoints(folder=self.checkpoints / key, trial=key, say=self.watcher.say, saved=saved)

    def _discard_checkpoints(self, key: str) -> None:
        if kept := self._checkpoints(key, lambda: None):
            kept.discard()

    def _train(self, job: Job, key: str, upcoming: Job | None, *, saved: Saved = lambda: None) -> Outcome:
        program = self._compiling(job.network, upcoming, lanes=None)
        try:
            return train(
                self.model(job.network),
                self.pixels(job.network.resolution),
                self.recipe,
                seed=job.seed,
                compiled=program,
                checkpoints=self._checkpoints(key, saved),
                hooks=self._hooks(job.network),
            )
        except BaseException:
            self.forget(job.network)
            raise

    def _train_together(
        self, taken: Sequence[tuple[Claim, Job]], upcoming: Job | None, saved: Saved
    ) -> tuple[Outcome, ...]:
        """All seeds at once; their checkpoint is one, and lies under the first one's key."""
        network = taken[0][1].network
        program = self._compiling(network, upcoming, lanes=len(taken))
        try:
            return train_seeds(
                self.model(network, together=True),
                self.pixels(network.resolution),
                self.recipe,
                seeds=[job.seed for _, job in taken],
                compiled=program,
                checkpoints=self._checkpoints(taken[0][0].key, saved),
                hooks=self._hooks(network),
            )
        except BaseException:
            self.forget(network)
            raise

    def _compiling(
        self, network: Network, upcoming: Job | None, *, lanes: int | None
    ) -> Future[CompiledTrial]:
        self.prepare(network, lanes=lanes)
        if upcoming is not None:
            self.prepare(upcoming.network, lanes=lanes)
        return self.programs[fingerprint(network), lanes]

    def _hooks(self, network: Network) -> Hooks:
        pixels = self.pixels(network.resolution)
        return Hooks(
            on_compiled=lambda compiled: failures.check_memory(compiled, pixels, origin.available_memory()),
            on_progress=self.watcher.progress,
            should_stop=self.should_stop,
        )

    def _record_test(self, key: str, job: Job, outcome: Outcome, test: Split | None) -> None:
        if test is None or outcome.state != "complete":
            return
        program = self.programs[fingerprint(job.network), None].result()
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
