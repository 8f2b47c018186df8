"""How often searches with a known answer err, and what they cost: one row of figures for each case."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
from scipy.special import betaincinv

from benchmarks.validate import pooled
from scaling_search.racing import race
from scaling_search.racing.looks import Look, Rules
from scaling_search.racing.race import Race
from scaling_search.racing.simulated_trainer import CHANCE, SimulatedTrainer, Surface
from scaling_search.statistics import intervals
from scaling_search.statistics.decision import decide
from scaling_search.statistics.images import ImageSample
from scaling_search.statistics.multiple_comparisons import compare
from scaling_search.statistics.scores import Marks

# Every case its own searches, so that the chance of one set of images is not in all of them.
APART = 1_000_000


class Trainer(Protocol):
    """What a case searches with: right/wrong bits of a candidate with a seed, and the truth behind them."""

    def __call__(self, candidate: str, seed: int) -> Marks | None: ...
    def truth(self, candidate: str, metric: str = "accuracy") -> float: ...
    def sample(self, metric: str = "accuracy") -> ImageSample: ...


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kind of search. make: its trainer for a search; best: the truly best candidates, one of them first.

    seeds: that each candidate has, at each of several times where seeds are added later. racing: candidates stop early.
    limits: targets by figure, "at least" for coverages and "at most" for the rest. share: of the usual searches.
    """

    name: str
    names: tuple[str, ...]
    best: tuple[str, ...]
    make: Callable[[int], Trainer]
    seeds: tuple[int, ...]
    racing: bool = False
    metric: str = "accuracy"
    indifference: float | None = None
    collapse: float = 0.0
    grouped: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)
    share: float = 1.0


def simulated(
    name: str,
    surface: Surface,
    seeds: int | tuple[int, ...],
    *,
    images: int = 500,
    accuracy: float = 0.9,
    **more: object,
) -> Case:
    """A case of the simulated trainer."""
    return Case(
        name=name,
        names=surface.candidates,
        best=surface.best,
        make=partial(_trainer, surface, images, accuracy),
        seeds=(seeds,) if isinstance(seeds, int) else seeds,
        collapse=surface.collapse,
        grouped=surface.group > 1,
        **more,  # type: ignore[arg-type]
    )


def _trainer(surface: Surface, images: int, accuracy: float, search: int) -> SimulatedTrainer:
    return SimulatedTrainer(surface=surface, search=search, images=images, accuracy=accuracy)


