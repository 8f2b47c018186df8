"""What to name, and whether that is decided: the reading of `behind_the_best` that a search ends with.

A search is decided when some candidate is shown to be at most δ, the *indifference*, behind the best: an accuracy that
nobody would pay for. Of all that are shown so, the cheapest is named, then the most central. Otherwise the leading
candidate is named as what it is, and what is missing is said: more seeds, more images, or more than there is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from scaling_search.errors import UsageError
from scaling_search.statistics.collapse import MOST, collapsed, judged
from scaling_search.statistics.multiple_comparisons import LEAST_SEEDS, BehindTheBest
from scaling_search.statistics.power import MOST_SEEDS, detectable, lasting_variances, seeds_needed
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import noise

# Half a point: less than what the choice of seeds moves most networks by.
HALF_A_POINT = 0.005
Missing = Literal["seeds", "images", "neither"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """winner: the one named, None where no candidate may be (each had two seeds collapse).

    decided: whether it is shown to be at most `indifference` behind the best; within: all that are. missing: what an
    open search needs; *neither*: not with the seeds that there may be. seeds: how many each candidate needs in all;
    images: how many validation images; None where unknown or not needed. smallest: the difference that endless seeds
    could show on these images. alone: the only candidate there is.
    """

    winner: str | None
    decided: bool
    indifference: float
    within: tuple[str, ...]
    missing: Missing | None
    seeds: int | None
    images: int | None
    smallest: float
    alone: bool


def decide(
    scores: Scores,
    behind: BehindTheBest,
    *,
    costs: Mapping[str, float] | None = None,
    triples: Mapping[str, tuple[float, float, float]] | None = None,
    indifference: float | None = None,
    most_seeds: int = MOST_SEEDS,
) -> Decision:
    """Name a candidate, and say whether that is decided.

    behind: the comparison of candidates in `scores`. costs: MACs, or what else the budget counts; triples: (α, β, γ)
    by name; without them the first named counts as cheaper. indifference: δ as a share of images (0.005 is half a
    point); by default the larger of half a point and what these images can show where seeds add as much chance as they
    do. most_seeds: how many seeds there may be.
    Raises UsageError for an indifference outside 0 … 1.
    """
    if indifference is not None and not 0 <= indifference < 1:
        raise UsageError(
            f"indifference {indifference:g}: write a share of the images such as 0.005, half a point"
        )
    smallest = images_can_show(scores, behind)
    delta = max(HALF_A_POINT, math.sqrt(2) * smallest) if indifference is None else indifference
    order = preference(behind, costs, triples)
    alone = len(behind.names) == 1
    within = behind.names if alone else behind.within(delta)
    within = tuple(
        sorted((name for name in within if behind.nameable[behind.row[name]]), key=order.__getitem__)
    )
    winner = within[0] if within else leading(behind, order)
    missing, seeds, images = (
        (None, None, None) if within else _missing(scores, behind, winner, delta, most_seeds)
    )
    return Decision(
        winner=winner,
        decided=bool(within),
        indifference=delta,
        within=within,
        missing=missing,
        seeds=seeds,
        images=images,
        smallest=smallest,
        alone=alone,
    )


def leading(behind: BehindTheBest, order: Mapping[str, int]) -> str | None:
    """The best mean among those that may be named; of equal ones the first in `order`.

    Where none of those that may be the best may be named, the best of the others that may.
    """
    reliable = behind.collapsed <= MOST
    may = behind.nameable if behind.nameable.any() else reliable
    names = [name for name, named in zip(behind.names, may, strict=True) if named]
    return min(
        names,
        key=lambda name: (round(float(behind.estimate[behind.row[name]]), 12), order[name]),
        default=None,
    )


def preference(
    behind: BehindTheBest,
    costs: Mapping[str, float] | None,
    triples: Mapping[str, tuple[float, float, float]] | None,
) -> dict[str, int]:
    """The place of each candidate by cost, then by distance from the centroid of log α, log β, log γ of the set."""
    distance = dict.fromkeys(behind.names, 0.0)
    if triples is not None:
        logs = {name: np.log(np.asarray(triples[name])) for name in behind.names}
        centroid = np.mean([logs[name] for name in behind.set], axis=0)
        distance = {name: round(float(np.linalg.norm(at - centroid)), 12) for name, at in logs.items()}
    price = costs or dict.fromkeys(behind.names, 0.0)
    ranked = sorted(behind.names, key=lambda name: (price[name], distance[name]))
    return {name: place for place, name in enumerate(ranked)}


def images_can_show(scores: Scores, behind: BehindTheBest) -> float:
    """The difference that endless seeds could show on these images between two that may be the best."""
    rows = [scores.names.index(name) for name in (behind.set if len(behind.set) > 1 else behind.names)]
    return detectable(math.sqrt(_lasting(scores, rows)), candidates=len(rows), level=behind.level)


def _lasting(scores: Scores, rows: Sequence[int]) -> float:
    """Variance of a difference that seeds do not lessen, of a typical pair: that of one pair is known too badly."""
    pairs = lasting_variances(judged(scores, collapsed(scores)), np.array(rows))
    return float(np.median(pairs)) if len(pairs) else 0.0


def _missing(
    scores: Scores, behind: BehindTheBest, leader: str | None, delta: float, most_seeds: int
) -> tuple[Missing | None, int | None, int | None]:
    """What would show, with a probability of 0.8, that a leader no worse than the others inside is not."""
    kept = judged(scores, collapsed(scores))
    found, now = noise(kept), int(behind.seeds.max())
    rows = [kept.names.index(name) for name in behind.set]
    others = [row for row in rows if kept.names[row] != leader]
    if behind.nothing_decided is None and leader not in behind.set:
        return "neither", None, None  # no seed makes one nameable whose trainings collapse
    if leader is None or not found.seed.known or not others or delta == 0:
        return _seeds(max(LEAST_SEEDS, now + 1), most_seeds)
    row, lasting = kept.names.index(leader), _lasting(scores, rows)
    scatter = found.scatter[row] + found.scatter[others]
    # What is ahead of another one already needs less, as far as that is not what chance gives.
    ahead = np.maximum(found.means[row] - found.means[others], 1e-12)
    difference = delta + np.maximum(0.0, ahead - (scatter / now + lasting) / ahead)
    worst = int(
        np.argmax(
            scatter / np.maximum((difference / detectable(1.0, candidates=len(rows))) ** 2 - lasting, 1e-12)
        )
    )
    need = seeds_needed(
        float(difference[worst]),
        noise_sd=math.sqrt(max(float(scatter[worst]) / 2, 1e-12)),
        disagreement=lasting * kept.images,
        candidates=len(rows),
        images=kept.images,
        level=behind.level,
    )
    if need.seeds is not None:
        return _seeds(max(LEAST_SEEDS, now + 1, need.seeds), most_seeds)
    return ("images", None, need.images) if need.images is not None else ("neither", None, None)


def _seeds(wanted: int, most: int) -> tuple[Missing | None, int | None, int | None]:
    return ("seeds" if wanted <= most else "neither"), wanted, None
