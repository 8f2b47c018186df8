"""Looks at a race: after each round, one more seed for all still running, those shown to be behind the best stop.

A look is a pure function of the results up to its seed and of the looks before it. Its *basis* is a digest of all that
it read, so that a comparison that was recorded stands in for making it again where it rests on the same results, and a
search that was killed decides as it did before. Racing itself: Maron & Moore 1994 (NIPS 6:59); Birattari et al. 2002
(GECCO, F-race).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaling_search.racing.alpha_spending import nominal_error
from scaling_search.statistics import RULE_VERSION
from scaling_search.statistics.images import ImageSample
from scaling_search.statistics.multiple_comparisons import LEVEL, BehindTheBest, compare
from scaling_search.statistics.scores import Marks, Scores, gather

ELIMINATED = "eliminated"
# What of `BehindTheBest` is as the last test of a candidate found it.
_LATEST = ("estimate", "inside", "seeds", "collapsed", "statistic", "threshold", "p")
NO_RESULT = "no result with this seed: it diverged or failed"
# What each candidate's trainings got right, by seed; None where one diverged or failed.
Results = Mapping[str, Mapping[int, Marks | None]]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a race looks. sample: how the validation images count; exhaustive: nobody stops, one look at the end.

    draws: of the null distribution, the usual number where None.
    """

    level: float = LEVEL
    sample: ImageSample = field(default_factory=ImageSample)
    exhaustive: bool = False
    draws: int | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one look decided.

    seeds: that each candidate still running has had; keep: those that go on; drop: the reason by name; error: the
    level that was tested at; behind: the distances of all tested, None where nothing may be tested yet; basis: the
    digest of what was read.
    """

    seeds: int
    keep: tuple[str, ...]
    drop: Mapping[str, str]
    error: float
    behind: BehindTheBest | None
    basis: str


def look(
    results: Results,
    seeds: Sequence[int],
    earlier: Sequence[Look],
    rules: Rules,
    recorded: Iterable[Look] = (),
) -> Look:
    """The look at the candidates still running after the first len(seeds) seeds.

    results: of all candidates that started, with at least these seeds for those running; later ones are not read.
    earlier: the looks before. A candidate without a result for a seed is dropped and never ranked. recorded: looks
    whose comparisons are taken over where they rest on the same.
    """
    now, recorded = len(seeds), list(recorded)
    running = earlier[-1].keep if earlier else tuple(results)
    unranked = {name for past in earlier for name, why in past.drop.items() if why == NO_RESULT}
    # Of those stopped, what they had then: whether more was trained before all workers knew is no reason to decide.
    had = {name: past.seeds for past in earlier for name in past.drop}
    read = {
        name: [by_seed.get(seed) for seed in seeds[: had.get(name, now)]]
        for name, by_seed in results.items()
        if name not in unranked
    }
    drop = {name: NO_RESULT for name in running if any(marks is None for marks in read[name])}
    keep = tuple(name for name in running if name not in drop)
    basis = _basis(read, seeds, earlier, rules)
    nothing = Look(seeds=now, keep=keep, drop=drop, error=0.0, behind=None, basis=basis)
    # An exhaustive search that goes on has looked before, if only in other runs.
    before = {past.seeds for past in (recorded if rules.exhaustive else earlier) if past.behind is not None}
    error = nominal_error((*sorted(seen for seen in before if seen < now), now), level=rules.level)
    if not keep or error == 0:
        return nothing
    behind = next((past.behind for past in recorded if past.basis == basis and past.error == error), None)
    if behind is None:
        fit = {name: marks for name, marks in read.items() if name not in drop}
        behind = compare(table(fit, seeds, rules.sample), level=1 - error, among=keep, draws=rules.draws)
    if not rules.exhaustive and behind.nothing_decided is None:
        drop |= {name: ELIMINATED for name in keep if name not in behind.set}
    keep = tuple(name for name in keep if name not in drop)
    return replace(nothing, keep=keep, drop=drop, error=error, behind=behind)


def table(read: Mapping[str, Sequence[Marks | None]], seeds: Sequence[int], sample: ImageSample) -> Scores:
    """What was read, as scores with the seeds in the order of the race; of each candidate its first ones."""
    trials = {
        name: {seed: mark for seed, mark in zip(seeds, marks, strict=False) if mark is not None}
        for name, marks in read.items()
    }
    return gather(trials, sample, seeds=seeds)


def combined(looks: Sequence[Look]) -> BehindTheBest | None:
    """The distances that all looks together show; None before the first test.

    The error of all looks together is 1 − level, so that all their intervals hold at once: each candidate has what
    they have in common. Who had no result later is not in it.
    """
    tests = [past.behind for past in looks if past.behind is not None]
    if not tests:
        return None
    lost = {name for past in looks for name, why in past.drop.items() if why == NO_RESULT}
    names = tuple(name for name in tests[0].names if name not in lost)
    last = [next(test for test in reversed(tests) if name in test.row) for name in names]

    latest: dict[str, Any] = {
        field: np.array(
            [getattr(test, field)[test.row[name]] for name, test in zip(names, last, strict=True)]
        )
        for field in _LATEST
    }

    def common(end: str, pick: Callable[[list[float]], float]) -> NDArray[Any]:
        return np.array(
            [pick([getattr(test, end)[test.row[n]] for test in tests if n in test.row]) for n in names]
        )

    low = common("low", max)
    return replace(
        tests[-1],
        names=names,
        low=low,
        high=np.maximum(low, common("high", min)),
        **latest,
    )


def _basis(
    read: Mapping[str, Sequence[Marks | None]], seeds: Sequence[int], earlier: Sequence[Look], rules: Rules
) -> str:
    """SHA-256 of the results read and of the rules that they are judged by."""
    digest = hashlib.sha256()
    before = earlier[-1].basis if earlier else None
    digest.update(
        json.dumps([RULE_VERSION, rules.level, rules.draws, rules.sample.chance, before, *seeds]).encode()
    )
    for part in (rules.sample.weights, rules.sample.groups, rules.sample.strata):
        digest.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
    for name, marks in read.items():
        digest.update(json.dumps([name, len(marks)]).encode())
        for mark in marks:
            digest.update(b"-" if mark is None else _packed(mark).tobytes())
    return digest.hexdigest()


def _packed(marks: Marks) -> NDArray[Any]:
    return np.packbits(marks.astype(bool)) if marks.dtype == np.bool_ else np.ascontiguousarray(marks)
