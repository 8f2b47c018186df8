"""One worker process as its driver sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scaling_search.architecture.network import fingerprint
from scaling_search.search.trial.trial import Callback, Trial
from scaling_search.search.trial.worker_process import Answer, Event, Place

if TYPE_CHECKING:
    from scaling_search.search.trial.cluster import Cluster
    from scaling_search.training.recipe import Recipe

_LISTEN_SECONDS = 0.5
Group = Sequence[Trial]


@dataclass(eq=False, kw_only=True)
class Worker:
    """A worker as the driver sees it. ref: its call under way, of which group is what it trains; begun: what runs."""

    handle: Any
    ref: Any = None
    listening: Any = None
    heard: float = 0.0
    place: Place | None = None
    group: Group | None = None
    begun: list[Trial] = field(default_factory=list)
    compiled: set[str] = field(default_factory=set)
    ahead: Trial | None = None  # trained, or being trained, before it was asked for
    unwanted: bool = False  # nobody asked for what it does ahead
    seconds: float = 0.0  # that its last trials took

    @property
    def free(self) -> bool:
        return self.place is not None and self.ref is None

    def do(self, what: str, *given: Any) -> None:
        self.heard = time.monotonic()
        self.ref = self.handle.do.remote(what, *given)

    def listen(self, cluster: Cluster, callback: Callback, *, stop: bool) -> None:
        """Hears what it has told since the last time, in the middle of a call; asks it to stop, if `stop`."""
        if self.listening is not None and cluster.ready([self.listening], 0):
            done, self.listening = self.listening, None
            try:
                self.tell(callback, cluster.ray.get(done))
            except cluster.lost:
                return  # its call says so, too
        halt, now = stop or self.unwanted, time.monotonic()
        if self.listening is not None or self.ref is None or self.place is None:
            return
        if halt or now - self.heard > _LISTEN_SECONDS:
            self.heard = now
            self.listening = cluster.listen(self.handle, halt)

    def tell(self, callback: Callback, events: Sequence[Event]) -> None:
        """Hands on what it told."""
        for name, given in events:
            if name == "begin":
                self.begun.append(given[0])
            elif name == "end" and given[0] in self.begun:
                self.begun.remove(given[0])
            getattr(callback, name)(*given)

    def end(self, cluster: Cluster, callback: Callback) -> Answer:
        """What its call came to, all that it told before. Errors: the cluster's `lost`."""
        if self.listening is not None:
            self.tell(callback, cluster.ray.get(self.listening))
        answer: Answer = cluster.ray.get(self.ref)
        self.tell(callback, answer.events)
        if self.group is not None:
            self.seconds = answer.seconds / len(self.group)
        return answer

    def rest(self) -> None:
        """Its call is over."""
        self.ref = self.listening = self.group = None
        self.unwanted = False
        self.begun.clear()

    def __str__(self) -> str:
        return "a worker" if self.place is None else str(self.place)


def program_name(recipe: Recipe, group: Group) -> str:
    """A program, as far as it matters which worker has compiled it."""
    return f"{fingerprint(group[0].network)} {(group[0].recipe or recipe).epochs}"


def trial_name(trial: Trial) -> tuple[str, int, str]:
    """Network, seed, and the recipe where it has its own."""
    own = "" if trial.recipe is None else trial.recipe.canonical()
    return fingerprint(trial.network), trial.seed, own
