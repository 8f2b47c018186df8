"""The winner's accuracy on data that did not choose it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_search.statistics.collapse import collapsed, judged
from scaling_search.statistics.power import lasting_variances
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import noise, without_common

FOLDS = 5


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


def held_out(scores: Scores, winner: str) -> HeldOut:
    """Estimate the winner's accuracy without the chance that made it win.

    The choice is repeated with one seed and one fifth of the images (or of their groups) held out (images only, with
    one seed); each repeat's choice is then scored on the held-out seed and images, which share no trial and no image
    with what chose it. The mean of (score where chosen − score held out) is the optimism of choosing on the smaller
    part; chance is proportional to the standard error, so it is scaled to that of all the data, and taken off
    the winner's mean. With K candidates alike the winner's mean is too high by about E[max of K] standard
    errors; this estimate is right on average. `scores` must hold all candidates that started.

    Sources: Stone 1974 (J. R. Stat. Soc. B 36:111, cross-validating the choice itself); Tibshirani &
    Tibshirani 2009 (Ann. Appl. Stat. 3:822, subtracting the mean optimism of the folds).
    """
    scores = judged(scores, collapsed(scores))
    present, row = scores.present, scores.names.index(winner)
    folds = np.arange(scores.sample.units(scores.images)) % FOLDS
    count = int(folds.max()) + 1
    weights = np.bincount(folds, scores.sample.unit_weights(scores.images))
    sums = np.zeros((count, *present.shape))
    for at in range(len(scores.names)):
        units = scores.sample.unit_sums(scores.correct[at])
        for fold in range(count):
            sums[fold, at] = units[:, folds == fold].sum(axis=1)
    held, rest = (
        part / size[:, None, None] for part, size in ((sums, weights), (sums.sum(axis=0) - sums, 1 - weights))
    )
    seeds = np.flatnonzero(present[row])
    by_seed = len(seeds) > 1
    gaps, same = [], []
    for seed in seeds:
        training = present.copy()
        if by_seed:
            training[:, seed] = False
        effects = without_common(rest, training, np.ones(len(present)))[0]
        # Equal means stay equal: sums of weights differ in their last digits.
        effects = np.where(present[:, seed] & training.any(axis=1), effects.round(12), -np.inf)
        for fold, best in enumerate(effects.argmax(axis=1)):
            gaps.append(rest[fold, best, training[best]].mean() - held[fold, best, seed])
            same.append(best == row)
    apparent = float(scores.means[row])
    optimism = float(np.mean(gaps)) * _selection_error_ratio(scores, row, count, by_seed)
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
    found, seeds = noise(scores), float(scores.counts[row])
    rest = seeds - 1 if by_seed else seeds
    share = 1 - 1 / folds
    pairs = lasting_variances(scores, np.arange(len(scores.names)))
    image = float(np.median(pairs)) / 2 if len(pairs) else 0.0
    seed, flips = float(np.median(found.seed.variance)), float(np.median(found.flips))
    whole = image + (seed + flips) / seeds
    part = image / share + (seed + flips / share) / rest
    return float(np.sqrt(whole / part)) if part > 0 else 1.0
