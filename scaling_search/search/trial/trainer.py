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
from scaling_search.search.trial.claims import ClaimedTrials, Saved, Taken
from scaling_search.search.trial.compiled_networks import CompiledNetworks, NotBatchedError
from scaling_search.search.trial.trial import Callback, Trial
from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.evaluate import evaluate
from scaling_search.training.hooks import Hooks
from scaling_search.training.loop import train, train_seeds
from scaling_search.training.outcome import Outcome, OutOfMemory
from scaling_search.training.pixels import split_on_device
from scaling_search.training.recipe import Recipe


class Trainer(CompiledNetworks):
    """Runs trials of one data set and one recipe."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        dataset: Dataset,
        recipe: Recipe,
        callback: Callback,
        should_stop: Callable[[], bool],
        checkpoints: Path | None,
        retry_failed: bool = False,
    ) -> None:
        super().__init__(dataset=dataset, recipe=recipe, should_stop=should_stop)
        self.ledger = ledger
        self.callback = callback
        self.claims = ClaimedTrials(ledger, callback, checkpoints=checkpoints, retry_failed=retry_failed)

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same trainer, its ledger and its images, for another recipe."""
        other = copy(self)
        other.recipe = recipe
        other.programs = OrderedDict()
        return other

    def row(self, trial: Trial) -> TrialRow:
        """The trial as the ledger plans it."""
        return TrialRow.waiting(
            network=fingerprint(trial.network),
            network_name=trial.network.name,
            recipe=self.recipe.canonical(),
            dataset=self.dataset.fingerprint,
            dataset_name=self.dataset.name,
            seed=trial.seed,
            resolution=trial.network.resolution,
            parameters=trial.cost.parameters,
            batch_stats=trial.cost.batch_stats,
            macs=trial.cost.macs,
            activations=trial.cost.activations,
        )

    def run(self, trial: Trial, *, upcoming: Trial | None = None, test: Split | None = None) -> bool:
        """Runs the trial unless it is finished or in other hands; True when it ran. `upcoming` compiles meanwhile.

        With `test`, the trained network is judged on that split too, also when the trial was finished before (it is
        then trained again, which gives the same network).
        Errors: TrainingStopped (the trial is given back), StorageError, DeviceError (the machine fails trial after
        trial); a trial's own failure is recorded.
        """
        row = self.row(trial)
        claim = self.claims.claim(row)
        if claim is None:
            known = self.ledger.trials([row.key])
            untested = test is not None and not self.ledger.evaluations([row.key])
            if not (untested and known and known[0].state == "complete"):
                return False
        self.callback.begin(trial)
        outcome: Outcome | None
        try:
            if claim is None:
                outcome = self._train(trial, row.key, upcoming)
            else:
                trained = self.claims.run(
                    [(claim, trial)],
                    lambda saved: (self._train(trial, row.key, upcoming, saved=saved),),
                    needed=self.estimated_memory(trial.network),
                )
                outcome = trained[0] if trained else None
            if outcome is not None:
                self._record_test(row.key, trial, outcome, test)
                self.claims.discard_checkpoints(row.key)
        finally:
            self.callback.end(trial, self.ledger.trials([row.key])[0])
        return True

    def run_seeds(self, trials: Sequence[Trial], *, upcoming: Trial | None = None) -> int:
        """Runs seeds of one network, as one batched program where that is faster here; returns how many ran.

        Errors: as `run`.
        """
        network = trials[0].network
        if len(trials) > 1 and self.together(network, len(trials)):
            try:
                return self._run_batched(trials, upcoming)
            except NotBatchedError as error:
                self.callback.say(
                    f"{trials[0].label}: {len(trials)} seeds train in turn, not together: {error}"
                )
        return sum(self.run(trial, upcoming=upcoming) for trial in trials)

    def _run_batched(self, trials: Sequence[Trial], upcoming: Trial | None) -> int:
        taken = [
            (claim, trial) for trial in trials if (claim := self.claims.claim(self.row(trial))) is not None
        ]
        if not taken:
            return 0
        for _, trial in taken:
            self.callback.begin(trial)
        needed = len(taken) * self.estimated_memory(taken[0][1].network)
        try:
            if self.claims.run(
                taken, lambda saved: self._train_batched(taken, upcoming, saved), needed=needed
            ):
                self.claims.discard_checkpoints(taken[0][0].key)
        finally:
            for claim, trial in taken:
                self.callback.end(trial, self.ledger.trials([claim.key])[0])
        return len(taken)

    def _train(
        self, trial: Trial, key: str, upcoming: Trial | None, *, saved: Saved = lambda: None
    ) -> Outcome:
        program = self._compiling(trial.network, upcoming, seed_batch=None)
        try:
            return train(
                self.model(trial.network),
                self.pixels(trial.network.resolution),
                self.recipe,
                seed=trial.seed,
                compiled=program,
                checkpoints=self.claims.checkpoints(key, saved),
                hooks=self._hooks(trial.network),
            )
        except BaseException:
            self.forget(trial.network)
            raise

    def _train_batched(self, taken: Taken, upcoming: Trial | None, saved: Saved) -> tuple[Outcome, ...]:
        """All seeds at once; their checkpoint is one, and lies under the first one's key. Errors: NotBatchedError."""
        key, network = taken[0][0].key, taken[0][1].network
        program = self._compiling(network, upcoming, seed_batch=len(taken))
        try:
            self.wait_for_batched(program)
            return train_seeds(
                self.model(network, batched=True),
                self.pixels(network.resolution),
                self.recipe,
                seeds=[trial.seed for _, trial in taken],
                compiled=program,
                checkpoints=self.claims.checkpoints(key, saved),
                hooks=self._hooks(network),
            )
        except (NotBatchedError, OutOfMemory) as error:
            # One alone takes less, and is a program of its own.
            self.part(network)
            self.claims.discard_checkpoints(key)
            raise NotBatchedError(str(error)) from error
        except BaseException:
            self.forget(network)
            raise

    def _compiling(
        self, network: Network, upcoming: Trial | None, *, seed_batch: int | None
    ) -> Future[CompiledTrial]:
        self.prepare(network, seed_batch=seed_batch)
        if upcoming is not None:
            self.prepare(upcoming.network, seed_batch=seed_batch)
        return self.programs[fingerprint(network), seed_batch]

    def _hooks(self, network: Network) -> Hooks:
        pixels = self.pixels(network.resolution)
        return Hooks(
            on_compiled=lambda compiled: failures.check_memory(
                compiled, pixels, provenance.available_memory()
            ),
            on_progress=self.callback.progress,
            should_stop=self.should_stop,
        )

    def _record_test(self, key: str, trial: Trial, outcome: Outcome, test: Split | None) -> None:
        if test is None or outcome.state != "complete":
            return
        program = self.programs[fingerprint(trial.network), None].result()
        pixels = split_on_device(test, self.dataset, trial.network.resolution)
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
