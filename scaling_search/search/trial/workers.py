"""Ray runs the trials: worker processes of this machine or of a cluster, each with its own cores or accelerator.

The ledger stays the one source of truth. Every worker claims, trains and records by itself; the driver only says what
to try next, hears how it goes, and asks the ledger what is left. Ray retries nothing: whether a trial is begun again is
for the ledger's rules to say. The driver loads no accelerator library.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from scaling_search.errors import DeviceError
from scaling_search.search.trial.cluster import Cluster
from scaling_search.search.trial.trial import Callback, Extras, Trial, check_stop
from scaling_search.search.trial.worker import Group, Worker, program_name, trial_name
from scaling_search.search.trial.worker_process import Answer, Job, Place, WorkerProcess, build_trainer
from scaling_search.training.outcome import TrainingStopped

if TYPE_CHECKING:
    from scaling_search.search.trial.trial import TrialRunner
    from scaling_search.training.recipe import Recipe

_POLL_SECONDS = 0.2
_STOP_SECONDS = 30.0
_SILENT_SECONDS = 60.0
_LOOK_AHEAD = 64  # groups among which a worker finds one whose network it has compiled
_DEATHS_IN_A_ROW = 5
_AHEAD_SECONDS = 600.0  # longer trials are not begun before they are asked for: they would have no checkpoint


class Workers:
    """Worker processes for `grid`, `scale` and `recipe`: `count` of them (else one for each accelerator, or for as many
    cores as the smallest machine has), on a local Ray or the one at `address`.

        with Workers(4) as workers:
            grid(study, ledger=ledger, workers=workers)

    They start with the first search and stay until the context ends. `busy_seconds` is what they worked on trials, all
    together. Errors: UsageError and DeviceError without Ray, or without such a cluster.
    """

    def __init__(
        self,
        count: int | None = None,
        address: str | None = None,
        *,
        build: Callable[..., Any] = build_trainer,
    ) -> None:
        self.cluster = Cluster(count, address)
        self.build = build
        self.busy_seconds = 0.0
        self._workers: list[Worker] = []
        self._deaths = 0
        self._job: Job | None = None
        self._callback = Callback()
        self._trainer: TrialRunner | None = None
        self._queue: deque[Group] = deque()
        self._likely: deque[Trial] = deque()  # what the next round may ask for
        self._doomed: list[Trial] = []  # their worker was ended for its memory

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.cluster.close()

    @property
    def count(self) -> int:
        """How many there are, ready or not."""
        return len(self._workers)

    @property
    def places(self) -> list[Place]:
        """Of the workers that are ready."""
        return [worker.place for worker in self._workers if worker.place is not None]

    def start(self, job: Job, callback: Callback, should_stop: Callable[[], bool]) -> None:
        """Prepares every worker for a search; returns when the first is ready. Errors: as `Workers`, InputError."""
        self._job, self._callback, self._deaths = job, callback, 0
        missing = self.cluster.start() - len(self._workers)
        self._workers += [Worker(handle=self.cluster.actor(WorkerProcess)) for _ in range(missing)]
        for worker in self._workers:
            worker.place = worker.ahead = None
            worker.do("prepare", job)
        said = time.monotonic()
        while not self.places:
            check_stop(should_stop)
            for worker, answer in self._answers():
                self._prepared(worker, answer)
            if time.monotonic() - said > _SILENT_SECONDS:
                said = time.monotonic()
                callback.say(f"waiting for a worker: {self.cluster.waits}")

    def measure(self, recipe: Recipe, should_stop: Callable[[], bool], what: str, *given: Any) -> Any:
        """`timing` or `gain` of one worker's networks. Errors: as those."""
        asked: Worker | None = None
        while True:
            check_stop(should_stop)
            if asked not in self._workers and (asked := next(iter(self._free()), None)) is not None:
                asked.do("measure", recipe, what, *given)
            for worker, answer in self._answers():
                if worker is not asked:
                    self._prepared(worker, answer)
                elif answer.error is not None:
                    raise answer.error
                else:
                    return answer.value

    def run(
        self,
        trainer: TrialRunner,
        groups: Sequence[Group],
        *,
        extras: Extras,
        again: bool,
        likely: Sequence[Trial],
        should_stop: Callable[[], bool],
    ) -> int:
        """Has the groups trained; returns how many trials were. Errors: TrainingStopped, DeviceError, StorageError."""
        self._trainer, self._queue, self._likely = trainer, deque(groups), deque(likely)
        self._keep_ahead()
        recipe, given = trainer.networks.recipe, self.cluster.put(extras)
        trained = 0
        try:
            while self._queue or self._busy() or self._doomed:
                check_stop(should_stop)
                for worker in self._free():
                    self._hand_out(worker, groups, recipe, given, again)
                for worker, answer in self._answers():
                    if worker.place is None:
                        self._prepared(worker, answer)
                    elif answer.error is not None:
                        self._refused(worker, answer.error)
                    else:
                        self._deaths = 0
                        trained += answer.value or 0
                self._fail_doomed(trainer)
        except BaseException as error:
            self._let_end(error)
            raise
        finally:
            self._trainer = None
        return trained

    def _keep_ahead(self) -> None:
        """What was begun before it was asked for goes on where it is asked for now, and ends where not."""
        asked = {trial_name(trial) for group in self._queue for trial in group}
        for worker in self._workers:
            if worker.ahead is not None and trial_name(worker.ahead) not in asked:
                worker.unwanted, worker.ahead = worker.ref is not None, None
        self._listen(stop=False)

    def _busy(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.group is not None]

    def _free(self) -> list[Worker]:
        return [worker for worker in self._workers if worker.free]

    def _hand_out(
        self, worker: Worker, groups: Sequence[Group], recipe: Recipe, extras: Any, again: bool
    ) -> None:
        """The next group for a worker: what it has begun, else one whose network it has compiled, else one that no
        other has, else the first. Never what another has begun.

        Where none is left it begins what the next round may ask for, or compiles it.
        """
        begun = {
            trial_name(one.ahead) for one in self._workers if one.ahead is not None and one is not worker
        }
        left = (at for at, group in enumerate(self._queue) if not begun or trial_name(group[0]) not in begun)
        open_groups = list(islice(left, _LOOK_AHEAD))
        if open_groups:
            own = None if worker.ahead is None else trial_name(worker.ahead)
            others = set().union(*(one.compiled for one in self._workers if one is not worker))

            def rank(at: int) -> int:
                if own is not None and trial_name(self._queue[at][0]) == own:
                    return 0
                name = program_name(recipe, self._queue[at])
                return 1 if name in worker.compiled else 3 if name in others else 2

            at = min(open_groups, key=rank)
            worker.group, worker.ahead = self._queue[at], None
            del self._queue[at]
            worker.compiled.add(program_name(recipe, worker.group))
            later = list(islice(self._queue, len(self._workers)))
            upcoming = later[-1][0] if later else None
            worker.do("run", recipe, worker.group, upcoming, extras, again)
        elif not worker.ahead and self._likely and worker.seconds < _AHEAD_SECONDS:
            worker.ahead = self._likely.popleft()
            worker.compiled.add(program_name(recipe, [worker.ahead]))
            worker.do("train_ahead", recipe, worker.ahead)
        elif not worker.ahead:
            unknown = (group for group in groups if program_name(recipe, group) not in worker.compiled)
            if (group := next(unknown, None)) is not None:
                worker.compiled.add(program_name(recipe, group))
                worker.do("compile_ahead", group[0].recipe or recipe, group[0])

    def _answers(self) -> Iterator[tuple[Worker, Answer]]:
        """Calls that have ended, after a short wait. A dead worker is replaced, and its trials are queued once more."""
        by_ref = {worker.ref: worker for worker in self._workers if worker.ref is not None}
        for ref in self.cluster.ready(list(by_ref), _POLL_SECONDS):
            worker = by_ref[ref]
            try:
                answer = worker.end(self.cluster, self._callback)
            except self.cluster.lost as error:
                self._died(worker, error)
                continue
            self.busy_seconds += answer.seconds if worker.group or worker.ahead else 0.0
            worker.rest()
            yield worker, answer
        self._listen(stop=False)

    def _listen(self, *, stop: bool) -> None:
        for worker in self._workers:
            worker.listen(self.cluster, self._callback, stop=stop)

    def _died(self, worker: Worker, error: Exception) -> None:
        """Errors: DeviceError where workers die one after the other."""
        self._workers.remove(worker)
        self._deaths += 1
        why = self.cluster.why(error)
        if self._deaths >= _DEATHS_IN_A_ROW:
            raise DeviceError(
                f"{self._deaths} workers died one after the other, the last so: {why}"
            ) from error
        self._callback.say(f"{worker} died: {why}")
        if self._job is not None:
            new = Worker(handle=self.cluster.actor(WorkerProcess))
            new.do("prepare", self._job)
            self._workers.append(new)
        if self._trainer is None or worker.group is None:
            return
        if self.cluster.out_of_memory(error):
            self._doomed += worker.begun or worker.group
        else:
            self._queue.appendleft(worker.group)
        for trial in worker.begun:
            self._callback.end(trial, self._trainer.ledger.trials([self._trainer.row(trial).key])[0])

    def _fail_doomed(self, trainer: TrialRunner) -> None:
        """Records trials whose worker was ended for its memory; while its lease has not run out, once more later."""
        ledger = trainer.ledger
        for trial in list(self._doomed):
            row = trainer.row(trial)
            claim = ledger.claim(row)
            if claim is not None:
                ledger.fail(claim, "out of memory: the machine ran out of it, and Ray ended the worker")
            (now,) = ledger.trials([row.key])
            if now.state != "running":
                self._doomed.remove(trial)
                self._callback.end(trial, now)

    def _prepared(self, worker: Worker, answer: Answer) -> None:
        """Errors: those of a machine that cannot take part."""
        if answer.error is not None:
            raise answer.error
        if isinstance(answer.value, Place):
            worker.place = answer.value
            worker.compiled.clear()
            self._callback.note(f"{worker.place}: {worker.place.words}")

    def _refused(self, worker: Worker, error: Exception) -> None:
        """A worker whose device fails is not asked again. Errors: what every worker would meet, or the last one's."""
        if not isinstance(error, DeviceError):
            raise error
        self._workers.remove(worker)
        self.cluster.ray.kill(worker.handle)
        if not self._workers:
            raise error
        self._callback.say(f"{worker} is not asked again: {error}")

    def _let_end(self, error: BaseException) -> None:
        """Asks all to keep a checkpoint and give their trials back; those that take too long are left to the ledger."""
        until = time.monotonic() + _STOP_SECONDS
        self._job, self._doomed = None, []
        while self._busy() and time.monotonic() < until:
            self._listen(stop=True)
            for _, answer in self._answers():
                if isinstance(answer.error, TrainingStopped) and isinstance(error, TrainingStopped):
                    error.step = max(answer.error.step or 0, error.step or 0) or None
