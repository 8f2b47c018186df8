"""What a search sees of its workers: a trainer and networks, as in a single process."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from copy import copy
from typing import TYPE_CHECKING, Self

from scaling_search.ledger.claims.process import this_process
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.trial import provenance
from scaling_search.search.trial.timing import Timing
from scaling_search.search.trial.trial import Callback, Extras, Networks, Trial, TrialRunner
from scaling_search.search.trial.worker_process import MARK, Job
from scaling_search.search.trial.workers import Workers
from scaling_search.system.files import Folder, save

if TYPE_CHECKING:
    from scaling_search.architecture.network import Network
    from scaling_search.data.dataset import Dataset
    from scaling_search.search.plan.search_space import SearchSpace
    from scaling_search.training.recipe import Recipe

_DECIDE_RESULTS = ("JAX_", "XLA_", "SCALING_SEARCH_KERNELS")


class WorkerNetworks(Networks):
    """Networks as workers compile, time and train them."""

    def __init__(
        self, workers: Workers, *, dataset: Dataset, recipe: Recipe, should_stop: Callable[[], bool]
    ) -> None:
        self.dataset, self.recipe, self.should_stop = dataset, recipe, should_stop
        self.workers = workers
        first = workers.places[0]
        self.platform, self.device = first.platform, first.device
        self.arithmetic, self.block = first.arithmetic, first.block

    @property
    def at_once(self) -> int:
        """How many workers there are."""
        return self.workers.count

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same workers and data for another recipe."""
        other = copy(self)
        other.recipe = recipe
        return other

    def available_memory(self) -> int | None:
        """Bytes that a trial may take on the smallest machine."""
        found = [place.available_memory for place in self.workers.places]
        known = [one for one in found if one is not None]
        return min(known) if len(known) == len(found) else None

    def timing(self, network: Network, macs: int) -> Timing:
        """Measured by one worker."""
        found: Timing = self.workers.measure(self.recipe, self.should_stop, "timing", network, macs)
        return found

    def gain(self, network: Network, seeds: int) -> float:
        """Measured by one worker."""
        return float(self.workers.measure(self.recipe, self.should_stop, "gain", network, seeds))


class WorkerTrainer(TrialRunner):
    """Has trials run by workers."""

    networks: WorkerNetworks

    def run_groups(
        self, groups: Sequence[Sequence[Trial]], *, extras: Extras, again: bool, likely: Sequence[Trial] = ()
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
            return self.networks.workers.run(
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
        ledger=ledger,
        networks=WorkerNetworks(workers, dataset=dataset, recipe=space.recipe, should_stop=should_stop),
        callback=callback,
        checkpoints=checkpoints,
        retry_failed=retry_failed,
    )


def mark(folder: Folder) -> str:
    """What is written in a checkpoint folder, to be read by all who share it. Errors: StorageError."""
    file = folder / MARK
    if not file.exists():
        save(uuid.uuid4().hex, file)
    return file.read_text().strip()
