"""Accuracy as a smooth surface over how a doubling of the cost is shared out, and where its top is.

On the cost surface α·β²·γ² = 2 a triple is two numbers: the shares
    d = log2 α,   w = 2·log2 β,   r = 2·log2 γ,   d + w + r = 1
(the factors are the cost's exponents: 1, 2, 2 for MACs, and another budget has its own)
of the doubling that depth, width and resolution get (any two are linear in log α and log β). The surface
    accuracy = c0 + c1·d + c2·w + c3·d² + c4·d·w + c5·w²
is fitted to the candidates' means, weighted by 1/variance, with a ridge on the coefficients of the scaled,
centred terms where the candidates do not determine all of them; its top is sought inside the triangle
d, w, r ≥ 0, no farther out than the candidates reach. Draws of the coefficients from their normal
distribution give intervals.

Whether the data say anything is decided by two tests at the 5 % level: an F test of the surface against the
candidates' scatter about it (where it explains no more, nothing is said), and, for each share, whether its 95 %
interval is less than half as wide as the range searched (then that share is said). Source: Box & Wilson 1951
(J. R. Stat. Soc. B 13:1); Box & Hunter 1954 (Biometrics 10:190, the region of a surface's stationary point).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import fdtrc

from scaling_search.scaling.coefficients import MACS, Exponents
from scaling_search.statistics.scores import Floats

DIMENSIONS = ("depth", "width", "resolution")
TERMS = 6
_DRAWS = 2000
_DRAW_SEED = 19_510_001
_GRID = 41
# Of the triangular lattice on which the surface is drawn.
STEPS = 24


@dataclass(frozen=True, kw_only=True)
class Share:
    """Share of the next doubling that one dimension should get. said: False where the data do not say."""

    dimension: str
    value: float
    low: float
    high: float
    said: bool


@dataclass(frozen=True, kw_only=True)
class Surface:
    """The fit. shares: at the top, for depth, width, resolution; top: (α, β, γ) there; accuracy: fitted there.

    p: of the F test against a flat surface (None when there are too few candidates to fit one); says: the
    finding in one sentence. values: fitted accuracy at the points of `lattice`, NaN where nothing was searched; region:
    the smallest set of these points that holds the top with the level, empty where the data do not say where it is.
    """

    shares: tuple[Share, ...]
    top: tuple[float, float, float]
    accuracy: float
    p: float | None
    says: str
    values: Float[np.ndarray, " points"]
    region: Bool[np.ndarray, " points"]


def lattice() -> Float[np.ndarray, "points 2"]:
    """Shares of depth and width at the points of the triangular lattice, depth slowest."""
    return np.array([(i, j) for i in range(STEPS + 1) for j in range(STEPS + 1 - i)]) / STEPS


def shares_of(
    alpha: float, beta: float, gamma: float, exponents: Exponents = MACS
) -> tuple[float, float, float]:
    """The shares (d, w, r) that a triple gives to depth, width and resolution; they sum to 1.

    >>> [round(share, 3) for share in shares_of(1.2, 1.1, 1.15)]
    [0.279, 0.292, 0.428]
    """
    parts = np.array(exponents) * np.log2([alpha, beta, gamma])
    if parts.sum() <= 0:
        raise ValueError(f"({alpha}, {beta}, {gamma}) makes no network bigger: it shares out no doubling")
    depth, width, resolution = parts / parts.sum()
    return float(depth), float(width), float(resolution)


def fit(
    triples: Sequence[tuple[float, float, float]],
    accuracies: Sequence[float],
    errors: Sequence[float],
    *,
    level: float = 0.95,
    exponents: Exponents = MACS,
) -> Surface:
    """Fit the surface to candidates' mean accuracies and their standard errors (of seeds, images apart).

    exponents: how α, β, γ multiply the cost that the candidates have equal, each at least 1.
    """
    points = np.array([shares_of(*triple, exponents) for triple in triples])[:, :2]
    means = np.asarray(accuracies, dtype=float)
    weights = 1 / np.maximum(np.asarray(errors, dtype=float), 1e-6) ** 2
    weights = weights / weights.mean()
    candidates = _triangle(points)
    model = _Fit(points, means, weights)
    predicted = model.predict(candidates)
    top = candidates[int(np.argmax(predicted))]
    p = model.flat_p()
    drawn = candidates[np.argmax(model.draws() @ model.terms(candidates).T, axis=1)]
    shares = _shares(top, drawn, candidates, p, level)
    drawing = lattice()
    values = np.where(_searched(drawing, points), model.predict(drawing), np.nan)
    known = any(share.said for share in shares)
    return Surface(
        shares=shares,
        top=_triple(top, exponents),
        accuracy=float(predicted.max()),
        p=p,
        says=_says(shares, p, len(accuracies)),
        values=values,
        region=_region(drawn, drawing, level) if known else np.zeros(len(drawing), bool),
    )


class _Fit:
    """Weighted ridge regression on the quadratic terms, scaled and centred."""

    def __init__(self, points: Floats, values: Floats, weights: Floats) -> None:
        self._centre = points.mean(axis=0)
        self._scale = np.maximum(points.std(axis=0), 1e-9)
        self._points, self._values, self._weights = points, values, weights
        design = self.terms(points)
        weighted = design * weights[:, None]
        normal = design.T @ weighted
        self.rank = int(np.linalg.matrix_rank(design * np.sqrt(weights)[:, None], tol=1e-6))
        # No penalty on the constant; on the rest just enough to determine what the candidates do not.
        strength = 1e-9 if self.rank == TERMS else 1e-2 * len(values)
        penalty = strength * np.diag([0.0, *[1.0] * (TERMS - 1)])
        inverse = np.linalg.inv(normal + penalty)
        self.coefficients = inverse @ (weighted.T @ values)
        residual = values - design @ self.coefficients
        self.spare = len(values) - self.rank
        self.variance = float(weights @ residual**2) / self.spare if self.spare > 0 else None
        self._covariance = inverse @ normal @ inverse

    def terms(self, points: Floats) -> Floats:
        """The six terms of the quadratic, shape (points, 6)."""
        x, y = ((points - self._centre) / self._scale).T
        return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)

    def predict(self, points: Floats) -> Floats:
        return np.asarray(self.terms(points) @ self.coefficients)

    def flat_p(self) -> float | None:
        """p value of the F test of the surface against a constant; None without a spare candidate."""
        if self.variance is None or self.rank < 2:
            return None
        mean = np.average(self._values, weights=self._weights)
        total = float(self._weights @ (self._values - mean) ** 2)
        explained = max(0.0, total - self.variance * self.spare)
        if self.variance == 0:
            return 1.0 if explained == 0 else 0.0
        ratio = explained / (self.rank - 1) / self.variance
        return float(fdtrc(self.rank - 1, self.spare, ratio))

    def draws(self) -> Floats:
        """Coefficients from their distribution: multivariate t, scaled by the residual variance."""
        generator = np.random.default_rng(_DRAW_SEED)
        variance = self.variance if self.variance is not None else float(np.var(self._values))
        spare = max(self.spare, 1)
        scale = np.sqrt(variance * spare / generator.chisquare(spare, _DRAWS))
        size, axes = np.linalg.eigh(self._covariance)
        root = axes * np.sqrt(np.maximum(size, 0))
        return np.asarray(
            self.coefficients + scale[:, None] * (generator.standard_normal((_DRAWS, TERMS)) @ root.T)
        )


def _triangle(points: Floats) -> Floats:
    """Grid of (d, w) inside the triangle and inside the bounding box of the candidates."""
    low, high = points.min(axis=0), points.max(axis=0)
    depth, width = (np.linspace(low[axis], high[axis], _GRID) for axis in (0, 1))
    grid = np.stack(np.meshgrid(depth, width, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.asarray(grid[_searched(grid, points)])


def _searched(grid: Floats, points: Floats) -> Bool[np.ndarray, " n"]:
    """Whether each of the grid's points lies where the candidates reach, in all three shares."""
    reached = [(np.column_stack([each, each.sum(axis=1)])) for each in (grid, points)]
    low, high = reached[1].min(axis=0) - 1e-9, reached[1].max(axis=0) + 1e-9
    return np.asarray(((reached[0] >= low) & (reached[0] <= high)).all(axis=1))


