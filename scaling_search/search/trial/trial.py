"""What is to be trained, and who is told of it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from scaling_search.architecture.network import Network
from scaling_search.costs.count import Cost
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.scaling.coefficients import Coefficients

if TYPE_CHECKING:
    from scaling_search.data.dataset import Dataset, Split
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.plan.builds import Build
    from scaling_search.search.trial.claims import ClaimedTrials
    from scaling_search.search.trial.timing import Timing
    from scaling_search.system.files import Folder
    from scaling_search.training.recipe import Recipe
    from scaling_search.training.run import Progress


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One network to be trained with one seed. `label` names it for people; triple and φ where it has any.

    `recipe`: its own, where that is not the trainer's.
    """

    network: Network
    cost: Cost
    seed: int
    label: str
    phi: float | None = None
    triple: Coefficients | None = None
    recipe: Recipe | None = None


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What is wanted of a trial besides its result: figures on the test split, weights kept in a checkpoint folder."""

    test: Split | None = None
    weights: Folder | None = None


NOTHING_MORE = Extras()


class Networks(Protocol):
    """Where networks are compiled, timed and trained: here (`CompiledNetworks`), or in workers (`WorkerNetworks`)."""

    dataset: Dataset
    recipe: Recipe
    platform: str

    @property
    def device(self) -> str:
        """What trains, as results name it."""

    @property
    def arithmetic(self) -> str:
        """Whose arithmetic results have."""

    @property
    def block(self) -> int:
        """Seeds of a network to train before racing decides again."""

    @property
    def at_once(self) -> int:
        """How many processes train at the same time."""

    def check_stop(self) -> None:
        """Errors: TrainingStopped once a stop was asked for."""

    def available_memory(self) -> int | None:
        """Bytes that a trial may take."""

    def estimated_memory(self, network: Network) -> int:
        """Bytes that a training step takes."""

    def timing(self, network: Network, macs: int) -> Timing:
        """How fast the network is. Errors: OutOfMemory, TrainingStopped."""

    def gain(self, network: Network, seeds: int) -> float:
        """How many times faster so many seeds train as one program. Errors: TrainingStopped."""


class TrialRunner(Protocol):
    """What runs a search's trials: this process (`Trainer`), or workers that it has (`WorkerTrainer`)."""

    ledger: Ledger
    callback: Callback
    claims: ClaimedTrials

    @property
    def networks(self) -> Networks:
        """Where they are compiled."""

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same for another recipe."""

    def row(self, trial: Trial) -> TrialRow:
        """The trial as the ledger plans it."""

    def run_groups(
        self, groups: Sequence[Sequence[Trial]], *, extras: Extras, again: bool, likely: Sequence[Trial]
    ) -> int:
        """Trains what is free of them, each group seeds of one network; how many. Errors: as `Trainer.run`.

        likely: what may be asked for next, for who has nothing left to do.
        """


def trial_of(build: Build, seed: int, recipe: Recipe | None = None) -> Trial:
    """One trial of a candidate's or a member's network; `recipe`: where it is not the trainer's."""
    return Trial(
        network=build.network,
        cost=build.cost,
        seed=seed,
        label=f"{build.triple} φ={build.phi:g}" if build.phi else "base",
        phi=build.phi,
        triple=build.triple,
        recipe=recipe,
    )


class Callback:
    """Told of what a search does; every method may be overridden, and none has to be.

    What a callback raises is shown and does not end the search: the trial is kept.
    """

    def expect(self, trials: int, seconds: float | None) -> None:
        """How many trials there are at most, and how long they are forecast to take."""

    def skip(self, trials: int, why: str) -> None:
        """Trials that are not run after all."""

    def known(self, trials: int) -> None:
        """Trials that the ledger has already."""

    def begin(self, trial: Trial) -> None:
        """A trial starts; its network is compiled first, unless it was before."""

    def progress(self, trial: Trial, progress: Progress) -> None:
        """Some steps further."""

    def end(self, trial: Trial, row: TrialRow) -> None:
        """A trial is over, one way or another; `row` is what the ledger has of it."""

    def look(self, text: str) -> None:
        """A look at the race so far: the current best and how sure that is, in one line."""

    def say(self, text: str) -> None:
        """A line that everybody should read."""

    def note(self, text: str) -> None:
        """A line for a person who is watching."""

    def finish(self, result: Any) -> None:
        """The whole is over: a `GridResult` or a `FamilyResult`."""


class Callbacks(Callback):
    """Several callbacks as one. A fault of one is told to the others, once, and its search goes on."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = list(callbacks)

    def expect(self, trials: int, seconds: float | None) -> None:
        self._tell("expect", trials, seconds)

    def skip(self, trials: int, why: str) -> None:
        self._tell("skip", trials, why)

    def known(self, trials: int) -> None:
        self._tell("known", trials)

    def begin(self, trial: Trial) -> None:
        self._tell("begin", trial)

    def progress(self, trial: Trial, progress: Progress) -> None:
        self._tell("progress", trial, progress)

    def end(self, trial: Trial, row: TrialRow) -> None:
        self._tell("end", trial, row)

    def look(self, text: str) -> None:
        self._tell("look", text)

    def say(self, text: str) -> None:
        self._tell("say", text)

    def note(self, text: str) -> None:
        self._tell("note", text)

    def finish(self, result: Any) -> None:
        self._tell("finish", result)

    def _tell(self, event: str, *given: Any) -> None:
        for callback in list(self._callbacks):
            try:
                getattr(callback, event)(*given)
            except Exception as error:
                # It is not asked again: it would fail at every step.
                self._callbacks.remove(callback)
                at = traceback.extract_tb(error.__traceback__)[-1]
                self.say(
                    f"{type(callback).__name__}.{event} failed and is left out from now on: "
                    f"{type(error).__name__}: {error} ({at.filename}, line {at.lineno})"
                )
                if not self._callbacks:
                    traceback.print_exception(error)
