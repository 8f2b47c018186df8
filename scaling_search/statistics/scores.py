"""Which validation images each trial got right: the data that every comparison here reads.

All candidates share seeds, data order and validation images, so a cell (candidate, seed, image) is paired
with the same cell of every other candidate. Racing leaves some candidates with fewer seeds than others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaling_search.errors import InputError

Bits = NDArray[np.bool_]
# Bits, or shares between 0 and 1 where a candidate is judged by several networks (one per phi).
Marks = NDArray[np.bool_] | NDArray[np.float32] | NDArray[np.float64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """`correct[c, s, i]`: candidate `names[c]`, trained with seed `seeds[s]`, got image i right.

    Shapes: correct (K, S, n) bool, or float32 in 0..1 where images were judged by several networks each;
    present (K, S) bool. Cells that are not present hold 0. Every candidate has at least one
    seed: one that diverged is not here and is never ranked.
    """

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    correct: Marks
    present: Bits

    @property
    def images(self) -> int:
        return int(self.correct.shape[2])

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Seeds per candidate, shape (K,)."""
        return np.asarray(self.present.sum(axis=1))

    @cached_property
    def seed_means(self) -> Floats:
        """Accuracy of each trial, shape (K, S); 0 where not present."""
        return summed(self.correct, axis=2) / self.images

    @cached_property
    def by_candidate(self) -> Floats:
        """How many of its seeds got each image right, by candidate: shape (K, n)."""
        return summed(self.correct, axis=1)

    @cached_property
    def image_means(self) -> Floats:
        """Share of its seeds that got each image right, by candidate: shape (K, n)."""
        return np.asarray(self.by_candidate / self.counts[:, None])

    @cached_property
    def by_seed(self) -> Floats:
        """How many candidates got each image right, by seed: shape (S, n)."""
        return summed(self.correct, axis=0)

    @cached_property
    def means(self) -> Floats:
        """Accuracy of each candidate over its own seeds, shape (K,)."""
        return np.asarray(self.seed_means.sum(axis=1) / self.counts)

    def only(self, names: Collection[str]) -> Scores:
        """The same scores for some of the candidates, in the order they had."""
        wanted = set(names)
        rows = [row for row, name in enumerate(self.names) if name in wanted]
        return self._take(rows, list(range(len(self.seeds))))

    def until(self, rounds: int) -> Scores:
        """The scores as they stood when each candidate had been given the first `rounds` seeds."""
        columns = list(range(min(rounds, len(self.seeds))))
        rows = [row for row in range(len(self.names)) if self.present[row, columns].any()]
        return self._take(rows, columns)

    def _take(self, rows: list[int], columns: list[int]) -> Scores:
        return Scores(
            names=tuple(self.names[row] for row in rows),
            seeds=tuple(self.seeds[column] for column in columns),
            correct=_some(self.correct, rows, columns),
            present=_some(self.present, rows, columns),
        )


def _some(table: Any, rows: list[int], columns: list[int]) -> Any:
    """Rows and columns of a table; a view of it where they are its first ones, as they are round after round."""
    if rows == list(range(len(rows))) and columns == list(range(len(columns))):
        return table[: len(rows), : len(columns)]
    return table[np.ix_(rows, columns)]


def summed(marks: Marks, *, axis: int) -> Floats:
    """Sums in float64; of bits, which are whole numbers, by way of integers in half the time."""
    if marks.dtype == np.bool_:
        return np.asarray(marks.view(np.uint8).sum(axis=axis, dtype=np.uint32), np.float64)
    return np.asarray(marks.sum(axis=axis, dtype=np.float64))


def gather(trials: Mapping[str, Mapping[int, Marks]]) -> Scores:
    """Put the right/wrong bits (or shares right) of complete trials, by candidate and seed, into one array.

    The order of candidates is kept, seeds are sorted. Candidates without a complete trial are left out.
    Raises InputError when two trials were scored on different numbers of validation images.
    """
    kept = {name: bits for name, bits in trials.items() if bits}
    if not kept:
        raise InputError("no complete trial to compare: every candidate diverged, failed or was not trained")
    seeds = sorted({seed for by_seed in kept.values() for seed in by_seed})
    first_name, first = next(iter(kept.items()))
    images = len(next(iter(first.values())))
    if images < 2:
        raise InputError(f"{images} validation image: at least 2 are needed to compare candidates")
    marks = [mark for by_seed in kept.values() for mark in by_seed.values()]
    kind = np.bool_ if all(mark.dtype == np.bool_ for mark in marks) else np.float32
    correct: Marks = np.zeros((len(kept), len(seeds), images), dtype=kind)
    present = np.zeros((len(kept), len(seeds)), dtype=bool)
    columns = {seed: column for column, seed in enumerate(seeds)}
    for row, (name, by_seed) in enumerate(kept.items()):
        for seed, bits in by_seed.items():
            if len(bits) != images:
                raise InputError(
                    f"{name} with seed {seed} was scored on {len(bits)} validation images and {first_name} "
                    f"on {images}: only trials scored on the same images can be compared"
                )
            correct[row, columns[seed]] = bits
            present[row, columns[seed]] = True
    return Scores(names=tuple(kept), seeds=tuple(seeds), correct=correct, present=present)
