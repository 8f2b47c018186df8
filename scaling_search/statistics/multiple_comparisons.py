"""How far each candidate is behind the best: one interval per candidate, of which all else is a reading.

Multiple comparisons with the best (Hsu 1984, Ann. Statist. 12:1136; for unequal errors Edwards & Hsu 1983, J. Am.
Stat. Assoc. 78:965). Candidate c is tested for being the best by
    T[c] = max over j of (mean[j] − mean[c]) / e[c,j],
against the 95 % point t[c] (`_NOMINAL`) of that maximum when all are equal (`draws`); e[c,j] is the standard error of
the difference, with c's own σ and j's as the other (`moderation`). Then, with 95 % for all candidates at once,
    distance[c] ≤ high[c] = max over j inside of mean[j] − mean[c] + max(t[j]·e[j,c], t[c]·e[c,j]),
and each candidate that may be the best has, with 95 %, a distance of
    distance[c] ≥ low[c] = max over j of mean[j] − mean[c] − t[c]·e[c,j].
*Inside* the set of those that may be the best: low = 0. *Eliminated*: low > 0. *Within δ*: high ≤ δ. Where several are
equally best, each is inside with 95 %, not all of them at once.

In high, whichever of the two is noisier by its own posterior counts: three seeds that agree by chance would otherwise
pass a noisy candidate off as equal to the best.

One candidate alone inside is a claim that can err on either side: were two equally best, either might be named. So
each other candidate also has to be beaten by itself, at a quarter of the error, with the own σ of both; otherwise the
closest stays.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike, NDArray

from scaling_search.errors import UsageError
from scaling_search.statistics.collapse import MOST, collapsed, judged
from scaling_search.statistics.draws import Draws, drawn, usual_draws, variances
from scaling_search.statistics.images import LEAST_GROUPS, ImageSample
from scaling_search.statistics.scores import Marks, Scores
from scaling_search.statistics.variance_components import noise

LEVEL = 0.95
# With fewer, nothing is decided: nothing tells seeds that agree by chance from a candidate that scatters little.
LEAST_SEEDS = 3
# Of the error of one test. With a half two equally best candidates would be told apart just as often as is allowed; but
# a few seeds show nothing of how skewed the scatter of a noisy candidate is.
_ALONE = 0.25
# Of the error too: at a nominal 5 % the best of 8 candidates that scatter differently (lognormal, sd 0.7; 5 seeds) was
# lost in 6 to 7 % of searches. A few skewed seeds say less than their posteriors believe.
_NOMINAL = 0.85


@dataclass(frozen=True, kw_only=True, eq=False)
class BehindTheBest:
    """Distances to the best accuracy, as shares (0.01 is one point), with their intervals; module docstring.

    inside: may be the best. seeds: that each was judged on; collapsed: that were left out. statistic, threshold, p: T,
    t and the chance of such a T were the candidate the best, corrected for the number compared. nothing_decided: why
    no decision may rest on this, None where it may.
    """

    names: tuple[str, ...]
    estimate: Float[np.ndarray, " K"]
    low: Float[np.ndarray, " K"]
    high: Float[np.ndarray, " K"]
    inside: Bool[np.ndarray, " K"]
    seeds: Int[np.ndarray, " K"]
    collapsed: Int[np.ndarray, " K"]
    statistic: Float[np.ndarray, " K"]
    threshold: Float[np.ndarray, " K"]
    p: Float[np.ndarray, " K"]
    level: float
    nothing_decided: str | None

    @cached_property
    def row(self) -> dict[str, int]:
        """Where each name stands."""
        return {name: at for at, name in enumerate(self.names)}

    @property
    def set(self) -> tuple[str, ...]:
        """Those that may be the best."""
        return tuple(np.array(self.names, object)[self.inside])

    @property
    def nameable(self) -> Bool[np.ndarray, " K"]:
        """Those that may be named the winner: inside, and not more than one seed collapsed."""
        return self.inside & (self.collapsed <= MOST)

    def within(self, indifference: float) -> tuple[str, ...]:
        """Those shown to be at most that far behind the best, and nameable; none where nothing may be decided."""
        if self.nothing_decided is not None:
            return ()
        return tuple(np.array(self.names, object)[self.nameable & (self.high <= indifference)])


def behind_the_best(
    correct: Marks,
    *,
    level: float = LEVEL,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    chance: float | None = None,
    present: Bool[np.ndarray, "K S"] | None = None,
    names: Collection[str] | None = None,
    draws: int | None = None,
) -> BehindTheBest:
    """How far each candidate is behind the best, from what each of its trainings got right.

    correct: (K, S, n) bool, candidate by seed by image; present: which trainings there are (all, unless given).
    weights: what each image counts (balanced accuracy: `images.image_sample`); strata: images were drawn within these;
    groups: images that hang together share a value; chance: the accuracy of guessing, by which collapsed seeds are
    known. Raises UsageError for another shape, or where a candidate has no training.

    >>> rng = np.random.default_rng(0)
    >>> hard = rng.normal(0, 2.5, 500)
    >>> level = np.array([3.4, 3.4, 2.0])[:, None, None]
    >>> found = behind_the_best(level + hard + rng.normal(0, 1, (3, 4, 500)) > 0)
    >>> found.inside.tolist()
    [True, True, False]
    >>> bool(found.low[2] > 0), bool((found.low[:2] == 0).all())
    (True, True)
    """
    if np.ndim(correct) != 3:
        raise UsageError(f"correct has shape {np.shape(correct)}: (candidates, seeds, images) is needed")
    candidates, seeds, images = np.shape(correct)
    here = np.ones((candidates, seeds), bool) if present is None else np.asarray(present, bool)
    if here.shape != (candidates, seeds) or not here.any(axis=1).all():
        raise UsageError("present has to be (candidates, seeds), with a training of each candidate")
    for name, given in (("groups", groups), ("weights", weights), ("strata", strata)):
        if given is not None and np.shape(given) != (images,):
            raise UsageError(
                f"{name} has shape {np.shape(given)}: one for each of the {images} images is needed"
            )
    scores = Scores(
        names=tuple(map(str, range(candidates))) if names is None else tuple(names),
        seeds=tuple(range(seeds)),
        correct=np.where(here[:, :, None], correct, np.zeros_like(correct)),
        present=here,
        sample=ImageSample(
            weights=None if weights is None else np.asarray(weights, float) / np.sum(weights),
            groups=None if groups is None else np.unique(groups, return_inverse=True)[1],
            strata=None if strata is None else np.unique(strata, return_inverse=True)[1],
            chance=chance,
        ),
    )
    return compare(scores, level=level, draws=draws)


def compare(
    scores: Scores, *, level: float = LEVEL, among: Collection[str] | None = None, draws: int | None = None
) -> BehindTheBest:
    """The intervals of the candidates `among` (all, unless given), compared with each other.

    All others in `scores` count in what chance can do: the survivors of a race are the fortunate ones of all that
    started, so their number alone would understate it.
    """
    flagged = collapsed(scores)
    kept = judged(scores, flagged)
    rows = np.array([at for at, name in enumerate(scores.names) if among is None or name in among])
    means = noise(kept).means[rows]
    if len(rows) == 1:
        tests = _untested(1, 0.0)
    elif few_groups(kept):
        tests = _untested(len(rows), math.nan)
    else:
        tests = _tested(kept, rows, level, draws or usual_draws(level, len(kept.names)))
    return BehindTheBest(
        names=tuple(scores.names[row] for row in rows),
        estimate=means.max() - means,
        seeds=kept.counts[rows],
        collapsed=flagged.sum(axis=1)[rows],
        level=level,
        nothing_decided=nothing_decided(kept, scores.counts[rows]),
        **tests._asdict(),
    )


class _Tests(NamedTuple):
    low: Float[np.ndarray, " K"]
    high: Float[np.ndarray, " K"]
    inside: Bool[np.ndarray, " K"]
    statistic: Float[np.ndarray, " K"]
    threshold: Float[np.ndarray, " K"]
    p: Float[np.ndarray, " K"]


def _untested(count: int, distance: float) -> _Tests:
    limit, nothing = np.full(count, distance), np.full(count, math.nan)
    return _Tests(limit, limit, np.ones(count, bool), nothing, nothing, nothing)


def _tested(scores: Scores, rows: Int[np.ndarray, " R"], level: float, draws: int) -> _Tests:
    found = noise(scores)
    chance = drawn(scores, found, draws=draws)
    errors = np.sqrt(variances(scores, found, rows))
    maxima = [chance.maxima(row, error) for row, error in zip(rows, errors, strict=True)]
    means, among = found.means[rows], errors[:, rows]
    ahead = means - means[:, None]  # [c, j] = mean[j] − mean[c]
    ratios = ahead / among
    np.fill_diagonal(ratios, -np.inf)
    statistic = ratios.max(axis=1)
    error = _nominal(scores) * (1 - level)
    threshold = np.array([quantile(drawn, 1 - error) for drawn in maxima])
    margin = threshold[:, None] * among
    limits = ahead - margin
    np.fill_diagonal(limits, 0.0)
    low = limits.max(axis=1)
    reach = np.maximum(margin, margin.T) - ahead  # [j, c] = mean[j] − mean[c] + …, for ahead is antisymmetric
    np.fill_diagonal(reach, 0.0)
    inside = low <= 0
    if inside.sum() == 1:
        alone = int(inside.argmax())
        beyond = _beyond_alone(found.means, chance, rows, alone, error * _ALONE)
        place = int(beyond.argmax())
        if beyond[place] > 0:
            inside[place], low[place], reach[place, alone] = (
                True,
                0.0,
                max(reach[place, alone], beyond[place]),
            )
    return _Tests(
        low=low,
        high=np.maximum(reach[inside].max(axis=0), low),
        inside=inside,
        statistic=statistic,
        threshold=threshold,
        p=np.minimum(
            1.0,
            [
                exceeded(drawn, least) * (1 - level) / error
                for drawn, least in zip(maxima, statistic, strict=True)
            ],
        ),
    )


def _nominal(scores: Scores) -> float:
    """The share of the error that tests run at; all of it with two seeds, from which nothing is decided."""
    return _NOMINAL if scores.counts.max() >= LEAST_SEEDS else 1.0


def quantile(drawn: NDArray[np.floating], chance: float) -> float:
    """The value that so large a share of the draws stay below, or are equal to."""
    rank = max(0, math.ceil(round(chance * len(drawn), 6)) - 1)
    return float(np.partition(drawn, rank)[rank])


def exceeded(drawn: NDArray[np.floating], value: float) -> float:
    """The chance of a draw at least as large."""
    return (1 + np.count_nonzero(drawn >= value)) / (1 + len(drawn))


def few_groups(scores: Scores) -> bool:
    """Whether there are too few groups of images for any interval."""
    return scores.sample.groups is not None and scores.sample.units(scores.images) < LEAST_GROUPS


def nothing_decided(scores: Scores, trained: Int[np.ndarray, " K"]) -> str | None:
    """Why nothing may be decided on these scores; `trained`: seeds of each candidate, collapsed ones too."""
    if few_groups(scores):
        units = scores.sample.units(scores.images)
        return f"{units} groups of images: fewer than {LEAST_GROUPS} do not show how groups scatter"
    if trained.min() < LEAST_SEEDS:
        fewest = int(trained.min())
        return f"{fewest} seed{'s' if fewest > 1 else ''}: fewer than {LEAST_SEEDS} do not show how seeds scatter"
    return None


def _beyond_alone(
    means: Float[np.ndarray, " K"], chance: Draws, rows: Int[np.ndarray, " R"], alone: int, error: float
) -> Float[np.ndarray, " R"]:
    """How far each of the others may be ahead of the one that is alone inside, compared with it by itself."""
    ahead = chance.own[:, rows[alone], None] - chance.own[:, rows]
    limits = np.array([quantile(column, 1 - error) for column in ahead.T])
    limits[alone] = 0.0
    return np.asarray(limits - (means[rows[alone]] - means[rows]))
