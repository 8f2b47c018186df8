"""Plasmode cases: searches resampled from real trainings, so that not only the simulator's own model is tested.

`digits_seeds.npz` has what 4 candidates got right with 40 seeds each on 434 images of digits, trained by
`scaling-search grid --study benchmarks/validate/digits_seeds.toml` for four epochs only, so that they scatter
unequally, and packed by `benchmarks.validate.pack_plasmode`. A search draws seeds without and images with
replacement; the truth is the mean over all of a candidate's seeds and images. Plasmode: real data of which the truth
is made known by resampling (Vaughan et al. 2009, Comput. Stat. Data Anal. 53:1755).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import resources

import numpy as np

from benchmarks.validate.operating_characteristics import Case
from scaling_search.statistics.images import ImageSample
from scaling_search.statistics.scores import Bits

FILE = "digits_seeds.npz"


@cache
def recorded() -> tuple[tuple[str, ...], Bits]:
    """Names, and right/wrong bits (candidates, seeds, images)."""
    with (resources.files("benchmarks.validate") / FILE).open("rb") as file, np.load(file) as packed:
        images = int(packed["images"])
        bits = np.unpackbits(packed["bits"], axis=2, count=images).astype(bool)
        return tuple(packed["names"].tolist()), bits


@dataclass(kw_only=True)
class Resampled:
    """A trainer of recorded trainings. rows: the recorded candidate behind each one of the search.

    One recorded candidate may be several of the search, each with seeds of its own: they are then equally good.
    """

    rows: tuple[int, ...]
    search: int
    _order: np.ndarray = field(init=False, repr=False)
    _images: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _, bits = recorded()
        generator = np.random.default_rng((self.search, 9))
        self._images = generator.integers(0, bits.shape[2], bits.shape[2])
        # Candidates share seeds, as in a search, but those that are one recorded candidate cannot.
        order = generator.permutation(bits.shape[1])
        parts = np.array_split(order, max(self.rows.count(row) for row in self.rows))
        self._order = np.array(
            [parts[self.rows[:at].count(row)][: len(parts[-1])] for at, row in enumerate(self.rows)]
        )

    def __call__(self, candidate: str, seed: int) -> Bits:
        at = int(candidate)
        return recorded()[1][self.rows[at], self._order[at, seed]][self._images]

    def truth(self, candidate: str, metric: str = "accuracy") -> float:  # noqa: ARG002 - has one metric
        return float(recorded()[1][self.rows[int(candidate)]].mean())

    def sample(self, metric: str = "accuracy") -> ImageSample:  # noqa: ARG002
        return ImageSample()


def cases(limits: Mapping[str, float]) -> list[Case]:
    """The candidates as they are, and each of them against copies of itself."""
    names, bits = recorded()
    order = np.argsort(-bits.mean(axis=(1, 2)))
    found = []
    for seeds in (3, 5):
        found.append(_case("digits as they are", tuple(order.tolist()), seeds, limits))
        found += [
            _case(f"digits, {names[row]} four times", (row,) * 4, seeds, limits) for row in range(len(names))
        ]
    return found


def _case(name: str, rows: tuple[int, ...], seeds: int, limits: Mapping[str, float]) -> Case:
    names = tuple(map(str, range(len(rows))))
    equal = len(set(rows)) == 1
    return Case(
        name=name,
        names=names,
        best=names if equal else names[:1],
        make=partial(_resampled, rows),
        seeds=(seeds,),
        limits=limits,
    )


def _resampled(rows: tuple[int, ...], search: int) -> Resampled:
    return Resampled(rows=rows, search=search)
