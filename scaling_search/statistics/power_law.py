"""Accuracy of larger networks, predicted before they are trained, so that the prediction can fail.

    error(MACs) = floor + excess·(MACs / smallest)^−slope + scatter
The power law with a floor that test error follows as networks grow (Hestness et al. 2017, arXiv:1712.00409;
Rosenfeld et al. 2020, arXiv:1909.12673). From a few small members the floor and the slope cannot be told
apart, and a best fit would be far too sure; so every floor in [0, least error] (no floor at all having a
quarter of the prior), slope in [0, 1.5] and scatter of up to twice the noise is weighed by how well it explains
the members (a posterior under otherwise flat priors, on a grid; `excess`, which enters linearly, is integrated
out), as Domhan et al. 2015 (IJCAI) do for learning curves. Predictions are drawn from that.

A family need not follow a power law: it may flatten where the data, or the recipe, have no more to give, and the
members trained so far do not show it. So the limits are those of the law, stretched towards Student's t (a few seeds
know their scatter badly), and then reach down to "no further gain": the largest member's accuracy less t·√2·error.
Beyond the next member they are a scenario. No limits from the members alone can foresee a step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit

from scaling_search.statistics.collapse import collapsed, judged
from scaling_search.statistics.scores import Scores
from scaling_search.statistics.variance_components import errors, noise

_FLOORS, _SLOPES = 41, 50
_STEEPEST = 1.5
_PURE = 0.25
_SCATTERS = (0.0, 0.5, 1.0, 2.0)
_DRAWS = 8000
_DRAW_SEED = 20_150_725
# Members of a family are not exactly evenly spaced.
_NEXT = 1.5


@dataclass(frozen=True, kw_only=True)
class Point:
    """A trained member: MACs, mean accuracy, and the standard error of that mean.

    The error is that over seeds; with one seed, that from images, which is known well.
    """

    macs: float
    accuracy: float
    error: float
    seeds: int = 1


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Accuracy expected at `macs`, 95 % of such predictions hold between low and high where no step comes.

    members: how many trained members it rests on; scenario: it reaches beyond the next member.
    """

    macs: float
    accuracy: float
    low: float
    high: float
    members: int
    scenario: bool = False

    def holds(self, accuracy: float) -> bool:
        """Whether what was got lies inside the interval."""
        return self.low <= accuracy <= self.high


@dataclass(frozen=True, kw_only=True)
class Flatness:
    """Whether the next step is worth its seeds. gain: predicted for it; noise: what the seeds can show."""

    flat: bool
    gain: float
    noise: float
    reason: str


def points_of(scores: Scores, macs: Mapping[str, float]) -> list[Point]:
    """The members of a family as points, their errors moderated like those of candidates.

    scores: members trained with some seeds, judged on the same images; macs: of each, by name.
    """
    kept = judged(scores, collapsed(scores))
    found = noise(kept)
    error = errors(kept) if found.seed.known else np.sqrt((found.effects**2).sum(axis=1))
    return [
        Point(
            macs=macs[name],
            accuracy=float(kept.means[row]),
            error=float(error[row]),
            seeds=int(kept.counts[row]),
        )
        for row, name in enumerate(kept.names)
    ]


def predict(
    points: Sequence[Point], macs: Sequence[float], *, error: float | None = None, level: float = 0.95
) -> tuple[Prediction, ...]:
    """Predict the mean accuracies that will be measured at each of `macs`.

    error: standard error that the new means will have; that of the points unless given. Raises ValueError with
    members of fewer than two sizes.
    """
    draws = _Draws(points)
    noise = draws.noise if error is None else error
    tail = (1 - level) / 2
    replicates = sum(point.seeds - 1 for point in points)
    # A few seeds know their scatter badly, but the law's posterior leaves room for some of that already.
    stretch = math.sqrt(_student(1 - tail, replicates) / float(ndtri(1 - tail)))
    largest = max(points, key=lambda point: point.macs)
    # No gain at all is the end of what is below; nothing is on its other side, so all of the error may be spent there.
    unchanged = largest.accuracy - _student(level, replicates) * math.sqrt(draws.noise**2 + noise**2)
    result = []
    for size in macs:
        middle, low, high = draws.limits(size, noise, level)
        result.append(
            Prediction(
                macs=size,
                accuracy=middle,
                low=max(0.0, min(middle + stretch * (low - middle), unchanged)),
                high=min(1.0, middle + stretch * (high - middle)),
                members=len(points),
                scenario=_beyond_next(points, size),
            )
        )
    return tuple(result)


def law(
    points: Sequence[Point], macs: float, *, error: float | None = None, level: float = 0.95
) -> tuple[float, float, float]:
    """What the power law alone says of one size: the median, and the limits that hold where it is true."""
    draws = _Draws(points)
    return draws.limits(macs, draws.noise if error is None else error, level)


