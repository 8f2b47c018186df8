"""How one trial is run: claim, data, network, training, record. The only place where they meet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from copy import copy
from pathlib import Path
from typing import Self

import numpy as np

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.data.dataset import Dataset, Split
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import EvaluationRow, TrialRow
from scaling_search.search.trial import failures, provenance
from scaling_search.search.trial.claims import Custody, Saved, Taken
from scaling_search.search.trial.compiled_networks import NotTogetherError, Workshop
from scaling_search.search.trial.trial import Job, Watcher
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.evaluate import evaluate
from scaling_search.training.hooks import Hooks
from scaling_search.training.loop import train, train_seeds
from scaling_search.training.outcome import Outcome, OutOfMemory
from scaling_search.training.pixels import split_on_device
from scaling_search.training.recipe import Recipe


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
        self.custody = Custody(ledger, watcher, checkpoints=checkpoints, retry_failed=retry_failed)

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

    def run(self, job: Job, *, upcoming: Job | None = None, test: Split | None = None) -> bool:
        """Runs the job unless it is finished or in other hands; True when it ran. `upcoming` compiles meanwhile.

        With `test`, the trained network is judged on that split too, also when the trial was finished before (it is
        then trained again, which gives the same network).
        Errors: TrainingStopped (the trial is given back), StorageError, DeviceError (the machine fails trial after
        trial); a trial's own failure is recorded.
        """
        row = self.row(job)
        claim = self.custody.claim(row)
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
                trained = self.custody.run(
                    [(claim, job)],
                    lambda saved: (self._train(job, row.key, upcoming, saved=saved),),
                    needed=self.estimated_memory(job.network),
                )
                outcome = trained[0] if trained else None
            if outcome is not None:
                self._record_test(row.key, job, outcome, test)
                self.custody.discard_checkpoints(row.key)
        finally:
            self.watcher.end(job, self.ledger.trials([row.key])[0])
        return True

    def run_seeds(self, jobs: Sequence[Job], *, upcoming: Job | None = None) -> int:
        """Runs seeds of one network, as one batched program where that is faster here; returns how many ran.

        Errors: as `run`.
        """
        network = jobs[0].network
        if len(jobs) > 1 and self.together(network, len(jobs)):
            try:
                return self._run_together(jobs, upcoming)
            except NotTogetherError as error:
                self.watcher.say(f"{jobs[0].label}: {len(jobs)} seeds train in turn, not together: {error}")
        return sum(self.run(job, upcoming=upcoming) for job in jobs)

    def _run_together(self, jobs: Sequence[Job], upcoming: Job | None) -> int:
        taken = [(claim, job) for job in jobs if (claim := self.custody.claim(self.row(job))) is not None]
        if not taken:
            return 0
        for _, job in taken:
            self.watcher.begin(job)
        needed = len(taken) * self.estimated_memory(taken[0][1].network)
        try:
            if self.custody.run(
                taken, lambda saved: self._train_together(taken, upcoming, saved), needed=needed
            ):
                self.custody.discard_checkpoints(taken[0][0].key)
        finally:
            for claim, job in taken:
                self.watcher.end(job, self.ledger.trials([claim.key])[0])
        return len(taken)

    def _train(self, job: Job, key: str, upcoming: Job | None, *, saved: Saved = lambda: None) -> Outcome:
        program = self._compiling(job.network, upcoming, lanes=None)
        try:
            return train(
                self.model(job.network),
                self.pixels(job.network.resolution),
                self.recipe,
                seed=job.seed,
                compiled=program,
                checkpoints=self.custody.checkpoints(key, saved),
                hooks=self._hooks(job.network),
            )
        except BaseException:
            self.forget(job.network)
            raise

    def _train_together(self, taken: Taken, upcoming: Job | None, saved: Saved) -> tuple[Outcome, ...]:
        """All seeds at once; their checkpoint is one, and lies under the first one's key. Errors: NotTogetherError."""
        key, network = taken[0][0].key, taken[0][1].network
        program = self._compiling(network, upcoming, lanes=len(taken))
        try:
            self.compiled_together(program)
            return train_seeds(
                self.model(network, together=True),
                self.pixels(network.resolution),
                self.recipe,
                seeds=[job.seed for _, job in taken],
                compiled=program,
                checkpoints=self.custody.checkpoints(key, saved),
                hooks=self._hooks(network),
            )
        except (NotTogetherError, OutOfMemory) as error:
            # One alone takes less, and is a program of its own.
            self.part(network)
            self.custody.discard_checkpoints(key)
            raise NotTogetherError(str(error)) from error
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
            on_compiled=lambda compiled: failures.check_memory(
                compiled, pixels, provenance.available_memory()
            ),
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
