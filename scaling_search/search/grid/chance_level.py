"""Trials that finished without having learned anything: shown as such and, like diverged ones, never ranked.

A network whose activations died, or whose rate was far too low, ends with a finite loss and an accuracy. Compared with
the others it would only say that they are better than guessing.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtrc

from scaling_search.ledger.storage.rows import DatasetRow, TrialRow
from scaling_search.ledger.storage.schema import DATASETS
from scaling_search.search.grid.candidates import bits_of
from scaling_search.statistics.images import one_class

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader

# One trial in a thousand that learned a very little is called one that guesses.
_ERROR = 1e-3
_LEAST_GAIN = 0.01
_LEAST_FALL = 0.1


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What a network without knowledge of the images reaches on a validation split."""

    classes: tuple[str, ...]
    labels: np.ndarray  # (n,) class numbers

    @classmethod
    def of(cls, row: DatasetRow) -> Chance:
        """That of a data set's row."""
        return cls(classes=tuple(json.loads(row.classes)), labels=np.array(json.loads(row.validation_labels)))

    @cached_property
    def counts(self) -> np.ndarray:
        """Validation images of each class."""
        return np.bincount(self.labels, minlength=len(self.classes))

    @property
    def accuracy(self) -> float:
        """What always naming the commonest class gives, as a share."""
        return float(self.counts.max() / max(1, len(self.labels)))

    @property
    def loss(self) -> float:
        """What always saying how common the classes are gives: their entropy, natural logarithm."""
        shares = self.counts[self.counts > 0] / len(self.labels)
        return float(-(shares * np.log(shares)).sum())

    def one_class(self, trial: TrialRow) -> str | None:
        """The class that a trial named for every image, as far as its right answers tell: exactly all of one class."""
        if trial.correct is None or trial.correct_count != len(self.labels) or trial.accuracy is None:
            return None
        # Reading the bits of ten thousand trials would take longer than all the rest.
        if round(trial.accuracy * trial.correct_count) not in self.counts:
            return None
        number = one_class(bits_of(trial), self.labels)
        return None if number is None else self.classes[number]


def chances(ledger: Reader) -> Mapping[str, Chance]:
    """What chance is on each data set of a ledger, by its fingerprint."""
    return {row.fingerprint: Chance.of(row) for row in ledger.rows(DATASETS)}


def at_chance(ledger: Reader, trials: Iterable[TrialRow]) -> Mapping[str, str]:
    """Why a trial is at chance level, by its key: for those that are. Trials with their bits tell more."""
    known = chances(ledger)
    said = {row.key: why(row, known[row.dataset]) for row in trials if row.dataset in known}
    return {key: reason for key, reason in said.items() if reason is not None}


def why(trial: TrialRow, chance: Chance) -> str | None:
    """Why a complete trial is taken to have learned nothing; None when it did learn, or was not finished.

    - It guesses: no more images right than always naming the commonest class explains (binomial test at 0.1 %), while
      the loss on them is not 1 % below that of the class shares alone, or the training loss of the last epoch is not
      below that of the first.
    - It names one class: what it got right is exactly all of that class.
    - Nothing moved: the same share right after every epoch, and a training loss that fell by less than a tenth.
    """
    if trial.state != "complete" or trial.accuracy is None or not trial.correct_count:
        return None
    named = chance.one_class(trial)
    if named is not None:
        return f"{trial.accuracy:.1%} right: all of class {named!r} and nothing else"
    right = round(trial.accuracy * trial.correct_count)
    guessed = right <= _most_by_guessing(trial.correct_count, chance.accuracy)
    if not guessed and _moved(trial.epochs or "", trial.accuracy):
        return None
    epochs = json.loads(trial.epochs or "[]")
    losses = [epoch["train_loss"] for epoch in epochs if epoch["train_loss"] is not None]
    blind = trial.loss is not None and trial.loss >= (1 - _LEAST_GAIN) * chance.loss
    fell = len(losses) < 2 or losses[-1] < losses[0]
    if guessed and (blind or not fell):
        return f"{trial.accuracy:.1%} right; always naming the commonest class gives {chance.accuracy:.1%}"
    same = len(epochs) > 1 and len({epoch["accuracy"] for epoch in epochs}) == 1
    if same and len(losses) > 1 and losses[-1] > (1 - _LEAST_FALL) * losses[0]:
        return f"{trial.accuracy:.1%} right after every epoch, and the training loss hardly moved"
    return None


@cache
def _most_by_guessing(images: int, share: float) -> int:
    """The most right answers that guessing explains: P(at least as many) > 0.1 %, binomial."""
    # The tail falls: the first number that guessing does not explain, less one.
    return bisect_left(range(images + 1), True, key=lambda n: bdtrc(n - 1, images, share) <= _ERROR) - 1


def _moved(epochs: str, last: float) -> bool:
    """Whether the text names another accuracy than the last; False where only parsing it can tell.

    Parsing the epochs of ten thousand trials would take longer than all the rest.
    """
    return 0 < epochs.count(f'"accuracy": {last!r}') < epochs.count('"accuracy"')


def by_network(trials: Sequence[TrialRow], at_chance: Mapping[str, str]) -> Mapping[str, str]:
    """Networks with trials at chance level: how many, and why the first is."""
    seeds: dict[str, list[str | None]] = {}
    for trial in trials:
        seeds.setdefault(trial.network, []).append(at_chance.get(trial.key))
    return {
        network: f"{len(said)} of {len(reasons)} seeds at chance level: {said[0]}"
        for network, reasons in seeds.items()
        if (said := [reason for reason in reasons if reason is not None])
    }
