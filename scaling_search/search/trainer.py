"""How one trial is run: claim, data, network, training, record. The only place where they meet."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.costs.count import Cost
from scaling_search.data.dataset import Dataset, Split
from scaling_search.errors import ScalingSearchError
from scaling_search.ledger.leases import Claim, LeaseLost
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.rows import FINISHED, EvaluationRow, Result, TrialRow
from scaling_search.networks.build import Model, build
from scaling_search.search import origin
from scaling_search.training.checkpoint import Checkpoints
from scaling_search.training.compiled import CompiledTrial, start_compiling, steps_in_epoch
from scaling_search.training.evaluate import evaluate
from scaling_search.training.loop import Hooks, Progress, train
from scaling_search.training.optimizer import average_decay
from scaling_search.training.outcome import Outcome, OutOfMemory, TrainingStopped
from scaling_search.training.pixels import TrialPixels, on_device, split_on_device
from scaling_search.training.recipe import Recipe

# Programs kept in memory: a round of racing comes back to every candidate. Beyond this the disk cache serves.
_PROGRAMS = 32
_RESOLUTIONS = 4


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


class Trainer:
    """Runs trials of one data set and one recipe, and keeps compiled programs and resized images between them."""

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
        self.ledger = ledger
        self.dataset = dataset
        self.recipe = recipe
        self.watcher = watcher
        self.should_stop = should_stop
        self.checkpoints = checkpoints
        self.retry_failed = retry_failed
        self._tried: set[str] = set()
        self.platform = origin.platform_name()
        self._programs: OrderedDict[str, Future[CompiledTrial]] = OrderedDict()
        self._pixels: OrderedDict[int, TrialPixels] = OrderedDict()

    def check_stop(self) -> None:
        """Errors: TrainingStopped once a stop was asked for."""
        if self.should_stop():
            raise TrainingStopped(None)

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

    def prepare(self, job: Job) -> None:
        """Starts compiling in the background, unless that is done or under way."""
        key = fingerprint(job.network)
        if key in self._programs:
            self._programs.move_to_end(key)
            return
        self._programs[key] = start_compiling(
            self.model(job.network), self.pixels(job.network.resolution), self.recipe
        )
        while len(self._programs) > _PROGRAMS:
            self._programs.popitem(last=False)

    def model(self, network: Network) -> Model:
        """The network as it is trained here.

        Running statistics start at mean 0 and variance 1, which momentum 0.99 has not forgotten after a few hundred
        steps: the evaluated network would not be the trained one. Their horizon is fitted to the run's length, as
        that of the averaged weights is (`training.optimizer.average_decay`); long runs keep the network's own.
        """
        total = self.recipe.epochs * steps_in_epoch(self.recipe, len(self.dataset.train))
        momentum = average_decay(network.norm_momentum, total)
        return build(network.model_copy(update={"norm_momentum": momentum}), platform=self.platform)

    def pixels(self, resolution: int) -> TrialPixels:
        """Train and validation images on the device, resized; shared by networks of one resolution."""
        if resolution not in self._pixels:
            self._pixels[resolution] = on_device(self.dataset, resolution)
            while len(self._pixels) > _RESOLUTIONS:
                self._pixels.popitem(last=False)
        self._pixels.move_to_end(resolution)
        return self._pixels[resolution]

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

    def run(self, job: Job, *, upcoming: Job | None = None, test: Split | None = None) -> bool:
        """Runs the job unless it is finished or in other hands; True when it ran. `upcoming` compiles meanwhile.

        With `test`, the trained network is judged on that split too, also when the trial was finished before (it is
        then trained again, which gives the same network).
        Errors: TrainingStopped (the trial is given back), StorageError; a trial's own failure is recorded.
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
            if claim is None:
                self._record_test(row.key, job, self._train(job, row.key, upcoming), test)
            else:
                self._tried.add(row.key)
                self._claimed(claim, job, upcoming, test)
        finally:
            self.watcher.end(job, self.ledger.trials([row.key])[0])
        return True

    def _claimed(self, claim: Claim, job: Job, upcoming: Job | None, test: Split | None) -> None:
        try:
            with self.ledger.heartbeat(claim):
                outcome = self._train(job, claim.key, upcoming)
            self.ledger.finish(claim, self._result(outcome))
            self._record_test(claim.key, job, outcome, test)
        except OutOfMemory as error:
            predicted = (
                ""
                if error.predicted_bytes is None
                else f" (it needs {error.predicted_bytes / 2**30:.2f} GiB)"
            )
            self.ledger.fail(claim, f"{str(error).splitlines()[0][:500]}{predicted}")
        except LeaseLost:
            self.watcher.say(f"{job.label}: another worker took this trial over while it stood still here")
            return
        except (TrainingStopped, ScalingSearchError):
            self.ledger.release(claim)
            raise
        except Exception as error:
            self.ledger.fail(claim, f"{type(error).__name__}: {error}"[:2000])
            raise
        if self.checkpoints is not None:
            self._checkpoints(claim.key).discard()

    def _checkpoints(self, key: str) -> Checkpoints:
        assert self.checkpoints is not None  # noqa: S101 - told apart by the callers
        return Checkpoints(folder=self.checkpoints / key, trial=key, say=self.watcher.say)

    def _train(self, job: Job, key: str, upcoming: Job | None) -> Outcome:
        self.prepare(job)
        program = self._programs[fingerprint(job.network)]
        if upcoming is not None:
            self.prepare(upcoming)
        try:
            return train(
                self.model(job.network),
                self.pixels(job.network.resolution),
                self.recipe,
                seed=job.seed,
                compiled=program,
                checkpoints=None if self.checkpoints is None else self._checkpoints(key),
                hooks=Hooks(on_progress=self.watcher.progress, should_stop=self.should_stop),
            )
        except BaseException:
            self._programs.pop(fingerprint(job.network), None)
            raise

    def _record_test(self, key: str, job: Job, outcome: Outcome, test: Split | None) -> None:
        if test is None or outcome.state != "complete":
            return
        program = self._programs[fingerprint(job.network)].result()
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

    def _result(self, outcome: Outcome) -> Result:
        commit, dirty = origin.commit()
        return Result(
            state=outcome.state,
            accuracy=outcome.accuracy,
            loss=outcome.loss,
            epochs=json.dumps([asdict(epoch) for epoch in outcome.epochs]),
            correct=None if outcome.correct is None else np.packbits(outcome.correct).tobytes(),
            correct_count=None if outcome.correct is None else len(outcome.correct),
            compile_seconds=outcome.compile_seconds,
            train_seconds=outcome.train_seconds,
            evaluate_seconds=outcome.evaluate_seconds,
            memory_bytes=outcome.memory_bytes,
            device=origin.device(),
            versions=origin.versions(),
            commit=commit,
            dirty=dirty,
        )
