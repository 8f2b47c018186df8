"""Signs of life on stderr: bars in a terminal, elsewhere a line per finished trial."""

from __future__ import annotations

import contextlib
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from scaling_search.report.escape import for_rich, for_terminal
from scaling_search.report.figures import duration
from scaling_search.search.plan.seeds import number
from scaling_search.search.trial.trial import Callback, Trial

if TYPE_CHECKING:
    from scaling_search.ledger.storage.rows import TrialRow
    from scaling_search.training.run import Progress as Steps


class ProgressBar(Callback):
    """Tells how far a search is, on stderr. `quiet` tells nothing, not even what everybody should read."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(stderr=True, quiet=quiet)
        self.shown = self.console.is_terminal and not quiet
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            disable=not self.shown,
        )
        self.running: list[Trial] = []  # several where seeds of a network train together
        self._since: dict[tuple[str, int], float] = {}
        self.total = self.done = self.trained = 0
        self._forecast: float | None = None
        self._began = time.monotonic()
        self._best = ""
        self._whole: TaskID | None = None
        self._trial: TaskID | None = None

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.bars.stop()

    def expect(self, trials: int, seconds: float | None) -> None:
        """How many trials there are at most, and their forecast."""
        self.total, self.done, self.trained = trials, 0, 0
        self._forecast, self._began = seconds, time.monotonic()
        self.bars.start()  # does nothing once it is started
        if self._whole is None:
            self._whole = self.bars.add_task("trials", total=trials, left="")
        self._update()

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
        self._since[trial.label, trial.seed] = time.monotonic()
        if self._trial is None:
            self._trial = self.bars.add_task("", total=None, left="")
        self.bars.update(self._trial, description=for_rich(f"{self._label()}: compiling"))

    def progress(self, trial: Trial, progress: Steps) -> None:
        """Some steps further."""
        if self._trial is not None:
            epoch = min(progress.epoch + 1, progress.epochs)
            self.bars.update(
                self._trial,
                description=for_rich(f"{self._label(trial)}: epoch {epoch} of {progress.epochs}"),
                completed=progress.step,
                total=progress.total_steps,
            )
            self._update()

    def end(self, trial: Trial, row: TrialRow) -> None:
        """A trial is over, one way or another."""
        self.running = [one for one in self.running if one != trial]
        if self._trial is not None and not self.running:
            self.bars.remove_task(self._trial)
            self._trial = None
        if row.state in ("running", "waiting"):
            return
        self.trained += 1
        self._advance(1)
        place = f"{self.done} of {self.total}, " if self.total and not self.shown else ""
        name = f"{place}{trial.label}, seed {number(trial.seed)}"
        if row.state == "complete" and row.accuracy is not None:
            seconds = time.monotonic() - self._since.pop((trial.label, trial.seed), time.monotonic())
            left = "" if self.shown or not self.left() else f"; {self.left()}"
            self.say(f"{name}: {row.accuracy:.2%} in {duration(seconds)}{left}")
        else:
            self.say(f"{name}: {row.state}" + (f": {row.failure}" if row.failure else ""))

    def look(self, text: str) -> None:
        """The current best and how sure that is."""
        if self.shown:
            self._best = text
            self._update()
        else:
            self.say(text)

    def say(self, text: str) -> None:
        """A line that everybody should read."""
        if self.quiet:
            return
        if self.shown:
            with contextlib.suppress(OSError):  # the terminal may have gone
                self.bars.console.print(for_rich(text), highlight=False)
        else:
            say(text)

    def note(self, text: str) -> None:
        """A line for whoever is watching."""
        self.say(text)

    def finish(self, result: object) -> None:  # noqa: ARG002
        """The whole is over: the bars are left standing."""
        self.bars.stop()

    def left(self) -> str:
        """How long the rest takes: by the forecast at first, more and more by the rate of the trials that ran here.

        Small networks come first, so that the rate of the first trials alone promises too much.
        """
        remaining = self.total - self.done
        if not self.total or remaining <= 0:
            return ""
        elapsed = time.monotonic() - self._began
        ahead = None if self._forecast is None else self._forecast - elapsed
        if self.trained:
            seconds = elapsed / self.trained * remaining
            if ahead is not None and ahead > 0:
                share = self.trained / (self.trained + remaining)
                seconds = share * seconds + (1 - share) * ahead
        elif ahead is not None:
            seconds = ahead
        else:
            return ""
        return f"about {duration(max(1.0, seconds))} left"

    def _label(self, latest: Trial | None = None) -> str:
        """The network that trains with its seeds; of several, that workers train, the latest to be heard of."""
        networks = list(dict.fromkeys(one.label for one in self.running))
        shown = networks[-1] if latest is None else latest.label
        seeds = [str(number(one.seed)) for one in self.running if one.label == shown]
        more = f" and {len(networks) - 1} more" if len(networks) > 1 else ""
        return f"{shown}, {'seeds' if len(seeds) > 1 else 'seed'} {', '.join(seeds)}{more}"

    def _advance(self, trials: int) -> None:
        self.done += trials
        # Whoever goes on until it is decided trains more seeds than were planned.
        self.total = max(self.total, self.done) if self.total else 0
        self._update()

    def _update(self) -> None:
        if self._whole is not None:
            words = f"trials · {self._best}" if self._best else "trials"
            self.bars.update(
                self._whole,
                description=for_rich(words),
                completed=self.done,
                total=self.total,
                left=self.left(),
            )


def say(text: str) -> None:
    """One line of a message, on stderr; nobody may be there to read it."""
    with contextlib.suppress(OSError):
        print(for_terminal(text, sys.stderr.encoding or "utf-8"), file=sys.stderr, flush=True)  # noqa: T201
