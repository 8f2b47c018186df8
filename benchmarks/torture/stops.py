"""Ctrl-C and SIGTERM in every phase of a search: out in time with the right exit code, and nothing lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from benchmarks.torture.child import Child, start
from benchmarks.torture.kills import Told, beside, control
from benchmarks.torture.outcome import Outcome
from benchmarks.torture.search import parameters

_LIMIT_SECONDS = 30.0
_AT_ONCE_SECONDS = 5.0
_WORDS = ("compiling", "begun", "step", "saving", "evaluating", "recorded")
_SECOND_EVERY = 4  # tries, of which one gets a second signal


def stops(n: int, folder: Path) -> Outcome:
    """Signal a `grid` again and again until it is done; half of the stops in compilation have a program to compile."""
    dice = random.Random(12)  # noqa: S311 - to be repeated, not to be secret
    common = beside(folder, networks=1, often=True)
    undisturbed = control(common)
    struck: Counter[str] = Counter()
    lost = wrong = searches = 0
    longest = longest_second = 0.0
    while struck.total() < n:
        searches += 1
        told = Told()
        while True:
            tried = struck.total()
            afresh = tried < n and tried % (2 * len(_WORDS)) == 0
            if afresh:
                shutil.rmtree(folder / "programs", ignore_errors=True)
            programs = folder / "programs" if afresh else common.programs
            now = replace(common, folder=folder / f"search-{searches}", programs=programs)
            child = start(now.child())
            word = _WORDS[tried % len(_WORDS)]
            if tried >= n or not child.reach(word, 1):
                code = child.end()
                told.hear(child.marks)
                break
            time.sleep(dice.uniform(0, undisturbed.gaps.get(word, 0.0)))
            signum = dice.choice([signal.SIGINT, signal.SIGTERM])
            second = tried % _SECOND_EVERY == _SECOND_EVERY - 1
            code, seconds, after_second = _signalled(child, signum, second=second)
            told.hear(child.marks)
            if code == 0 and len(told.finished) == len(undisturbed.figures):
                break  # it came when all was done
            struck[word] += 1
            longest, longest_second = max(longest, seconds), max(longest_second, after_second)
            late = after_second > _AT_ONCE_SECONDS if second else seconds > _LIMIT_SECONDS
            held = not second and "running" in now.states().values()
            lost += code != 128 + signum or late or held
        if code != 0:
            raise AssertionError(f"a stopped search cannot go on (exit code {code}): {now.errors[-2000:]}")
        same = now.figures() == undisturbed.figures and now.answer() == undisturbed.answer
        same = same and parameters(told.parameters) == undisturbed.parameters
        wrong += told.twice + (not same)
        lost += told.lost
    where = ", ".join(f"{count} {word}" for word, count in struck.most_common())
    note = (
        f"out in at most {longest:.1f} s, after a second signal in {longest_second:.1f} s; "
        f"{searches} searches, each equal to the control; struck after: {where}"
    )
    return Outcome(tried=n, lost=lost, silently_wrong=wrong, note=note)


def _signalled(child: Child, signum: signal.Signals, *, second: bool) -> tuple[int, float, float]:
    """Exit code; seconds from the first signal to the end, and from the second one."""
    began = time.monotonic()
    os.kill(child.pid, signum)
    if second:
        # Two signals within one look of the listener would be told as one.
        time.sleep(0.05)
        again = time.monotonic()
        os.kill(child.pid, signum)
    code = child.end()
    ended = time.monotonic()
    return code, ended - began, ended - again if second else 0.0