# What a search gives, in the order of the JSON; coverages have to be large, the others small.
FIGURES = (
    "best_inside", "false_unique", "set_size", "race_best_lost", "winner_coverage", "difference_coverage",
    "width_ratio", "group_coverage", "false_equivalent", "undecided", "compute_ratio", "prediction_coverage",
)  # fmt: skip
AT_LEAST = {"best_inside", "winner_coverage", "difference_coverage", "group_coverage", "prediction_coverage"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """Figures of a case: means over its searches, of width_ratio the ratio of medians; None where it has none.

    spread: of each figure its standard deviation over the searches.
    """

    name: str
    candidates: int
    seeds: int
    searches: int
    figures: Mapping[str, float | None]
    spread: Mapping[str, float | None]


def met(key: str, limit: float, row: Row) -> bool:
    """Whether a figure meets its limit, as far as so many searches show: its 95 % interval reaches it.

    Exact for rates (Clopper & Pearson 1934); a median ratio has none, and is taken as it is.
    """
    value = row.figures[key]
    assert value is not None, f"{row.name} has no {key}"  # noqa: S101 - a case has limits for what it has alone
    if key == "width_ratio":
        return value <= limit
    if key == "set_size":
        return value - 1.96 * (row.spread[key] or 0.0) / math.sqrt(row.searches) <= limit
    low, high = exact(value, row.searches)
    return high >= limit if key in AT_LEAST else low <= limit


def exact(rate: float, count: int) -> tuple[float, float]:
    """The exact binomial interval at 95 %."""
    hits = round(rate * count)
    low = float(betaincinv(hits, count - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, count - hits, 0.975)) if hits < count else 1.0
    return low, high


def examine(case: Case, *, searches: int, first: int = 0, draws: int | None = None) -> Row:
    """Run the searches and count."""
    found = [_search(case, search, draws) for search in range(first, first + searches)]
    widths = np.array([(one.pop("width"), one.pop("pooled_width")) for one in found])
    figures: dict[str, float | None] = {}
    spread: dict[str, float | None] = {}
    for key in found[0]:
        values = np.array([one[key] for one in found], float)
        kept = values[~np.isnan(values)]
        figures[key] = float(kept.mean()) if len(kept) else None
        spread[key] = float(kept.std()) if len(kept) else None
    ratio = np.median(widths, axis=0)
    figures["width_ratio"] = None if np.isnan(ratio).any() else float(ratio[0] / ratio[1])
    spread["width_ratio"] = None
    return Row(
        name=case.name,
        candidates=len(case.names),
        seeds=case.seeds[-1],
        searches=searches,
        figures={key: figures[key] for key in FIGURES},
        spread={key: spread[key] for key in FIGURES},
    )


def _search(case: Case, search: int, draws: int | None) -> dict[str, float]:
    """One search. A plain one is the comparison at 95 %; a race, or one that is extended, spends its error."""
    trainer = case.make(search)
    found = dict.fromkeys(FIGURES, math.nan)
    truth = {name: trainer.truth(name, case.metric) for name in case.names}
    sequential = case.racing or len(case.seeds) > 1
    rules = Rules(sample=trainer.sample(case.metric), exhaustive=not case.racing, draws=draws)
    # The later a candidate, the worse, and the cheaper: whatever passes for equal is named.
    costs = {name: -float(place) for place, name in enumerate(case.names)}
    looks: list[Look] = []
    races: list[Race] = []
    for seeds in case.seeds:
        races.append(
            race.run(
                case.names,
                race.one_by_one(trainer),
                seeds=range(seeds),
                rules=rules,
                costs=costs,
                indifference=case.indifference,
                recorded=looks,
                on_look=looks.append,
            )
        )
    last = races[-1]
    assert last.scores is not None and last.behind is not None and last.decision is not None  # noqa: S101 - all trained
    scores = last.scores
    behinds = [one.behind for one in races if one.behind is not None]
    chosen = [one.decision for one in races if one.decision is not None]
    if not sequential:
        behinds = [compare(scores, draws=draws)]
        chosen = [decide(scores, behinds[0], costs=costs, indifference=case.indifference)]
    named = chosen[-1].winner or scores.names[int(np.argmax(scores.means))]
    winner = intervals.winner(scores, named, behinds[-1], draws=draws)
    quoted = winner.expected or winner.accuracy
    right = (
        truth[named]
        if winner.expected is None
        else (1 - case.collapse) * truth[named] + case.collapse * CHANCE
    )
    best = case.best[0]
    found |= {
        "best_inside": all(best in behind.set for behind in behinds),
        "false_unique": any(len(behind.set) == 1 and behind.set != case.best for behind in behinds),
        "set_size": len(behinds[-1].set),
        "winner_coverage": quoted.low <= right <= quoted.high,
        "difference_coverage": np.mean(
            [
                estimate.low <= truth[name] - truth[named] <= estimate.high
                for name, estimate in winner.differences.items()
                if name != named
            ]
        ),
        "false_equivalent": any(
            one.decided and max(truth.values()) - truth[str(one.winner)] > one.indifference for one in chosen
        ),
        "undecided": not chosen[-1].decided,
        "width": winner.accuracy.high - winner.accuracy.low,
        "pooled_width": math.nan
        if case.racing or case.collapse or case.grouped
        else pooled.width(scores, scores.names.index(named)),
    }
    if case.racing:
        found["race_best_lost"] = any(best in past.drop for past in last.looks)
        found["compute_ratio"] = float(scores.present.sum()) / len(scores.names) / case.seeds[-1]
    if case.grouped:
        plain = intervals.accuracies(scores, draws=draws)[0]
        found["group_coverage"] = plain.low <= truth[scores.names[0]] <= plain.high
    return {key: float(value) for key, value in found.items()}
