"""A trainer whose networks learn nothing: claims, records and order are the real ones, the training is said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from scaling_search.architecture.network import Network, fingerprint
from scaling_search.data.dataset import Dataset, Split
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.plan.study import Study, parse
from scaling_search.search.trial.timing import Timing
from scaling_search.search.trial.trainer import Trainer
from scaling_search.search.trial.trial import Trial
from scaling_search.training import recipe as recipes
from scaling_search.training.outcome import Outcome

IMAGES = 200
# Accuracy by trial; None diverges; an exception is raised.
Learns = Callable[[Trial], float | BaseException | None]


RECIPE = recipes.named("fast", epochs=5, batch_size=64)


def study(**grid: Any) -> Study:
    """Eight candidates or so on a small proxy."""
    read = parse(
        'name = "s"\nbaseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n'
        "[proxy]\nresolution = 16\nwidth = 0.25\ndepth = 0.5\n"
        '[rounding]\ndepth = "round"\ndivisor = 2\n'
        "[recipe]\nepochs = 5\nbatch_size = 64\n"
        '[grid]\nalpha = "1:2:0.5"\nbeta = "1:1.4:0.2"\ngamma = "1:1.5:0.25"\ntolerance = 0.5\nseeds = 3\n'
    )
    return read.model_copy(update={"grid": read.grid.model_copy(update=grid)})


@dataclass
class Listener:
    """A callback that remembers."""

    begun: list[tuple[str, int]] = field(default_factory=list)
    ended: list[TrialRow] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)

    def expect(self, trials: int) -> None: ...
    def skip(self, trials: int, why: str) -> None:
        self.said.append(why)

    def begin(self, trial: Trial) -> None:
        self.begun.append((fingerprint(trial.network), trial.seed))

    def progress(self, progress: object) -> None: ...
    def end(self, trial: Trial, row: TrialRow) -> None:
        self.ended.append(row)

    def say(self, text: str) -> None:
        self.said.append(text)

    def note(self, text: str) -> None:
        self.noted.append(text)


def noise_images(count: int) -> Split:
    random = np.random.default_rng(count)
    return Split(
        images=random.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8),
        labels=(np.arange(count) % 10).astype(np.int32),
    )


class Pretend(Trainer):
    """Reaches `learns(trial)` on the validation images, the same images first for all."""

    def __init__(
        self,
        ledger: Ledger,
        learns: Learns = lambda trial: 0.5,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        retry_failed: bool = False,
    ) -> None:
        self.learns = learns
        self.listener = Listener()
        super().__init__(
            ledger=ledger,
            dataset=Dataset(
                name="digits",
                classes=tuple("0123456789"),
                fingerprint="d" * 64,
                train=noise_images(100),
                validation=noise_images(IMAGES),
            ),
            recipe=RECIPE,
            callback=self.listener,
            should_stop=should_stop,
            checkpoints=None,
            retry_failed=retry_failed,
        )

    def _train(
        self, trial: Trial, key: str, upcoming: Trial | None, *, saved: Callable[[], None] = lambda: None
    ) -> Outcome:
        said = self.learns(trial)
        if isinstance(said, BaseException):
            raise said
        state: Literal["complete", "diverged"] = "diverged" if said is None else "complete"
        random = np.random.default_rng(trial.seed)
        correct = None if said is None else random.random(IMAGES) < said
        return Outcome(
            state=state,
            seed=trial.seed,
            accuracy=None if correct is None else float(correct.mean()),
            loss=None if correct is None else 1.0,
            correct=correct,
            epochs=(),
            compile_seconds=1.0,
            train_seconds=2.0,
            evaluate_seconds=0.1,
            memory_bytes=None,
            params={},
            batch_stats={},
        )

    def timing(self, network: Network, macs: int) -> Timing:
        self.listener.noted.append(f"timed {fingerprint(network)}")
        return Timing(
            network=fingerprint(network),
            macs=macs,
            compile_seconds=1.0,
            setup_seconds=0.1,
            step_seconds=2.0 / self.recipe.epochs / 17,
            image_seconds=0.1 / self.recipe.epochs / 288,
            memory_bytes=None,
        )

    def _record_test(self, key: str, trial: Trial, outcome: Outcome, test: Split | None) -> None: ...
