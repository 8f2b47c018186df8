"""kill -9 of a real search: what was acknowledged stays, nothing is done twice, and the end is the same to the bit."""

from __future__ import annotations

import functools
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.torture.child import Child, Mark, start
from benchmarks.torture.outcome import Outcome
from benchmarks.torture.search import Figures, Search, parameters
from scaling_search.ledger.ledger import Ledger

_UNLIMITED = 2**31
_WORDS = ("compiling", "begun", "step", "saving", "evaluating", "recording", "deciding")


@dataclass(frozen=True, kw_only=True)
class Control:
    """An undisturbed search in the same run: what it found, and how long what takes here."""

    figures: Figures
    parameters: dict[str, str]
    answer: Any
    counts: Counter[str]
    gaps: dict[str, float]  # mean seconds from a mark of this word to the next mark of any


def beside(folder: Path, *, networks: int, often: bool) -> Search:
    """The search that the cases of one run have in common: its control, and the programs that it has compiled."""
    common = folder.parent / f"undisturbed-{networks}-{often}"
    return Search(folder=common, programs=folder.parent / "programs", networks=networks, often=often)


@functools.cache
def control(search: Search) -> Control:
    """The undisturbed search of this run; `search` says where it is to be."""
    child = start(search.child())
    if code := child.end():
        raise AssertionError(f"an undisturbed search ends with {code}: {search.errors[-2000:]}")
    gaps: dict[str, list[float]] = {}
    for mark, after in zip(child.marks, child.marks[1:], strict=False):
        gaps.setdefault(mark.word, []).append(after.at - mark.at)
    means = {word: statistics.mean(times) for word, times in gaps.items()}
    # This one compiled. Those that find its programs need about as long for them as for getting there.
    means["compiling"] = means["started"]
    return Control(
        figures=search.figures(),
        parameters=parameters(child.marks),
        answer=search.answer(),
        counts=Counter(mark.word for mark in child.marks),
        gaps=means,
    )


@dataclass(kw_only=True)
class Told:
    """What the children of one search have acknowledged so far."""

    finished: set[str] = field(default_factory=set)  # trials
    saved: dict[str, int] = field(default_factory=dict)  # trial: its newest checkpoint's step
    begun: int = 0
    lost: int = 0
    twice: int = 0
    parameters: list[Mark] = field(default_factory=list)

    def hear(self, marks: list[Mark]) -> None:
        """Takes in what one child told, start to end."""
        for mark in marks:
            key = mark.about[0] if mark.about else ""
            if mark.word == "begun":
                self.begun += 1
                self.twice += key in self.finished
                self.lost += int(mark.about[1]) < self.saved.get(key, 0)
            elif mark.word == "saved":
                self.saved[key] = int(mark.about[1])
            elif mark.word == "recorded":
                self.finished.add(key)
            elif mark.word == "trained":
                self.parameters.append(mark)


def trials(n: int, folder: Path) -> Outcome:
    """Kill one trial after the other at random points, a checkpoint being written every few steps."""
    return _kills(n, folder, networks=1, often=True)


def coordinator(n: int, folder: Path) -> Outcome:
    """Kill a whole `grid` as users run it: only the running trial is trained again, and the answer is the same."""
    return _kills(n, folder, networks=2, often=False)


def _kills(n: int, folder: Path, *, networks: int, often: bool) -> Outcome:
    dice = random.Random(11)  # noqa: S311 - to be repeated, not to be secret
    undisturbed = control(beside(folder, networks=networks, often=often))
    struck: Counter[str] = Counter()
    lost = wrong = searches = 0
    while struck.total() < n:
        searches += 1
        search = replace(beside(folder, networks=networks, often=often), folder=folder / f"search-{searches}")
        told = Told()
        killed = 0
        while True:
            child = start(search.child(_begin_as_often_as_it_takes))
            word = _strike(child, undisturbed, dice) if struck.total() < n else None
            code = None if word else child.end()
            told.hear(child.marks)
            if word is None:
                break
            struck[word] += 1
            killed += 1
        if code != 0:
            raise AssertionError(f"a killed search cannot go on (exit code {code}): {search.errors[-2000:]}")
        same = search.figures() == undisturbed.figures and search.answer() == undisturbed.answer
        same = same and parameters(told.parameters) == undisturbed.parameters
        wrong += told.twice + (not same)
        # Each kill costs at most the trial that was running.
        lost += told.lost + max(0, told.begun - len(undisturbed.figures) - killed)
    where = ", ".join(f"{count} {word}" for word, count in struck.most_common())
    note = f"{searches} searches, each equal to the control; struck after: {where}"
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note=note)


def _strike(child: Child, undisturbed: Control, dice: random.Random) -> str | None:
    """Kills at a random point; the word of the last mark waited for, or None when the child ended before."""
    word = dice.choice([word for word in _WORDS if undisturbed.counts[word]])
    # Not beyond the fourth: what comes later is met by those that go on from there.
    count = dice.randint(1, min(undisturbed.counts[word], 4))
    if not child.reach(word, count):
        return None
    time.sleep(dice.uniform(0, 1.2 * undisturbed.gaps[word]))
    child.kill()
    return word


def _begin_as_often_as_it_takes(_: object) -> None:
    """A trial that kills three workers before its first checkpoint is given up; here it is we who kill them."""
    defaults = Ledger.open.__func__.__kwdefaults__  # type: ignore[attr-defined]
    defaults["attempts"] = _UNLIMITED
