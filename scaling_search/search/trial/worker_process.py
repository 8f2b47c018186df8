"""The inside of one of Ray's worker processes: it opens the ledger itself and trains what its driver hands it."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.errors import DeviceError, InputError, ScalingSearchError, UsageError
from scaling_search.search.trial.trial import Callback, Extras, Relay, Trial
from scaling_search.system.files import Folder, shown

if TYPE_CHECKING:
    from scaling_search.data.dataset import Dataset
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.search.plan.study_tables import Data
    from scaling_search.search.trial.trainer import Trainer
    from scaling_search.training.recipe import Recipe

MARK = ".shared-by"
Event = tuple[str, tuple[Any, ...]]  # name and arguments of a `Callback`'s method


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a worker needs to train trials of a study: plain values, and never a password in its repr.

    ledger: arguments of `Ledger.open`. host: the driver's machine, for a ledger in a file. mark: what the driver
    reads in the file MARK of the checkpoint folder. environment: the driver's, as far as it decides results.
    """

    data: Data
    fingerprint: str
    recipe: Recipe
    ledger: Mapping[str, Any] = field(repr=False)
    host: str
    checkpoints: Folder | None = field(repr=False)
    mark: str | None
    retry_failed: bool
    versions: str
    environment: Mapping[str, str]
    build: Callable[..., Trainer]
    patience_seconds: float = 10.0  # until a shared folder shows a file that another machine has just made


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a worker is and what it trains on. cores: those that it is kept to."""

    node: str
    pid: int
    cores: tuple[int, ...]
    platform: str
    device: str
    arithmetic: str
    block: int
    available_memory: int | None

    def __str__(self) -> str:
        return f"worker {self.pid} on {self.node}"

    @property
    def words(self) -> str:
        """What it trains on."""
        return f"{self.device}{', core ' if self.cores else ''}{', '.join(map(str, self.cores))}"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a call came to, and what happened in it."""

    value: Any
    error: Exception | None
    seconds: float
    events: list[Event]


class Events(Relay):
    """A callback that keeps what it is told until the driver fetches it; of steps only the latest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: deque[Event] = deque()
        self._muted = False

    @contextlib.contextmanager
    def muted(self) -> Iterator[None]:
        """Nothing is kept of what is told in this context."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def take(self) -> list[Event]:
        with self._lock:
            found = list(self._events)
            self._events.clear()
        return found

    def tell(self, event: str, *given: Any) -> None:
        if self._muted:
            return
        if event in ("say", "note"):
            given = (f"{platform.node()}: {given[0]}",)
        with self._lock:
            if event == "progress" and self._events and self._events[-1][0] == event:
                self._events.pop()
            self._events.append((event, given))


