"""What is to be trained, and who is told of it."""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from scaling_search.architecture.network import Network
from scaling_search.costs.count import Cost
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.training.memory import step_memory

if TYPE_CHECKING:
    from scaling_search.data.dataset import Dataset, Split
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.plan.builds import Build
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
    """Where networks are compiled, timed and trained: here (`CompiledNetworks`), or in workers (`WorkerNetworks`).

    device: what trains, as results name it; arithmetic: whose they have; block: seeds of a network to train before
    racing decides again.
    """

    dataset: Dataset
    recipe: Recipe
    should_stop: Callable[[], bool]
    platform: str
    device: str
    arithmetic: str
    block: int

    @property
    def at_once(self) -> int:
        """How many processes train at the same time."""

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same images for another recipe."""

    def check_stop(self) -> None:
        """Errors: TrainingStopped once a stop was asked for."""
        check_stop(self.should_stop)

    def available_memory(self) -> int | None:
        """Bytes that a trial may take; None where it is not known."""

    def estimated_memory(self, network: Network) -> int:
        """Bytes that a training step of the network takes here, before anything is compiled."""
        return step_memory(network, self.recipe, self.platform)

    def timing(self, network: Network, macs: int) -> Timing:
        """How fast the network is. Errors: OutOfMemory, TrainingStopped."""

    def gain(self, network: Network, seeds: int) -> float:
        """How many times faster so many seeds train as one program. Errors: TrainingStopped."""


class TrialRunner(ABC):
    """What runs trials of one data set, and of one recipe but where a trial has its own.

    This process (`Trainer`), or workers that it has (`WorkerTrainer`).
    """

    networks: Networks

    def __init__(
        self,
        *,
        ledger: Ledger,
        networks: Networks,
        callback: Callback,
        checkpoints: Folder | None,
        retry_failed: bool = False,
    ) -> None:
        from scaling_search.search.trial.claims import ClaimedTrials  # a callback needs no ledger

        self.ledger, self.networks, self.callback = ledger, networks, callback
        self.claims = ClaimedTrials(ledger, callback, checkpoints=checkpoints, retry_failed=retry_failed)

    def with_recipe(self, recipe: Recipe) -> Self:
        """The same ledger, claims and images, for another recipe."""
        other = copy(self)
        other.networks = self.networks.with_recipe(recipe)
        return other

    def row(self, trial: Trial) -> TrialRow:
        """The trial as the ledger plans it."""
        from scaling_search.search.trial.ledger_rows import trial_row

        return trial_row(trial, self.networks.recipe, self.networks.dataset)

    @abstractmethod
    def run_groups(
        self, groups: Sequence[Sequence[Trial]], *, extras: Extras, again: bool, likely: Sequence[Trial] = ()
    ) -> int:
        """Trains what is free of them, each group seeds of one network; how many. Errors: as `Trainer.run`.

        likely: what may be asked for next, for who has nothing left to do.
        """


def check_stop(should_stop: Callable[[], bool]) -> None:
    """Errors: TrainingStopped once a stop was asked for."""
    if should_stop():
        from scaling_search.training.outcome import TrainingStopped

        raise TrainingStopped(None)


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


class Relay(Callback):
    """A callback to whose `tell` every event comes, by its name and with what the event gives."""

    def tell(self, event: str, *given: Any) -> None:
        """What is done with an event."""


for _event in [name for name in vars(Callback) if not name.startswith("_")]:
    setattr(Relay, _event, lambda self, *given, event=_event: self.tell(event, *given))


class Callbacks(Relay):
    """Several callbacks as one. A fault of one is told to the others, once, and its search goes on."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = list(callbacks)

    def tell(self, event: str, *given: Any) -> None:
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
