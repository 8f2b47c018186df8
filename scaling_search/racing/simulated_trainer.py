"""Searches whose answer is known: a simulated trainer behind the interface of the real one.

The trainer answers (candidate, seed) with the validation images that were got right, as training does; what
judges the answers is the very code that `grid` uses. An image of difficulty u is got right by candidate c
with seed s when
    level[c] + 2.5·u[i] + 0.1·v[c,i] + sd[c]·a[c,s] + e[c,s,i] > 0,        u, v, a, e standard normal:
candidates and seeds share images; v is what one network finds harder than another whatever the seed, a what
one seed does to a whole network, e the flips. `noise_sd` is the standard deviation over seeds of one
candidate's accuracy on fixed images, with the usual sd of 0.08: the unit of all gaps here.

A surface may be untidy: candidates with an sd of their own, seeds that collapse to chance, images that come in groups
of near duplicates (one u and v, and half of e), classes that are not equally common or hard.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from scaling_search.statistics.images import ImageSample, image_sample
from scaling_search.statistics.scores import Bits, Floats

DIFFICULTY, TASTE, SEED = 2.5, 0.1, 0.08
CHANCE = 0.1
# Of the variance of e, what near duplicates share.
_ALIKE = 0.5


@dataclass(frozen=True, kw_only=True)
class Surface:
    """gaps: how far each candidate is below the best, in noise sd; diverging: candidates that never finish.

    scatter: sd of each in times the usual, all 1 where empty; lognormal: sd of the logarithm of what these are
    multiplied by, anew in each search; collapse: share of trainings that end at `CHANCE`; group: images of each group
    of near duplicates, on average; group_spread: sd of the logarithm of their number; classes: share of each class,
    with what its images are easier by.
    """

    name: str
    gaps: tuple[float, ...]
    diverging: tuple[int, ...] = ()
    triples: tuple[tuple[float, float, float], ...] = ()
    scatter: tuple[float, ...] = ()
    lognormal: float = 0.0
    collapse: float = 0.0
    group: int = 1
    group_spread: float = 0.0
    classes: tuple[tuple[float, float], ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        return tuple(f"candidate-{place}" for place in range(len(self.gaps)))

    @property
    def best(self) -> tuple[str, ...]:
        """The truly best candidates, of those that finish."""
        alive = [place for place in range(len(self.gaps)) if place not in self.diverging]
        top = min(self.gaps[place] for place in alive)
        return tuple(self.candidates[place] for place in alive if self.gaps[place] == top)


def one_best(gap: float, candidates: int = 8) -> Surface:
    """One candidate ahead of all the others, which are equal."""
    name = f"one best by {gap:g} sd" if gap else "all equal"
    return Surface(name=name, gaps=(0.0, *[gap] * (candidates - 1)))


def ridge(candidates: int = 12, fall: float = 6.0) -> Surface:
    """A smooth ridge on the cost surface: accuracy falls with the square of the distance from its top.

    Triples spread the doubling over depth d, width w and resolution r (d + w + r = 1); the top is at
    (d, w) = (0.4, 0.3), and a candidate is fall·((d − 0.4)² + (w − 0.3)²) / 0.25 noise sd below it.
    """
    steps = np.linspace(0, 1, 6)
    shares = [(d, w) for d in steps for w in steps if d + w <= 1.0001][:: max(1, 21 // candidates)]
    return Surface(
        name="smooth ridge",
        gaps=tuple(fall * ((d - 0.4) ** 2 + (w - 0.3) ** 2) / 0.25 for d, w in shares),
        triples=tuple((2**d, 2 ** (w / 2), 2 ** ((1 - d - w) / 2)) for d, w in shares),
    )


def hill(candidates: int, spread: float = 5.0) -> Surface:
    """Candidates as a normal distribution spreads them, `spread` noise sd wide: most in the middle, one on top."""
    heights = spread * ndtri((np.arange(candidates) + 0.5) / candidates)[::-1]
    return Surface(
        name=f"a hill of {spread:g} sd", gaps=tuple(float(heights[0] - height) for height in heights)
    )


def surfaces() -> tuple[Surface, ...]:
    """The surfaces that `make validate` searches."""
    return (
        one_best(0),
        one_best(0.5),
        one_best(1),
        one_best(2),
        ridge(),
        Surface(name="duplicates: two equal best by 1 sd", gaps=(0.0, 0.0, *[1.0] * 6)),
        Surface(
            name="a diverging candidate, best by 1 sd of the rest",
            gaps=(1.0, *[2.0] * 6, 0.0),
            diverging=(7,),
        ),
    )


def _spread(seed: Floats | float) -> Floats:
    return np.sqrt(1 + DIFFICULTY**2 + TASTE**2 + np.square(seed))


def noise_sd(accuracy: float, images: int, seed: float = SEED) -> float:
    """Standard deviation over seeds of one candidate's accuracy on fixed images.

    √(seed²-term + flip²/n): the first from the spread of Φ((level + seed·a)/…) over a, flip² the mean of
    p(1 − p) over images, both by Gauss–Hermite quadrature.
    """
    spread = float(_spread(seed))
    level = float(ndtri(accuracy)) * spread
    points, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    by_seed = ndtr((level + seed * points) / math.sqrt(spread**2 - seed**2))
    whole = float(weights @ by_seed**2 - (weights @ by_seed) ** 2)
    by_image = ndtr((level + math.hypot(DIFFICULTY, TASTE) * points) / math.sqrt(1 + seed**2))
    return math.sqrt(whole + float(weights @ (by_image * (1 - by_image))) / images)


@dataclass(kw_only=True)
class SimulatedTrainer:
    """Call it with a candidate and a seed: the right/wrong bits, or None when the candidate diverges.

    The answer depends on (search, candidate, seed) alone, not on the order of the calls. sds: of the candidates in
    this search; groups, labels: of the images, None where the surface has none.
    """

    surface: Surface
    search: int
    images: int = 500
    accuracy: float = 0.9
    seed_effect: float = SEED
    groups: np.ndarray | None = field(init=False, repr=False, default=None)
    labels: np.ndarray | None = field(init=False, repr=False, default=None)
    _shared: np.ndarray = field(init=False, repr=False)
    _levels: np.ndarray = field(init=False, repr=False)
    sds: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        surface, count = self.surface, len(self.surface.gaps)
        generator = np.random.default_rng((self.search, 0))
        self.sds = self.seed_effect * np.asarray(surface.scatter or np.ones(count))
        if surface.lognormal:
            self.sds = self.sds * np.exp(surface.lognormal * generator.standard_normal(count))
        gaps = np.asarray(surface.gaps) * noise_sd(self.accuracy, self.images, self.seed_effect)
        self._levels = ndtri(self.accuracy - gaps) * _spread(self.sds)
        if surface.group > 1:
            self.groups = _groups(surface, self.images, generator)
        taste = generator.standard_normal((count, self.images), dtype=np.float32)
        difficulty = generator.standard_normal(self.images, dtype=np.float32)
        if self.groups is not None:
            taste, difficulty = taste[:, self.groups], difficulty[self.groups]
        self._shared = DIFFICULTY * difficulty + TASTE * taste + self._levels[:, None].astype(np.float32)
        if surface.classes:
            shares, easier = np.array(surface.classes).T
            self.labels = generator.choice(len(shares), self.images, p=shares)
            self._shared += easier[self.labels].astype(np.float32)

    def __call__(self, candidate: str, seed: int) -> Bits | None:
        place = self._places[candidate]
        if place in self.surface.diverging:
            return None
        generator = np.random.default_rng((self.search, 1, place, seed))
        flips = generator.standard_normal(self.images, dtype=np.float32)
        effect = self.sds[place] * generator.standard_normal()
        if self.groups is not None:
            alike = generator.standard_normal(self.images, dtype=np.float32)[self.groups]
            flips = math.sqrt(_ALIKE) * alike + math.sqrt(1 - _ALIKE) * flips
        if self.surface.collapse and generator.random() < self.surface.collapse:
            return np.asarray(generator.random(self.images) < CHANCE)
        return np.asarray(self._shared[place] + effect + flips > 0)

    def sample(self, metric: str = "accuracy") -> ImageSample:
        """How the images count and hang together; chance is known where it matters."""
        made = image_sample(self.labels, metric=metric, groups=self.groups)
        return replace(made, chance=CHANCE) if self.surface.collapse else made

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.surface.candidates)}

    def short(self, candidate: str, agreement: float) -> float:
        """Accuracy after short training, lower by 10 points, on the same images and with the same tastes.

        A candidate is then agreement·gap + √(1 − agreement²)·spread·z below the best, z standard normal and its own:
        the correlation of the two trainings over the candidates is `agreement`. spread: the standard deviation of
        the gaps, 1 noise sd where all are equal.
        """
        place = self._places[candidate]
        gaps = np.asarray(self.surface.gaps)
        own = np.random.default_rng((self.search, 2)).standard_normal(len(gaps))
        gap = agreement * gaps + math.sqrt(1 - agreement**2) * (float(gaps.std()) or 1.0) * own
        unit = noise_sd(self.accuracy, self.images, self.seed_effect)
        level = ndtri(self.accuracy - 0.1 - gap * unit) * _spread(self.seed_effect)
        generator = np.random.default_rng((self.search, 3, place))
        flips = generator.standard_normal(self.images, dtype=np.float32)
        noise = self.seed_effect * generator.standard_normal() + flips
        return float((self._shared[place] - self._levels[place] + level[place] + noise > 0).mean())

    def truth(self, candidate: str, metric: str = "accuracy") -> float:
        """The accuracy over all images and seeds, of the trainings that do not collapse."""
        place = self._places[candidate]
        classes = self.surface.classes or ((1.0, 0.0),)
        shares, easier = np.array(classes).T
        right = ndtr((self._levels[place] + easier) / _spread(self.sds[place]))
        return float(np.mean(right) if metric == "balanced-accuracy" else shares @ right)


def _groups(surface: Surface, images: int, generator: np.random.Generator) -> np.ndarray:
    """The group of each image: sizes around the surface's, until all images have one."""
    sizes = surface.group * np.exp(surface.group_spread * generator.standard_normal(images))
    ends = np.cumsum(np.maximum(1, np.round(sizes))).astype(int)
    return np.searchsorted(ends, np.arange(images), side="right")