class WorkerProcess:
    """An actor of Ray. `do` works, one call at a time; `listen` answers meanwhile, on a thread of its own."""

    def __init__(self, cores: int | None) -> None:
        # Ray's default is for programs that have one core each. Ours follow the cores that they are kept to.
        os.environ.pop("OMP_NUM_THREADS", None)
        self._wanted_cores = cores
        self._cores: tuple[int, ...] = ()
        self._events = Events()
        self._stop = threading.Event()
        self._trainers: dict[str, Trainer] = {}  # by recipe
        self._ledger: Ledger | None = None

    def do(self, what: str, *given: Any) -> Answer:
        """Calls a method below. Our own errors are part of the answer; others reach the driver through Ray."""
        from scaling_search.training.outcome import TrainingStopped

        value, error, began = None, None, time.monotonic()
        self._stop.clear()
        try:
            value = getattr(self, what)(*given)
        except (ScalingSearchError, TrainingStopped) as caught:
            error = caught
        return Answer(value=value, error=error, seconds=time.monotonic() - began, events=self._events.take())

    def listen(self, stop: bool) -> list[Event]:
        """What happened since the last call; `stop` asks the work to end at its next safe point."""
        if stop:
            self._stop.set()
        return self._events.take()

    def prepare(self, job: Job) -> Place:
        """Opens ledger and data. Errors: UsageError, InputError, DeviceError, each naming this machine."""
        from scaling_search.ledger.ledger import Ledger
        from scaling_search.search.trial import provenance

        os.environ.update(job.environment)
        if self._wanted_cores is not None and not self._cores:
            from scaling_search.system import cores

            self._cores = cores.pin(self._wanted_cores)
        warnings.showwarning = lambda message, *_, **__: self._events.say(f"warning: {message}")
        _check_machine(job)
        dataset = _own_copy(job)
        if self._ledger is not None:
            self._ledger.close()
        self._ledger = Ledger.open(**job.ledger)
        trainer = job.build(
            job, ledger=self._ledger, dataset=dataset, callback=self._events, should_stop=self._stop.is_set
        )
        self._trainers = {job.recipe.canonical(): trainer}
        networks = trainer.networks
        return Place(
            node=platform.node(),
            pid=os.getpid(),
            cores=self._cores,
            platform=networks.platform,
            device=provenance.device(),
            arithmetic=provenance.arithmetic(),
            block=networks.block,
            available_memory=provenance.available_memory(),
        )

    def run(
        self, recipe: Recipe, trials: Sequence[Trial], upcoming: Trial | None, extras: Extras, again: bool
    ) -> int:
        """`Trainer.run` of these seeds of one network."""
        return self._trainer(recipe).run(trials, upcoming=upcoming, extras=extras, again=again)

    def compile_ahead(self, recipe: Recipe, trial: Trial) -> None:
        """Compiles what is likely to be asked for next."""
        from scaling_search.training.compiled import ready

        networks = self._trainer(recipe).networks
        with contextlib.suppress(Exception):  # whoever trains it will say so
            networks.prepare(trial.network)
            ready(networks.program(trial.network, None), self._stop.is_set)

    def train_ahead(self, recipe: Recipe, trial: Trial) -> None:
        """Trains what the next round may ask for. What goes wrong is told when it is asked for."""
        with self._events.muted(), contextlib.suppress(Exception):
            self._trainer(recipe).train_ahead(trial)

    def measure(self, recipe: Recipe, what: str, *given: Any) -> Any:
        """`timing` or `gain` of this worker's networks."""
        return getattr(self._trainer(recipe).networks, what)(*given)

    def _trainer(self, recipe: Recipe) -> Trainer:
        name = recipe.canonical()
        if name not in self._trainers:
            self._trainers[name] = next(iter(self._trainers.values())).with_recipe(recipe)
        return self._trainers[name]


def build_trainer(
    job: Job, *, ledger: Ledger, dataset: Dataset, callback: Callback, should_stop: Callable[[], bool]
) -> Trainer:
    """What trains in a worker: the same as in a single process."""
    from scaling_search.search.trial.setup import compiled_networks
    from scaling_search.search.trial.trainer import Trainer

    return Trainer(
        ledger=ledger,
        networks=compiled_networks(job.recipe, dataset, should_stop=should_stop, checkpoints=job.checkpoints),
        callback=callback,
        checkpoints=job.checkpoints,
        retry_failed=job.retry_failed,
    )


def _check_machine(job: Job) -> None:
    """Errors: UsageError, InputError, DeviceError where this machine cannot share the driver's work."""
    from scaling_search.ledger.claims.process import this_process
    from scaling_search.ledger.storage.location import locate
    from scaling_search.search.trial import provenance

    node = platform.node()
    if isinstance(locate(job.ledger["place"]), Path) and this_process().host != job.host:
        raise UsageError(
            f"a ledger in a file serves one machine, and {node} is another one: "
            "give --ledger postgresql+psycopg://HOST/NAME, a database that all of them reach"
        )
    if (found := provenance.versions()) != job.versions:
        raise DeviceError(
            f"{node} has other versions than this process ({found}, not {job.versions}): install the same there"
        )
    until = time.monotonic() + job.patience_seconds
    while job.checkpoints is not None and _read(job.checkpoints / MARK) != job.mark:
        if time.monotonic() > until:
            raise InputError(
                f"{shown(job.checkpoints)} is not shared: {node} does not see what this process writes there; give "
                "--checkpoints FOLDER or URL, one that all machines see"
            )
        time.sleep(0.2)


def _read(file: Folder) -> str | None:
    try:
        return file.read_text()
    except Exception:  # every store has its own
        return None


def _own_copy(job: Job) -> Dataset:
    """This machine's copy of the data. Errors: InputError where there is none, or another."""
    from scaling_search.data import catalog

    data, node = job.data, platform.node()
    try:
        found = catalog.load(data.name, validation=data.validation, split_seed=data.split_seed)
    except InputError as error:
        raise InputError(f"{node} cannot read the data set {data.name!r}: {error}") from None
    if found.fingerprint != job.fingerprint:
        raise InputError(
            f"{node} has another copy of the data set {data.name!r} (fingerprint {found.fingerprint[:12]}, here "
            f"{job.fingerprint[:12]}): bring the same files there"
        )
    return found
