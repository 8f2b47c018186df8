"""The bars: one for all trials, one for what trains now."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from scaling_search.cli.progress import ProgressBar
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.trial.trial import Trial
from scaling_search.training.run import Progress
from tests.search.trial.test_trainer import TINY
from tests.search.trial.test_trainer import trial_of as tiny_trial_of


def row(state: str, **more: Any) -> TrialRow:
    waiting = TrialRow.waiting(
        network="n", network_name="tiny", recipe="r", dataset="d", dataset_name="digits", seed=0
    )
    return dataclasses.replace(waiting, state=state, **more)


def shown(bars: ProgressBar) -> list[tuple[str, float, float | None]]:
    return [(task.description, task.completed, task.total) for task in bars.bars.tasks]


@pytest.fixture
def bars() -> ProgressBar:
    made = ProgressBar()
    made.expect(8, None)
    return made


def trial_of(seed: int) -> Trial:
    return tiny_trial_of(TINY, seed)


def test_a_trial_compiles_trains_and_is_counted(bars: ProgressBar) -> None:
    bars.begin(trial_of(4))
    assert shown(bars) == [("trials", 0, 8), ("tiny, seed 4: compiling", 0, None)]
    bars.progress(trial_of(4), Progress(step=30, total_steps=50, epoch=1, epochs=2))
    assert shown(bars)[1] == ("tiny, seed 4: epoch 2 of 2", 30, 50)
    bars.end(trial_of(4), row("complete", accuracy=0.5))
    assert shown(bars) == [("trials", 1, 8)]


def test_seeds_that_train_together_share_a_bar(bars: ProgressBar) -> None:
    for seed in (0, 1, 2):
        bars.begin(trial_of(seed))
    assert shown(bars) == [("trials", 0, 8), ("tiny, seeds 0, 1, 2: compiling", 0, None)]
    bars.progress(trial_of(4), Progress(step=3, total_steps=50, epoch=0, epochs=2))
    assert shown(bars)[1] == ("tiny, seeds 0, 1, 2: epoch 1 of 2", 3, 50)
    for seed in (0, 1, 2):
        assert len(shown(bars)) == 2
        bars.end(trial_of(seed), row("complete", accuracy=0.5))
    assert shown(bars) == [("trials", 3, 8)]


@pytest.mark.parametrize(
    ("state", "counted"), [("waiting", 0), ("running", 0), ("complete", 1), ("failed", 1), ("diverged", 1)]
)
def test_only_what_is_over_is_counted(bars: ProgressBar, state: str, counted: int) -> None:
    """A trial given back, or left to another worker, comes again."""
    bars.begin(trial_of(0))
    bars.end(trial_of(0), row(state, failure="not enough memory" if state == "failed" else None))
    assert shown(bars) == [("trials", counted, 8)]