def _region(drawn: Floats, drawing: Floats, level: float) -> Bool[np.ndarray, " points"]:
    nearest = np.argmin(((drawn[:, None] - drawing[None]) ** 2).sum(axis=-1), axis=1)
    counts = np.bincount(nearest, minlength=len(drawing))
    order = np.argsort(-counts, kind="stable")
    enough = int(np.searchsorted(np.cumsum(counts[order]), level * len(drawn))) + 1
    region = np.zeros(len(drawing), bool)
    region[order[:enough]] = True
    return region


def _shares(top: Floats, drawn: Floats, searched: Floats, p: float | None, level: float) -> tuple[Share, ...]:
    at, all_drawn, all_searched = (
        np.column_stack([points, 1 - points.sum(axis=-1)]) for points in (top[None], drawn, searched)
    )
    tail = (1 - level) / 2
    low, high = np.quantile(all_drawn, [tail, 1 - tail], axis=0)
    width = all_searched.max(axis=0) - all_searched.min(axis=0)
    flat = p is None or p > 1 - level
    return tuple(
        Share(
            dimension=dimension,
            value=float(at[0, axis]),
            low=float(min(low[axis], at[0, axis])),
            high=float(max(high[axis], at[0, axis])),
            said=bool(not flat and width[axis] > 0 and high[axis] - low[axis] < width[axis] / 2),
        )
        for axis, dimension in enumerate(DIMENSIONS)
    )


def _triple(top: Floats, exponents: Exponents) -> tuple[float, float, float]:
    depth, width = float(top[0]), float(top[1])
    i, j, k = exponents
    return 2 ** (depth / i), 2 ** (width / j), 2 ** (max(0.0, 1 - depth - width) / k)


def _says(shares: tuple[Share, ...], p: float | None, candidates: int) -> str:
    if p is None:
        return (
            f"The data do not say: {candidates} candidates are too few to fit a surface "
            "and to see how well it fits."
        )
    if p > 0.05:
        return (
            "The data do not say how to share out the next doubling: a smooth surface through the candidates "
            f"explains no more of their differences than chance would (F test, p = {p:.2f})."
        )
    said = [share for share in shares if share.said]
    unsaid = [share.dimension for share in shares if not share.said]
    if not said:
        return (
            f"Accuracy does change over the surface (p = {p:.3f}), but the data do not say where its top is."
        )
    parts = [
        f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%}) to {share.dimension}" for share in said
    ]
    sentence = "Of the next doubling, give " + ", ".join(parts) + "."
    return sentence if not unsaid else f"{sentence} The data do not say for {' and '.join(unsaid)}."
