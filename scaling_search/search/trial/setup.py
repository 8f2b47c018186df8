"""A trainer for a study: its data decoded, its recipe resolved. Never opens the test split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scaling_search.data import catalog
from scaling_search.data.dataset import Dataset
from scaling_search.errors import DeviceError
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.plan.study import Study
from scaling_search.search.trial import provenance
from scaling_search.search.trial.weights import checkpoint_folder
from scaling_search.system.files import Folder, save
from scaling_search.system.time_limit import TimeLimit

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.trial.compiled_networks import CompiledNetworks
    from scaling_search.search.trial.trial import Callback, Networks, TrialRunner
    from scaling_search.search.trial.workers import Workers
    from scaling_search.training.recipe import Recipe


_TRIED = ".tried"  # a file that is written and taken away again


@contextmanager
def until(limit: TimeLimit, callback: Callback) -> Iterator[None]:
    """Trains in it until the time limit. Errors: TrainingStopped where it was stopped for anything else."""
    from scaling_search.training.outcome import TrainingStopped

    try:
        yield
    except TrainingStopped:
        if not limit.reached:
            raise
        callback.say("the time limit is reached; the same command goes on from here")


def load_data(study: Study) -> Dataset:
    """The study's data, decoded."""
    data = study.dataset
    return catalog.load(data.name, validation=data.validation, split_seed=data.split_seed)


def prepared_data(study: Study) -> Dataset | None:
    """The study's data, decoded; None where they are not prepared on this machine."""
    return load_data(study) if catalog.describe(study.dataset.name).prepared else None


def data_fingerprint(study: Study) -> str | None:
    """Fingerprint of the study's data and split; None where the data are not prepared on this machine."""
    data = prepared_data(study)
    return None if data is None else data.fingerprint


def _try_to_write(folder: Folder) -> None:
    """Errors: StorageError, before a trial is trained whose checkpoint finds no place."""
    save(b"", folder / _TRIED)
    (folder / _TRIED).unlink(missing_ok=True)


def make_networks(
    space: SearchSpace,
    *,
    should_stop: Callable[[], bool],
    dataset: Dataset | None = None,
    checkpoints: Folder | None = None,
) -> CompiledNetworks:
    """Where networks of a study are compiled and timed; needs no ledger.

    Weights that training starts from are in `checkpoints`; without, networks are only timed, and begin as drawn.
    """
    recipe = space.recipe
    if checkpoints is None:
        recipe = recipe.model_copy(update={"initial_weights": None})
    return compiled_networks(
        recipe, dataset or load_data(space.study), should_stop=should_stop, checkpoints=checkpoints
    )


def compiled_networks(
    recipe: Recipe, dataset: Dataset, *, should_stop: Callable[[], bool], checkpoints: Folder | None
) -> CompiledNetworks:
    """Where networks are compiled in this process. Errors: DeviceError for another arithmetic; as `initial_weights`."""
    from scaling_search.search.trial import initial_weights
    from scaling_search.search.trial.compiled_networks import CompiledNetworks
    from scaling_search.training.cache import enable_cache

    provenance.check_settings()
    enable_cache()
    return CompiledNetworks(
        dataset=dataset,
        recipe=recipe,
        should_stop=should_stop,
        initial=initial_weights.read(recipe, checkpoints),
    )


def check_arithmetic(
    trials: Iterable[TrialRow], networks: Networks, callback: Callback, *, exact: bool
) -> None:
    """Says that there are no kernels here; and what other arithmetics trials of the same study have.

    Errors: DeviceError for the latter where results have to be `exact`.
    """
    mine = networks.arithmetic
    if mine.startswith(provenance.XLA) and networks.platform == "cpu":
        callback.say(
            "no kernels here (see `scaling-search doctor`): training is several times slower on a CPU"
        )
    others = {trial.arithmetic for trial in trials if trial.arithmetic} - {mine}
    if not others:
        return
    says = f"trials of this study were trained by {', '.join(sorted(others))}, this process has {mine}"
    if exact:
        raise DeviceError(f"{says}: with --exact they are not compared")
    callback.say(f"warning: {says}: the comparison mixes arithmetics (--exact refuses that)")


def make_trainer(
    space: SearchSpace,
    ledger: Ledger,
    *,
    callback: Callback,
    should_stop: Callable[[], bool],
    checkpoints: Folder | None,
    retry_failed: bool = False,
    dataset: Dataset | None = None,
    workers: Workers | None = None,
) -> TrialRunner:
    """What trains a study's networks and keeps their results: this process, or `workers`."""
    if workers is not None:
        from scaling_search.search.trial import worker_trainer

        return worker_trainer.make_trainer(
            workers,
            space,
            ledger,
            dataset=dataset or load_data(space.study),
            callback=callback,
            should_stop=should_stop,
            checkpoints=checkpoints,
            retry_failed=retry_failed,
        )
    from scaling_search.search.trial.trainer import Trainer

    if checkpoints is not None and checkpoints != checkpoint_folder(ledger):
        _try_to_write(checkpoints)
    return Trainer(
        ledger=ledger,
        networks=make_networks(space, should_stop=should_stop, dataset=dataset, checkpoints=checkpoints),
        callback=callback,
        checkpoints=checkpoints,
        retry_failed=retry_failed,
    )
