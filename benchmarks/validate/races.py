"""Races over surfaces that differ in how far candidates are apart: how often they err, and what they save."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scaling_search.racing import race
from scaling_search.racing.looks import Rules
from scaling_search.racing.screening import screen
from scaling_search.racing.simulated_trainer import SimulatedTrainer, Surface, noise_sd
from scaling_search.statistics.selection import held_out

# A screening trains for a fifth of the epochs.
SHORT = 0.2


@dataclass(frozen=True, kw_only=True)
class Characteristics:
    """What a number of races over one surface came to.

    false_unique: share that named a single winner that is not the one true best; best_inside: share whose set
    held the first true best; compute: trials run over trials of the exhaustive search; optimism, apparent:
    winner's held-out and plain estimate minus its truth, in noise sd, with the standard error of the former.
    agreement: of short training with full, where there was a screening; screened_out: share that it left out.
    """

    surface: str
    candidates: int
    rounds: int
    searches: int
    false_unique: float
    best_inside: float
    set_size: float
    compute: float
    optimism: float
    optimism_error: float
    apparent: float
    agreement: float | None = None
    screened_out: float = 0.0


def examine(
    surface: Surface,
    *,
    rounds: int,
    searches: int,
    exhaustive: bool = False,
    images: int = 500,
    first_search: int = 0,
    draws: int | None = None,
    agreement: float | None = None,
) -> Characteristics:
    """Run the searches and count. `agreement` puts a screening before each race, of so much worth.

    Nothing counts as equal (indifference 0): the race goes on until one is left, so that what it saves is seen.
    """
    rows = []
    unit = noise_sd(0.9, images)
    for search in range(first_search, first_search + searches):
        trainer = SimulatedTrainer(surface=surface, search=search, images=images)
        screened_out = () if agreement is None else _screening(trainer, agreement)
        names = [name for name in surface.candidates if name not in screened_out]
        found = race.run(
            names,
            race.one_by_one(trainer),
            seeds=range(rounds),
            rules=Rules(exhaustive=exhaustive, draws=draws),
            indifference=0.0,
        )
        assert found.scores is not None and found.behind is not None and found.decision is not None  # noqa: S101
        members, winner = found.behind.set, str(found.decision.winner)
        estimate = held_out(found.scores, winner)
        rows.append(
            (
                len(members) == 1 and members != surface.best,
                surface.best[0] in members,
                len(members),
                (found.scores.present.sum() + (0 if agreement is None else SHORT * len(surface.candidates)))
                / (len(surface.candidates) - len(surface.diverging))
                / rounds,
                (estimate.value - trainer.truth(winner)) / unit,
                (estimate.apparent - trainer.truth(winner)) / unit,
                len(screened_out) / len(surface.candidates),
            )
        )
    means = np.mean(np.asarray(rows, dtype=float), axis=0)
    return Characteristics(
        surface=surface.name,
        candidates=len(surface.gaps),
        rounds=rounds,
        searches=searches,
        false_unique=float(means[0]),
        best_inside=float(means[1]),
        set_size=float(means[2]),
        compute=float(means[3]),
        optimism=float(means[4]),
        optimism_error=float(np.std([row[4] for row in rows]) / math.sqrt(searches)),
        apparent=float(means[5]),
        agreement=agreement,
        screened_out=float(means[6]),
    )


def _screening(trainer: SimulatedTrainer, agreement: float) -> tuple[str, ...]:
    """Who is left out by the code that `grid --screening-epochs` uses."""
    names = [
        name
        for place, name in enumerate(trainer.surface.candidates)
        if place not in trainer.surface.diverging
    ]

    def train(calibration_set: Sequence[str]) -> dict[str, float]:
        return {
            name: float(bits.mean()) for name in calibration_set if (bits := trainer(name, 0)) is not None
        }

    return screen({name: trainer.short(name, agreement) for name in names}, train).screened_out
