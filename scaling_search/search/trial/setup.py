"""Data sets at hand, as people and programs read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.data import catalog
from scaling_search.data.dataset import Dataset
from scaling_search.search.plan.study import Study


def of(study: Study) -> Dataset:
    """The study's data, decoded. Never opens the test split."""
    data = study.dataset
    return catalog.load(data.name, validation=data.validation, split_seed=data.split_seed)


if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.trial.trainer import Trainer
    from scaling_search.search.trial.trial import Callback


def make_trainer(
    study: Study,
    ledger: Ledger,
    *,
    callback: Callback,
    should_stop: Callable[[], bool],
    checkpoints: Path | None,
    retry_failed: bool,
) -> Trainer:
    """The trainer of a study: its data decoded, its recipe resolved. Never opens the test split."""
    from scaling_search.search.trial.trainer import Trainer
    from scaling_search.training.cache import enable_cache

    recipe = study.resolved_recipe()
    dataset = of(study)
    enable_cache()
    return Trainer(
        ledger=ledger,
        dataset=dataset,
        recipe=recipe,
        callback=callback,
        should_stop=should_stop,
        checkpoints=checkpoints,
        retry_failed=retry_failed,
    )