def _student(chance: float, degrees: int) -> float:
    """Student's quantile; the normal one where nothing limits how well the scatter is known."""
    return float(stdtrit(degrees, chance)) if degrees else float(ndtri(chance))


def _beyond_next(points: Sequence[Point], macs: float) -> bool:
    """Whether the step from the largest member is much longer than any between members so far."""
    sizes = np.log(sorted({point.macs for point in points}))
    return bool(math.log(macs) - sizes[-1] > _NEXT * np.diff(sizes).max())


def flat(
    points: Sequence[Point], next_macs: float, *, error: float | None = None, level: float = 0.95
) -> Flatness:
    """Whether the gain predicted from the largest member to the next is within noise.

    Noise is the half width of the interval for the difference of two means with standard error `error` (that of
    the points unless given): a smaller gain would be trained for and not be seen. Raises ValueError with members
    of fewer than two sizes.
    """
    draws = _Draws(points)
    last = max(point.macs for point in points)
    gain = float(np.median(draws.at(next_macs, 0.0)[0] - draws.at(last, 0.0)[0]))
    seen = draws.noise if error is None else error
    noise = float(ndtri(0.5 + level / 2)) * math.sqrt(2) * seen
    return Flatness(
        flat=gain <= noise,
        gain=gain,
        noise=noise,
        reason=f"the next step is predicted to gain {gain * 100:.2f} points; its seeds can show {noise * 100:.2f}",
    )


class _Draws:
    """Curves drawn in proportion to how well they explain the members."""

    def __init__(self, points: Sequence[Point]) -> None:
        if len({point.macs for point in points}) < 2:
            raise ValueError("a prediction needs trained members of at least two sizes")
        if not any(point.error > 0 for point in points):
            raise ValueError("a prediction needs the standard error of at least one member")
        self._smallest = min(point.macs for point in points)
        sizes = np.array([point.macs for point in points]) / self._smallest
        errors = 1 - np.array([point.accuracy for point in points])
        # Errors from two or three seeds are themselves noisy: weights from them would favour lucky ones.
        self.noise = math.sqrt(float(np.mean(np.square([point.error for point in points]))))
        floors = np.linspace(0, 1, _FLOORS, endpoint=False) * errors.min()
        slopes = np.linspace(0, _STEEPEST, _SLOPES + 1)[1:]
        floor, slope, scatter = (
            axis.ravel() for axis in np.meshgrid(floors, slopes, np.array(_SCATTERS), indexing="ij")
        )
        variance = self.noise**2 * (1 + scatter**2)
        shape = sizes[None, :] ** -slope[:, None]
        above = errors[None, :] - floor[:, None]
        strength = (shape**2).sum(axis=1)
        excess = (shape * above).sum(axis=1) / strength
        misfit = ((above - excess[:, None] * shape) ** 2).sum(axis=1)
        fit = -0.5 * (misfit / variance + (len(points) - 1) * np.log(variance) + np.log(strength))
        # No floor at all is a hypothesis of its own (the pure power law), not one point of 41.
        prior = np.where(floor == 0, _PURE * (_FLOORS - 1) / (1 - _PURE), 1.0)
        weight = np.where(excess > 0, prior * np.exp(fit - fit.max()), 0.0)
        generator = np.random.default_rng(_DRAW_SEED)
        if weight.sum() == 0:
            raise ValueError("a prediction needs accuracies below 100 %")
        chosen = generator.choice(len(weight), size=_DRAWS, p=weight / weight.sum())
        self._floor, self._slope = floor[chosen], slope[chosen]
        spread = np.sqrt(variance / strength)[chosen]
        self._excess = np.maximum(0.0, excess[chosen] + spread * generator.standard_normal(_DRAWS))
        self._scatter = self.noise * scatter[chosen]
        self._normal = generator.standard_normal(_DRAWS)

    def at(
        self, macs: float, noise: float
    ) -> tuple[Float[np.ndarray, " draws"], Float[np.ndarray, " draws"]]:
        """Accuracies at `macs` on the drawn curves, and as they would be measured."""
        true = 1 - self._floor - self._excess * (macs / self._smallest) ** -self._slope
        return true, true + np.sqrt(self._scatter**2 + noise**2) * self._normal

    def limits(self, macs: float, noise: float, level: float) -> tuple[float, float, float]:
        """Median of the accuracies, and the central interval of measured ones."""
        true, measured = self.at(macs, noise)
        low, high = np.quantile(measured, [(1 - level) / 2, (1 + level) / 2])
        return float(np.median(true)), float(low), float(high)
