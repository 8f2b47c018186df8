"""What a caller may hang on a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scaling_search.training.compiled import CompiledTrial
from scaling_search.training.outcome import EpochMetrics


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands, for a progress bar."""

    step: int  # steps done
    total_steps: int
    epoch: int  # epochs done and evaluated
    epochs: int


@dataclass(frozen=True, kw_only=True)
class Hooks:
    """What a caller may hang on a run. Each is called on the training thread; ``on_compiled`` before the first step,
    and what it raises ends the run.
    """

    on_compiled: Callable[[CompiledTrial], None] = lambda _program: None
    on_epoch: Callable[[int, EpochMetrics], None] = lambda _seed, _metrics: None
    on_progress: Callable[[Progress], None] = lambda _progress: None
    should_stop: Callable[[], bool] = lambda: False
