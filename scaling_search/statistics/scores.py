"""Which validation images each trial got right: the data that every comparison here reads.

All candidates share seeds, data order and validation images, so a cell (candidate, seed, image) is paired
with the same cell of every other candidate. Racing leaves some candidates with fewer seeds than others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from scaling_search.errors import InputError
from scaling_search.statistics.images import ImageSample

Bits = NDArray[np.bool_]
# Bits, or shares between 0 and 1 where a candidate is judged by several networks (one per phi).
Marks = NDArray[np.bool_] | NDArray[np.float32] | NDArray[np.float64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """`correct[c, s, i]`: candidate `names[c]`, trained with seed `seeds[s]`, got image i right.

    Shapes: correct (K, S, n) bool, or float32 in 0..1 where images were judged by several networks each;
    present (K, S) bool. Cells that are not present hold 0. Every candidate has at least one
    seed: one that diverged is not here and is never ranked. sample: how the n images count and hang together.
    """

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    correct: Marks
    present: Bits
    sample: ImageSample = field(default_factory=ImageSample)

    @property
    def images(self) -> int:
        return int(self.correct.shape[2])

    @cached_property
    def counts(self) -> Int[np.ndarray, " K"]:
        """Seeds per candidate."""
        return np.asarray(self.present.sum(axis=1))

    @cached_property
    def seed_means(self) -> Float[np.ndarray, "K S"]:
        """Accuracy of each trial, by the weights of the images; 0 where not present."""
        if self.sample.weights is None:
            return summed(self.correct, axis=2) / self.images
        return np.stack([marks @ self.sample.weights for marks in self.correct])

    @cached_property
    def image_means(self) -> Float[np.ndarray, "K n"]:
        """Share of its seeds that got each image right, by candidate."""
        return np.asarray(summed(self.correct, axis=1) / self.counts[:, None])

    @cached_property
    def means(self) -> Float[np.ndarray, " K"]:
        """Accuracy of each candidate over its own seeds."""
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

    def without(self, cells: Bool[np.ndarray, "K S"]) -> Scores:
        """The same scores with these trials left out; each candidate must keep one."""
        present = self.present & ~cells
        if not cells.any():
            return self
        correct = np.where(present[:, :, None], self.correct, np.zeros_like(self.correct))
        return replace(self, correct=correct, present=present)

    def _take(self, rows: list[int], columns: list[int]) -> Scores:
        return replace(
            self,
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


def gather(
    trials: Mapping[str, Mapping[int, Marks]],
    sample: ImageSample | None = None,
    *,
    seeds: Collection[int] | None = None,
) -> Scores:
    """Put the right/wrong bits (or shares right) of complete trials, by candidate and seed, into one array.

    The order of candidates is kept; seeds are in the order given, else sorted. Candidates without a complete trial
    are left out. Raises InputError when two trials were scored on different numbers of validation images.
    """
    kept = {name: bits for name, bits in trials.items() if bits}
    if not kept:
        raise InputError("no complete trial to compare: every candidate diverged, failed or was not trained")
    used = {seed for by_seed in kept.values() for seed in by_seed}
    order = sorted(used) if seeds is None else [seed for seed in seeds if seed in used]
    first_name, first = next(iter(kept.items()))
    images = len(next(iter(first.values())))
    if images < 2:
        raise InputError(f"{images} validation image: at least 2 are needed to compare candidates")
    marks = [mark for by_seed in kept.values() for mark in by_seed.values()]
    kind = np.bool_ if all(mark.dtype == np.bool_ for mark in marks) else np.float32
    correct: Marks = np.zeros((len(kept), len(order), images), dtype=kind)
    present = np.zeros((len(kept), len(order)), dtype=bool)
    columns = {seed: column for column, seed in enumerate(order)}
    for row, (name, by_seed) in enumerate(kept.items()):
        for seed, bits in by_seed.items():
            if seed not in columns:
                continue
            if len(bits) != images:
                raise InputError(
                    f"{name} with seed {seed} was scored on {len(bits)} validation images and {first_name} "
                    f"on {images}: only trials scored on the same images can be compared"
                )
            correct[row, columns[seed]] = bits
            present[row, columns[seed]] = True
    return Scores(
        names=tuple(kept),
        seeds=tuple(order),
        correct=correct,
        present=present,
        sample=ImageSample() if sample is None else sample,
    )
