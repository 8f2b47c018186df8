"""Trials that finished without having learned anything: shown as such and, like diverged ones, never ranked.

A network whose activations died, or whose rate was far too low, ends with a finite loss and an accuracy. Compared with
the others it would only say that they are better than guessing.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from scipy.special import bdtrc

from scaling_search.architecture import toml
from scaling_search.ledger.storage.rows import TrialRow

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


# One trial in a thousand that learned a very little is called one that guesses.
_ERROR = 1e-3
_LEAST_GAIN = 0.01
_LEAST_FALL = 0.1


def at_chance(ledger: Reader, trials: Iterable[TrialRow]) -> Mapping[str, str]:
    """Why a trial is at chance level, by its key: for those that are."""
    texts = {row.fingerprint: row.toml for row in ledger.networks() if row.toml}
    classes: dict[str, int] = {}  # by data set: all networks that trained on it have as many
    found = {}
    for row in trials:
        if row.dataset not in classes and row.network in texts:
            classes[row.dataset] = toml.parse(texts[row.network]).classes
        said = why(row, classes[row.dataset]) if row.dataset in classes else None
        if said is not None:
            found[row.key] = said
    return found


def why(trial: TrialRow, classes: int) -> str | None:
    """Why a complete trial is taken not to have learned; None when it did, or was not finished.

    - It guesses: no more images right than 1/`classes` explains (binomial test at 0.1 %), while the loss on them is
      not 1 % below ln(`classes`), or the training loss of the last epoch is not below that of the first.
    - Nothing moved: the same share right after every epoch, and a training loss that fell by less than a tenth. This
      finds the network that names one class for ever also where classes are not equally frequent.
    """
    if trial.state != "complete" or trial.accuracy is None or not trial.correct_count:
        return None
    right = round(trial.accuracy * trial.correct_count)
    chance = right <= _most_by_guessing(trial.correct_count, classes)
    if not chance and _moved(trial.epochs or "", trial.accuracy):
        return None
    epochs = json.loads(trial.epochs or "[]")
    losses = [epoch["train_loss"] for epoch in epochs if epoch["train_loss"] is not None]
    guesses = trial.loss is not None and trial.loss >= (1 - _LEAST_GAIN) * math.log(classes)
    fell = len(losses) < 2 or losses[-1] < losses[0]
    if chance and (guesses or not fell):
        return f"{trial.accuracy:.1%} right is what guessing among {classes} classes gives"
    same = len(epochs) > 1 and len({epoch["accuracy"] for epoch in epochs}) == 1
    if same and len(losses) > 1 and losses[-1] > (1 - _LEAST_FALL) * losses[0]:
        return f"{trial.accuracy:.1%} right after every epoch, and the training loss hardly moved"
    return None


@cache
def _most_by_guessing(images: int, classes: int) -> int:
    """The most right answers that guessing explains: P(at least as many) > 0.1 %, binomial."""
    # The tail falls: the first number that guessing does not explain, less one.
    return bisect_left(range(images + 1), True, key=lambda n: bdtrc(n - 1, images, 1 / classes) <= _ERROR) - 1


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
        network: f"{len(said)} of {len(whys)} seeds at chance level: {said[0]}"
        for network, whys in seeds.items()
        if (said := [why for why in whys if why is not None])
    }
