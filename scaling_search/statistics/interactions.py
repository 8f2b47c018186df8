"""Interactions: does the difference of two networks change from one setting of their training to another?

    I = (mean[A, x] − mean[B, x]) − (mean[A, y] − mean[B, y])        A, B networks; x, y settings
A *cell* is a network trained with one setting; all cells share seeds and images, and a cell stands where a candidate
stands elsewhere (`variance_components`): with a σ of its own, moderated by what the others show. What a seed does to
all cells alike cancels; what it does to one network at every setting would cancel too, but counts as chance here,
so that intervals are rather too wide. All intervals hold at once with 95 %:
    I ± t·e,   t the 95 % point of max over all I of |draw of I| / e
from the draws of `draws`, each cell with the σ of one under test (*own*: it may be noisier than it looks), and e the
standard error by medians of the same σ. Sources: Tukey 1953 (the studentised maximum); Hothorn, Bretz & Westfall 2008
(Biom. J. 50:346, simultaneous inference in general models).

Against an indifference δ an interaction is *fair* where |I| < δ is shown, *unfair* where |I| > δ is, else *undecided*.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from scaling_search.statistics.collapse import collapsed, judged
from scaling_search.statistics.draws import drawn, small_samples, usual_draws
from scaling_search.statistics.multiple_comparisons import (
    LEAST_SEEDS,
    LEVEL,
    few_groups,
    nothing_decided,
    quantile,
)
from scaling_search.statistics.power import MOST_SEEDS, POWER
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import noise

# Cells of one interaction: A and B at one setting, A and B at the other.
Cells = tuple[str, str, str, str]
_SIGNS = (1.0, -1.0, -1.0, 1.0)
# Recorded interactions carry it.
RULE_VERSION = 1
Verdict = Literal["fair", "unfair", "undecided"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Interactions:
    """Interactions as shares (0.01 is one point), with intervals that hold at once.

    error: standard errors; lasting: the part of their variances that no number of seeds lessens; scatter: the
    part that S seeds divide by S. critical: t. seeds, images: of the cell with the fewest, of all.
    nothing_decided: why no verdict may rest on this, None where it may.
    """

    cells: tuple[Cells, ...]
    estimate: Float[np.ndarray, " I"]
    low: Float[np.ndarray, " I"]
    high: Float[np.ndarray, " I"]
    error: Float[np.ndarray, " I"]
    lasting: Float[np.ndarray, " I"]
    scatter: Float[np.ndarray, " I"]
    critical: float
    seeds: int
    images: int
    nothing_decided: str | None

    @property
    def largest(self) -> float:
        """The largest interaction that the intervals allow, in either direction."""
        return float(np.maximum(np.abs(self.low), np.abs(self.high)).max())

    def verdicts(self, indifference: float) -> tuple[Verdict, ...]:
        """What is shown of each, against an indifference as a share of images."""
        if self.nothing_decided is not None:
            undecided: Verdict = "undecided"
            return (undecided,) * len(self.cells)
        return tuple(
            _verdict(low, high, indifference)
            for low, high in zip(self.low.tolist(), self.high.tolist(), strict=True)
        )


def _verdict(low: float, high: float, indifference: float) -> Verdict:
    if max(-low, high) < indifference:
        return "fair"
    return "unfair" if max(low, -high) > indifference else "undecided"


@dataclass(frozen=True, kw_only=True)
class Settling:
    """What would decide what is undecided: so many seeds of each cell in all, or so many images; None where not that.

    Both None: it lies so near the indifference that neither will.
    """

    seeds: int | None
    images: int | None


def interactions(
    scores: Scores, cells: Sequence[Cells], *, level: float = LEVEL, draws: int | None = None
) -> Interactions:
    """The interactions of `cells`, names of candidates in `scores`: A and B at one setting, A and B at the other.

    Collapsed seeds are left out, as everywhere. Other cells in `scores` only help to tell how seeds scatter.

    >>> rng = np.random.default_rng(0)
    >>> hard = rng.normal(0, 2.5, 4000)
    >>> level = np.array([3.4, 3.4, 3.4, 2.9])[:, None, None]  # B is worse at the second setting alone
    >>> bits = level + hard + rng.normal(0, 1, (4, 3, 4000)) > 0
    >>> trials = {name: dict(enumerate(rows)) for name, rows in zip(("Ax", "Bx", "Ay", "By"), bits)}
    >>> from scaling_search.statistics import gather
    >>> found = interactions(gather(trials), [("Ax", "Bx", "Ay", "By")])
    >>> found.verdicts(0.01), bool(found.high[0] < -0.02)
    (('unfair',), True)
    """
    kept = judged(scores, collapsed(scores))
    found = noise(kept)
    contrast = np.zeros((len(cells), len(kept.names)))
    for at, names in enumerate(cells):
        for name, sign in zip(names, _SIGNS, strict=True):
            contrast[at, kept.names.index(name)] += sign
    square, seeds = contrast**2, kept.counts.astype(float)
    image = _between(contrast, found.effects) + square @ small_samples(kept)
    shared = 0.0 if found.shared is None else _between(contrast, found.shared)
    # Where all agree on everything, there is no chance at all.
    error = np.sqrt(np.maximum(1e-20, image + shared + square @ (found.seed.own_median**2 / seeds)))
    estimate = contrast @ found.means
    chance = drawn(kept, found, draws=draws or usual_draws(level, len(kept.names))).own
    most = np.abs(chance @ contrast.T.astype(np.float32) / error.astype(np.float32)).max(axis=1)
    critical = math.inf if few_groups(kept) else quantile(most, level)
    reach = critical * error
    return Interactions(
        cells=tuple(cells),
        estimate=estimate,
        low=estimate - reach,
        high=estimate + reach,
        error=error,
        lasting=np.maximum(0.0, image - square @ (found.flips / seeds)),
        scatter=square @ found.scatter,
        critical=critical,
        seeds=int(kept.counts.min()),
        images=kept.images,
        nothing_decided=nothing_decided(kept, scores.counts),
    )


def settling(found: Interactions, indifference: float, *, most_seeds: int = MOST_SEEDS) -> Settling | None:
    """What would decide, with a probability of 0.8, all interactions that are undecided; None where none is.

    Each is taken to be as large as it looks, as far as that is not what chance gives. With so many images, seeds add no
    more chance than images do.
    """
    open_ = np.array([verdict == "undecided" for verdict in found.verdicts(indifference)])
    if not open_.any():
        return None
    if not math.isfinite(found.critical) or not found.scatter[open_].any():
        return Settling(seeds=max(LEAST_SEEDS, found.seeds + 1), images=None)
    size, variance = np.abs(found.estimate[open_]), found.error[open_] ** 2
    truly = np.maximum(0.0, size - variance / np.maximum(size, 1e-12))
    margin = np.abs(indifference - truly)
    # Each may err to either side, and all of them have to be decided.
    surely = min(found.critical, float(ndtri(1 - (1 - LEVEL) / (2 * len(found.cells)))))
    surely += float(ndtri(1 - (1 - POWER) / (2 * int(open_.sum()))))
    allowed = (margin / surely) ** 2  # variance
    left = allowed - found.lasting[open_]
    needed = np.where(left > 0, found.scatter[open_] / np.where(left > 0, left, 1.0), math.inf)
    if needed.max() <= most_seeds:
        return Settling(seeds=max(LEAST_SEEDS, found.seeds + 1, math.ceil(float(needed.max()))), images=None)
    worst = float((found.lasting[open_] / np.maximum(allowed, 1e-300)).max())
    images = 2 * found.images * worst
    return Settling(seeds=None, images=math.ceil(images) if worst >= 1 and images < 1e9 else None)


def _between(contrast: Float[np.ndarray, "I K"], parts: Float[np.ndarray, "K P"]) -> Float[np.ndarray, " I"]:
    """Variances of the contrasts, from parts whose products are the cells' covariances."""
    return np.asarray(((contrast @ parts) ** 2).sum(axis=1))
