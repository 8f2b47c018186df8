"""What a search sees of its workers: a trainer and networks, as in a single process."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Self

from scaling_search.ledger.claims.process import this_process
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.trial import ledger_rows, provenance
from scaling_search.search.trial.claims import ClaimedTrials
from scaling_search.search.trial.timing import Timing
from scaling_search.search.trial.trial import Callback, Extras, Trial
from scaling_search.search.trial.worker_process import MARK, Job
from scaling_search.search.trial.workers import Workers, check
from scaling_search.system.files import Folder, save
from scaling_search.training.memory import step_memory

if TYPE_CHECKING:
    from scaling_search.architecture.network import Network
    from scaling_search.data.dataset import Dataset
    from scaling_search.search.plan.search_space import SearchSpace
    from scaling_search.training.recipe import Recipe

_DECIDE_RESULTS = ("JAX_", "XLA_", "SCALING_SEARCH_KERNELS")


class WorkerNetworks:
    """Networks as workers compile, time and train them (`trial.Networks`)."""

    def __init__(
        self, workers: Workers, *, dataset: Dataset, recipe: Recipe, should_stop: Callable[[], bool]
    ) -> None:
        self.dataset, self.recipe, self.should_stop = dataset, recipe, should_stop
        self._workers = workers
        first = workers.places[0]
        self.platform, self.device, self.arithmetic, self.block = (
            first.platform,
            first.device,
            first.arithmetic,
            first.block,
        )

    @property
    def at_once(self) -> int:
        """How many workers there are."""
        return self._workers.count

    def check_stop(self) -> None:
        """Errors: TrainingStopped once a stop was asked for."""
        check(self.should_stop)

    def available_memory(self) -> int | None:
        """Bytes that a trial may take on the smallest machine."""
        found = [place.available_memory for place in self._workers.places]
        known = [one for one in found if one is not None]
        return min(known) if len(known) == len(found) else None

    def estimated_memory(self, network: Network) -> int:
        """Bytes that a training step takes."""
        return step_memory(network, self.recipe, self.platform)

    def timing(self, network: Network, macs: int) -> Timing:
        """Measured by one worker."""
        found: Timing = self._workers.measure(self.recipe, self.should_stop, "timing", network, macs)
        return found

    def gain(self, network: Network, seeds: int) -> float:
        """Measured by one worker."""
        return float(self._workers.measure(self.recipe, self.should_stop, "gain", network, seeds))


class WorkerTrainer:
    """Has trials of one data set and one recipe run by workers (`trial.TrialRunner`)."""

    def __init__(
        self,
        workers: Workers,
        ledger: Ledger,
        networks: WorkerNetworks,
        callback: Callback,
        claims: ClaimedTrials,
    ) -> None:
        self.workers, self.ledger, self.networks = workers, ledger, networks
        self.callback, self.claims = callback, claims

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same workers, ledger, claims and data, for another recipe."""
        other = copy(self)
        other.networks = copy(self.networks)
        other.networks.recipe = recipe
        return other

    def row(self, trial: Trial) -> TrialRow:
        """The trial as the ledger plans it."""
        return ledger_rows.trial_row(trial, self.networks.recipe, self.networks.dataset)

    def run_groups(
        self,
        groups: Sequence[Sequence[Trial]],
        *,
        extras: Extras,
        again: bool,
        likely: Sequence[Trial] = (),
    ) -> int:
        """Has what is free of them trained, each group seeds of one network: by one worker where they may be batched.

        Errors: TrainingStopped, StorageError, DeviceError.
        """
        alone = self.networks.block == 1
        parts = [[trial] for group in groups for trial in group] if alone else groups
        keys = [self.row(trial).key for group in groups for trial in group]
        known = {self.row(trial).key: trial for trial in likely} if alone else {}
        missing = self.claims.unfinished(list(known))
        try:
            return self.workers.run(
                self,
                parts,
                extras=extras,
                again=again,
                likely=[known[key] for key in missing],
                should_stop=self.networks.should_stop,
            )
        finally:
            self.claims.count_as_tried(keys, again=again)


def make_trainer(
    workers: Workers,
    space: SearchSpace,
    ledger: Ledger,
    *,
    dataset: Dataset,
    callback: Callback,
    should_stop: Callable[[], bool],
    checkpoints: Folder | None,
    retry_failed: bool,
) -> WorkerTrainer:
    """Starts the workers, or hands them another search. Errors: as `Workers`, and what a machine lacks."""
    job = Job(
        data=space.study.dataset,
        fingerprint=dataset.fingerprint,
        recipe=space.recipe,
        ledger=ledger.opening,
        host=this_process().host,
        checkpoints=checkpoints,
        mark=None if checkpoints is None else mark(checkpoints),
        retry_failed=retry_failed,
        versions=provenance.versions(),
        environment={name: value for name, value in os.environ.items() if name.startswith(_DECIDE_RESULTS)},
        build=workers.build,
    )
    workers.start(job, callback, should_stop)
    return WorkerTrainer(
        workers,
        ledger,
        WorkerNetworks(workers, dataset=dataset, recipe=space.recipe, should_stop=should_stop),
        callback,
        ClaimedTrials(ledger, callback, checkpoints=checkpoints, retry_failed=retry_failed),
    )


def mark(folder: Folder) -> str:
    """What is written in a checkpoint folder, to be read by all who share it. Errors: StorageError."""
    file = folder / MARK
    if not file.exists():
        save(uuid.uuid4().hex, file)
    return file.read_text().strip()
