"""The validation images as a sample: what each counts, which of them hang together, and what guessing gets right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Shaped

from scaling_search.errors import UsageError

METRICS = ("accuracy", "balanced-accuracy")
# With fewer the variance between groups is itself unknown, and no interval is given.
LEAST_GROUPS = 10
# A class with fewer images limits what balanced accuracy can show.
SCARCE = 10


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSample:
    """How n validation images enter an accuracy: Σ weights[i]·correct[i], the weights summing to 1.

    weights: 1/n each where None. groups: images of one group were not drawn independently of each other (frames of
    one film, cuts of one photograph); every image is drawn by itself where None. strata: images were drawn within
    these (classes, for balanced accuracy); all together where None. chance: the accuracy of guessing; where None
    no seed is taken to have collapsed.
    """

    weights: Float[np.ndarray, " n"] | None = None
    groups: Int[np.ndarray, " n"] | None = None
    strata: Int[np.ndarray, " n"] | None = None
    chance: float | None = None

    @cached_property
    def _order(self) -> tuple[np.ndarray, np.ndarray]:
        """Images sorted by group, and where each group begins."""
        order = np.argsort(self.groups, kind="stable")  # type: ignore[arg-type]
        return order, np.unique(self.groups[order], return_index=True)[1]  # type: ignore[index]

    def units(self, images: int) -> int:
        """How many independently drawn units there are: groups, or images."""
        return images if self.groups is None else len(self._order[1])

    def degrees(self, images: int) -> int:
        """Degrees of freedom of a variance between units: their number less one, or one for each stratum."""
        lost = 1 if self.strata is None else len(np.unique(self.strata))
        return max(1, self.units(images) - lost)

    def unit_weights(self, images: int) -> Float[np.ndarray, " G"]:
        """What each unit counts; they sum to 1."""
        weights: Float[np.ndarray, " G"] = self.unit_sums(np.ones((1, images)))[0]
        return weights

    def unit_sums(self, values: Shaped[np.ndarray, "rows n"]) -> Float[np.ndarray, "rows G"]:
        """Weighted sums over the images of each unit; over all units they add up to the weighted mean."""
        weights = 1 / values.shape[1] if self.weights is None else self.weights
        weighted: Float[np.ndarray, "rows n"] = values * weights
        if self.groups is None:
            return weighted
        order, starts = self._order
        return np.asarray(np.add.reduceat(weighted[:, order], starts, axis=1))

    def effects(self, means: Float[np.ndarray, "K n"]) -> Float[np.ndarray, "K G"]:
        """What each unit moves the accuracies by: the products of two rows add up to their covariance over images.

        Σ over a unit's images of weights[i]·(mean[c, i] − centre), centre being the accuracy, or that within the
        stratum, times √(G/(G−1)): the cluster-robust variance (Liang & Zeger 1986, Biometrika 73:13; Cameron &
        Miller 2015, J. Human Resources 50:317).
        """
        images = means.shape[1]
        if self.strata is None:
            weights = np.full(images, 1 / images) if self.weights is None else self.weights
            sums = self.unit_sums(means - (means @ weights)[:, None])
            return sums * _finite(sums.shape[1])
        centred = np.empty_like(means)
        for stratum in np.unique(self.strata):
            own = means[:, self.strata == stratum]
            scale = _finite(own.shape[1]) if self.groups is None else 1.0
            centred[:, self.strata == stratum] = (own - own.mean(axis=1, keepdims=True)) * scale
        sums = self.unit_sums(centred)
        return sums if self.groups is None else sums * _finite(sums.shape[1])


def _finite(count: int) -> float:
    """√(n/(n−1)): what makes up for a centre that is estimated from the same n."""
    return math.sqrt(count / max(1, count - 1))


def image_sample(
    labels: Int[np.ndarray, " n"] | None = None,
    *,
    metric: str = "accuracy",
    groups: Shaped[np.ndarray, " n"] | None = None,
) -> ImageSample:
    """The sample for a metric: balanced accuracy weighs an image of class k by 1/(C·n_k) and draws within classes.

    labels: class of each image, needed for balanced accuracy; groups: any value by which images hang together.
    Chance is that of always naming the commonest class, None without labels. Raises UsageError for another metric.
    """
    if metric not in METRICS:
        raise UsageError(f"metric {metric!r}: one of {', '.join(METRICS)}")
    ids = None if groups is None else np.unique(groups, return_inverse=True)[1]
    chance = None if labels is None else chance_level(labels, metric=metric)
    if metric == "accuracy":
        return ImageSample(groups=ids, chance=chance)
    if labels is None:
        raise UsageError("balanced accuracy needs the class of each validation image")
    classes, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights = 1 / (len(classes) * counts[index])
    return ImageSample(weights=weights, groups=ids, strata=index, chance=chance)


def chance_level(labels: Int[np.ndarray, " n"], *, metric: str = "accuracy") -> float:
    """What always naming the commonest class gets right.

    >>> chance_level(np.array([0, 0, 0, 1]))
    0.75
    >>> chance_level(np.array([0, 0, 0, 1]), metric="balanced-accuracy")
    0.5
    """
    classes, counts = np.unique(labels, return_counts=True)
    return 1 / len(classes) if metric == "balanced-accuracy" else float(np.max(counts)) / len(labels)


def one_class(correct: Shaped[np.ndarray, " n"], labels: Int[np.ndarray, " n"]) -> int | None:
    """The class that a network named for every image: what it got right is exactly that class; else None.

    >>> one_class(np.array([True, True, False]), np.array([4, 4, 7]))
    4
    """
    right = np.unique(labels[correct])
    if len(right) != 1 or not np.array_equal(correct, labels == right[0]):
        return None
    return int(right[0])


def scarce_classes(labels: Int[np.ndarray, " n"], least: int = SCARCE) -> dict[int, int]:
    """Classes with fewer images than that, with their number: they limit what balanced accuracy can show.

    >>> scarce_classes(np.array([0] * 30 + [1] * 4))
    {1: 4}
    """
    classes, counts = np.unique(labels, return_counts=True)
    few = counts < least
    return dict(zip(classes[few].tolist(), counts[few].tolist(), strict=True))
