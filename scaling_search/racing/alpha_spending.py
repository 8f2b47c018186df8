"""How much of the 5 % error each round of a race may use."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_DRAWS = 40_000
_DRAW_SEED = 19_830_070
# The levels hardly depend on the number of candidates (10 and 65 differ by less than the draws do).
_MOST_CANDIDATES = 16


def spent(rounds: int, *, level: float = 0.95) -> tuple[float, ...]:
    """Probability of stopping the best candidate that has been used up after each round.

    (1 − level)·log(1 + (e − 1)·round/rounds), the Pocock-like function of Lan & DeMets 1983 (Biometrika
    70:659), which spends early, where stopping saves most. Nothing is spent before the second seed: with one,
    how much seeds matter is unknown.

    >>> [round(part, 4) for part in spent(5)]
    [0.0, 0.0262, 0.0354, 0.0432, 0.05]
    """
    error = 1 - level
    used = [error * math.log1p((math.e - 1) * now / rounds) for now in range(1, rounds + 1)]
    return tuple(0.0 if now == 0 and rounds > 1 else part for now, part in enumerate(used))


@lru_cache(maxsize=64)
def nominal_levels(candidates: int, rounds: int, level: float = 0.95) -> tuple[float, ...]:
    """Error at which to test in each round, so that the error of all rounds together is `spent`.

    Rounds share their seeds, so testing each at the difference of `spent` would waste error. The levels are
    those at which the maximum over rivals of a random walk with independent steps, one step a seed, first
    crosses with the probability to be spent: the canonical joint distribution of group-sequential tests
    (Jennison & Turnbull 2000, ch. 3). Images, which stay the same, make rounds depend more on each other
    than in that walk, and the levels err on the safe side.
    """
    generator = np.random.default_rng(_DRAW_SEED)
    count = max(2, min(candidates, _MOST_CANDIDATES))
    walk = np.zeros((count, _DRAWS), dtype=np.float32)
    going = np.ones(_DRAWS, dtype=bool)
    levels = []
    for now, used in enumerate(spent(rounds, level=level), start=1):
        walk += generator.standard_normal((_DRAWS, count), dtype=np.float32).T
        stops = round(used * _DRAWS) - int(np.count_nonzero(~going))
        if stops <= 0:
            levels.append(0.0)
            continue
        statistic = (walk[1:].max(axis=0) - walk[0]) / math.sqrt(2 * now)
        boundary = np.partition(statistic[going], -stops)[-stops]
        levels.append(float(np.mean(statistic >= boundary)))
        going &= statistic < boundary
    return tuple(levels)
