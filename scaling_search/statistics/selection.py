"""The winner, what may be its equal, and its accuracy on data that did not choose it.

Rule: the winner is the candidate with the best mean validation accuracy among those in the confidence set.
Exactly equal means go to the cheaper, then to the more central (nearest the centroid of log α, log β, log γ
over the set), then to the one named first. The other members of the set are tied with the winner as far as
the data can tell; the cheapest of them (again the more central first) is named beside it, as advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from scaling_search.statistics.additive_model import Additive
from scaling_search.statistics.confidence_set import ConfidenceSet
from scaling_search.statistics.paired_differences import compare_with
from scaling_search.statistics.scores import Bits, Floats, Scores, summed

FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Choice:
    """winner: the best mean; tied: the rest of the set, best mean first; cheapest: the cheapest of the set."""

    winner: str
    tied: tuple[str, ...]
    cheapest: str


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """The winner's accuracy as its choosing data shows it, and corrected for having been chosen (the winner's curse).

    optimism: apparent − value; choices: how many times the choice was repeated; agreement: share of them that
    chose the same winner; seeds: whether seeds were held out too (else images only).
    """

    apparent: float
    value: float
    optimism: float
    choices: int
    agreement: float
    seeds: bool


def choose(
    scores: Scores,
    members: ConfidenceSet,
    *,
    costs: Mapping[str, float],
    triples: Mapping[str, tuple[float, float, float]],
) -> Choice:
    """Apply the rule. costs: MACs, or what else the budget counts; triples: (α, β, γ) by candidate name."""
    names = members.names
    means = dict(zip(scores.names, _effects(scores.seed_means, scores.present), strict=True))
    logs = {name: np.log(np.asarray(triples[name])) for name in names}
    centroid = np.mean(list(logs.values()), axis=0)
    distance = {name: round(float(np.linalg.norm(logs[name] - centroid)), 12) for name in names}
    order = {name: place for place, name in enumerate(scores.names)}

    ranked = sorted(names, key=lambda n: (-round(means[n], 12), costs[n], distance[n], order[n]))
    cheapest = min(names, key=lambda n: (costs[n], distance[n], order[n]))
    return Choice(winner=ranked[0], tied=tuple(ranked[1:]), cheapest=cheapest)


def held_out(scores: Scores, winner: str) -> HeldOut:
    """Estimate the winner's accuracy without the chance that made it win.

    The choice is repeated with one seed and one fifth of the images held out (images only, with one seed);
    each repeat's choice is then scored on the held-out seed and images, which share no trial and no image with
    what chose it. The mean of (score where chosen − score held out) is the optimism of choosing on the smaller
    part; luck is proportional to the standard error, so it is scaled to that of all the data, and taken off
    the winner's mean. With K candidates alike the winner's mean is too high by about E[max of K] standard
    errors; this estimate is right on average. `scores` must hold all candidates that started.

    Sources: Stone 1974 (J. R. Stat. Soc. B 36:111, cross-validating the choice itself); Tibshirani &
    Tibshirani 2009 (Ann. Appl. Stat. 3:822, subtracting the mean optimism of the folds).
    """
    present, row = scores.present, scores.names.index(winner)
    parts = np.array_split(np.arange(scores.images), min(FOLDS, scores.images))
    sums = np.stack([summed(scores.correct[:, :, part], axis=2) for part in parts])
    sizes = np.array([len(part) for part in parts])[:, None, None]
    rests, left = sums.sum(axis=0) - sums, scores.images - sizes
    held, rest = sums / sizes, rests / left
    seeds = np.nonzero(present[row])[0]
    by_seed = len(seeds) > 1
    whole = by_seed and bool(present.all())
    totals = rests.sum(axis=-1)
    gaps, same = [], []
    for seed in seeds:
        training = present.copy()
        if by_seed:
            training[:, seed] = False
        if whole:
            # What follows for any table, without summing up all seeds for each.
            effects = (totals - rests[..., seed]) / (left[..., 0] * (len(seeds) - 1))
        else:
            eligible = present[:, seed] & training.any(axis=1)
            effects = np.where(eligible, _effects(rest, training), -np.inf)
        for fold, best in enumerate(effects.argmax(axis=1)):
            chosen = effects[fold, best] if whole else rest[fold, best][training[best]].mean()
            gaps.append(chosen - held[fold, best, seed])
            same.append(best == row)
    apparent = float(scores.means[row])
    optimism = float(np.mean(gaps)) * _selection_error_ratio(scores, row, len(parts), by_seed)
    return HeldOut(
        apparent=apparent,
        value=apparent - optimism,
        optimism=optimism,
        choices=len(gaps),
        agreement=float(np.mean(same)),
        seeds=by_seed,
    )


def _selection_error_ratio(scores: Scores, row: int, folds: int, by_seed: bool) -> float:
    """Standard error of a candidate's mean on all its data over that on the part that a repeat chooses on.

    Both from image²/n + seed²/S + flip²/(S·n), with n(1 − 1/folds) images and S − 1 seeds in the part.
    """
    comparison = compare_with(scores, row)
    seeds = float(scores.counts[row])
    rest = seeds - 1 if by_seed else seeds
    share = 1 - 1 / folds
    flips, seed = comparison.noise.flips, comparison.noise.seed
    pairs = np.delete(comparison.image, row)
    pairs = pairs[~np.isnan(pairs)]
    if not len(pairs):
        return 1.0
    image = max(0.0, median(pairs.tolist()) / 2 - flips / seeds)
    whole = image + (seed + flips) / seeds
    part = image / share + (seed + flips / share) / rest
    return float(np.sqrt(whole / part)) if part > 0 else 1.0


def _effects(means: Floats, present: Bits) -> Floats:
    """Candidate effects of the additive fit mean[c, s] = candidate[c] + seed[s] on the present cells.

    Tables (…, K, S) → (…, K). With the same seeds for all this is the plain mean, up to a constant; with fewer seeds
    for some it keeps an easy seed from flattering those who had it. Candidates without a present cell get NaN.
    """
    used = present.any(axis=1)
    kept = np.where(present, means, 0)
    if present[used].all(axis=0).sum() == present.any(axis=0).sum():
        effects = kept.sum(axis=-1) / np.maximum(present.sum(axis=1), 1)
    else:
        effects = Additive.of(present).candidates(kept)
    return np.where(used, effects, np.nan)
