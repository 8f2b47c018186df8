"""Progress on a terminal's stderr: a bar for the trials, one for the running trial. Silent elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from scaling_search.report.escape import clean, for_rich
from scaling_search.search.trial.trial import Callback, Trial

if TYPE_CHECKING:
    from scaling_search.ledger.storage.rows import TrialRow
    from scaling_search.training.hooks import Progress as Steps


class Bars(Callback):
    """A callback for the trainer. On anything that is no terminal only `say` and failures are printed."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.shown = self.console.is_terminal
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=self.console,
            disable=not self.shown,
        )
        self.trials: TaskID | None = None
        self.trial: TaskID | None = None
        self.running: list[Trial] = []  # several where seeds of a network train together

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bars.stop()

    def expect(self, trials: int, seconds: float | None) -> None:  # noqa: ARG002
        """How many trials there are at most."""
        self.trials = self.bars.add_task("trials", total=trials)

    def skip(self, trials: int, why: str) -> None:
        """Trials that are not run after all."""
        self.say(why)
        self._advance(trials)

    def known(self, trials: int) -> None:
        """Trials that the ledger has already."""
        self._advance(trials)

    def begin(self, trial: Trial) -> None:
        """A trial starts: it compiles first, unless its network was compiled before."""
        self.running.append(trial)
        seeds = ", ".join(str(one.seed) for one in self.running)
        label = for_rich(f"{trial.label}, {'seeds' if len(self.running) > 1 else 'seed'} {seeds}")
        if self.trial is None:
            self.trial = self.bars.add_task("", total=None)
        self.bars.update(self.trial, description=f"{label}: compiling")

    def progress(self, trial: Trial, progress: Steps) -> None:  # noqa: ARG002
        """Some steps further."""
        if self.trial is not None:
            epoch = min(progress.epoch + 1, progress.epochs)
            label = self.bars.tasks[-1].description.partition(":")[0]
            self.bars.update(
                self.trial,
                description=f"{label}: epoch {epoch} of {progress.epochs}",
                completed=progress.step,
                total=progress.total_steps,
            )

    def end(self, trial: Trial, row: TrialRow) -> None:
        """A trial is over, one way or another."""
        self.running = [one for one in self.running if one != trial]
        if self.trial is not None and not self.running:
            self.bars.remove_task(self.trial)
            self.trial = None
        name = f"{trial.label}, seed {trial.seed}"
        if row.state == "complete" and row.accuracy is not None:
            if self.shown:
                self.say(f"{name}: {row.accuracy:.2%} in {row.train_seconds or 0:.0f} s")
        elif row.state in ("failed", "diverged"):
            self.say(f"{name}: {row.state}" + (f": {row.failure}" if row.failure else ""))
        if row.state not in ("running", "waiting"):
            self._advance(1)

    def say(self, text: str) -> None:
        """One line for the person watching."""
        if self.shown:
            self.bars.console.print(for_rich(text), highlight=False)
        else:
            say(text)

    def note(self, text: str) -> None:
        """One line for a person who is watching; nothing where nobody is."""
        if self.shown:
            self.say(text)

    def _advance(self, trials: int) -> None:
        if self.trials is not None:
            self.bars.advance(self.trials, trials)


def say(text: str) -> None:
    """One line of a message, on stderr."""
    print(clean(text), file=sys.stderr, flush=True)  # noqa: T201
