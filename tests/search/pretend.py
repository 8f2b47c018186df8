"""A trainer whose networks learn nothing: claims, records and order are the real ones, the training is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import pytest

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network, fingerprint
from scaling_search.data.dataset import Dataset
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import EvaluationRow, TrialRow
from scaling_search.networks.build import build
from scaling_search.search.family import scale
from scaling_search.search.grid import search
from scaling_search.search.grid.search import GridResult
from scaling_search.search.plan.grid_plan import GridPlan, grid_plan
from scaling_search.search.plan.search_space import SearchSpace, search_space
from scaling_search.search.plan.study import Study, override, parse
from scaling_search.search.recipe_check import check
from scaling_search.search.trial import weights
from scaling_search.search.trial.claims import Held
from scaling_search.search.trial.compiled_networks import CompiledNetworks
from scaling_search.search.trial.setup import load_data
from scaling_search.search.trial.timing import Timing
from scaling_search.search.trial.trainer import Extras, Trainer
from scaling_search.search.trial.trial import Callback, Trial
from scaling_search.training.outcome import Outcome

# Accuracy by trial; None diverges; an exception is raised.
Learns = Callable[[Trial], float | BaseException | None]


def study(**grid: Any) -> Study:
    """Five candidates on a small proxy."""
    read = parse(
        'name = "s"\nbaseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n'
        "[proxy]\nresolution = 16\nwidth = 0.25\ndepth = 0.5\n"
        '[rounding]\ndepth = "round"\ndivisor = 2\n'
        "[recipe]\nepochs = 5\nbatch_size = 64\n"
        '[grid]\nalpha = "1:2:0.5"\nbeta = "1:1.4:0.2"\ngamma = "1:1.5:0.25"\ntolerance = 0.5\nseeds = 3\n'
    )
    return override(read, {f"grid.{key}": value for key, value in grid.items()})


# A network as a new user wrote it: four stages of basic blocks, one or two each.
BASIC = toml.parse(
    'name = "icons"\nresolution = 16\nchannels = 3\nclasses = 5\nactivation = "relu"\n'
    "stem = { width = 8, kernel = 3, stride = 1 }\n"
    "stages = [\n"
    '  { block = "basic", depth = 1, width = 8 },\n'
    '  { block = "basic", depth = 2, width = 16, stride = 2 },\n'
    '  { block = "basic", depth = 2, width = 24, stride = 2 },\n'
    '  { block = "basic", depth = 1, width = 32 },\n'
    "]\nhead = {}\n"
)


def planned(settings: Study | None = None) -> GridPlan:
    """The plan of a study."""
    return grid_plan(search_space(settings or study()))


@dataclass
class Listener(Callback):
    """A callback that remembers."""

    begun: list[tuple[str, int]] = field(default_factory=list)
    ended: list[TrialRow] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    expected: list[int] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)

    def expect(self, trials: int, seconds: float | None) -> None:
        self.expected.append(trials)

    def skip(self, trials: int, why: str) -> None:
        self.said.append(why)

    def begin(self, trial: Trial) -> None:
        self.begun.append((fingerprint(trial.network), trial.seed))

    def end(self, trial: Trial, row: TrialRow) -> None:
        self.ended.append(row)

    def say(self, text: str) -> None:
        self.said.append(text)

    def note(self, text: str) -> None:
        self.noted.append(text)

    def finish(self, result: Any) -> None:
        self.results.append(result)


class PretendNetworks(CompiledNetworks):
    """Compiles nothing; every network is as fast as `Pretend` says that it was."""

    def timing(self, network: Network, macs: int) -> Timing:
        return Timing(
            network=fingerprint(network),
            macs=macs,
            compile_seconds=1.0,
            setup_seconds=0.1,
            step_seconds=2.0 / self.recipe.epochs / 17,
            image_seconds=0.1 / self.recipe.epochs / 288,
            memory_bytes=None,
        )


class Pretend(Trainer):
    """Reaches `learns(trial)` on the validation images, the same images first for all."""

    def __init__(
        self,
        ledger: Ledger,
        learns: Learns = lambda trial: 0.5,
        *,
        space: SearchSpace | None = None,
        dataset: Dataset | None = None,
        callback: Callback | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        checkpoints: Path | None = None,
        retry_failed: bool = False,
    ) -> None:
        self.learns = learns
        self.listener = Listener()
        space = space or search_space(study())
        super().__init__(
            ledger=ledger,
            networks=PretendNetworks(
                dataset=dataset or load_data(space.study), recipe=space.recipe, should_stop=should_stop
            ),
            callback=callback or self.listener,
            checkpoints=checkpoints,
            retry_failed=retry_failed,
        )

    def outcome(self, trial: Trial) -> Outcome:
        """What training it gives."""
        self.networks.check_stop()
        said = self.learns(trial)
        if isinstance(said, BaseException):
            raise said
        state: Literal["complete", "diverged"] = "diverged" if said is None else "complete"
        random = np.random.default_rng(trial.seed)
        correct = None if said is None else random.random(len(self.networks.dataset.validation)) < said
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

    def _train(self, held: Held, upcoming: Trial | None, *, batched: bool) -> tuple[Outcome, ...]:
        return tuple(self.outcome(trial) for trial in held.trials)

    def _extras(
        self, held: Held, outcomes: Sequence[Outcome], extras: Extras, *, batched: bool
    ) -> list[list[object]]:
        test = extras.test
        if test is None:
            return [[] for _ in outcomes]
        return [
            []
            if outcome.accuracy is None
            else [
                EvaluationRow(
                    trial_key=self.row(trial).key,
                    split="test",
                    accuracy=outcome.accuracy,
                    correct=np.packbits(np.arange(len(test)) < outcome.accuracy * len(test)).tobytes(),
                    correct_count=len(test),
                )
            ]
            for trial, outcome in zip(held.trials, outcomes, strict=True)
        ]


class Keeping(Pretend):
    """Keeps the weights that a network begins with, others for each seed."""

    def _extras(
        self, held: Held, outcomes: Sequence[Outcome], extras: Extras, *, batched: bool
    ) -> list[list[Any]]:
        more = super()._extras(held, outcomes, extras, batched=batched)
        if extras.weights is not None:
            for own, trial, outcome in zip(more, held.trials, outcomes, strict=True):
                params, stats = build(trial.network, platform="cpu").init(jax.random.key(trial.seed))
                begun = replace(outcome, params=params, batch_stats=stats)
                own.append(weights.keep(extras.weights, trial.network, self.row(trial).key, begun))
        return more


@contextmanager
def pretended(learns: Learns = lambda trial: 0.5, *, kind: type[Pretend] = Pretend) -> Iterator[None]:
    """Searches and families within it are trained by a `kind` of Pretend."""

    def make_trainer(space: SearchSpace, ledger: Ledger, **more: Any) -> Pretend:
        more.pop("workers", None)
        return kind(ledger, learns, space=space, **more)

    with pytest.MonkeyPatch.context() as patch:
        for module in (search, scale, check):
            patch.setattr(module, "make_trainer", make_trainer)
        yield


def searched(
    ledger: Ledger,
    settings: Study | None = None,
    learns: Learns = lambda trial: 0.5,
    *,
    kind: type[Pretend] = Pretend,
    listener: Listener | None = None,
    **more: Any,
) -> GridResult:
    """`grid` with a trainer that pretends."""
    with pretended(learns, kind=kind):
        return search.grid(settings or study(), ledger=ledger, callbacks=(listener or Listener(),), **more)
