"""How much of the 5 % error each look at a search may use, whatever the number of looks will be.

A look is a test after some number of seeds. Of the whole error 1 − 1/(seeds − 1) has been used up after it: half at the
third seed, three quarters at the fifth, never all of it. So a race has no length that would have to be fixed before:
raising the number of seeds, or going on until something is decided, spends what is left. Nothing is spent before the
third seed: two say too little of how much seeds matter.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

FIRST_LOOK = 3
_DRAWS = 50_000
_DRAW_SEED = 19_830_070
# The levels hardly depend on the number of candidates: with more they are a little lower, and seven others do.
_CANDIDATES = 8
# Looks that follow change nothing for those before, so that a race's first dozen are found at once.
_AT_ONCE = 12


def spent(seeds: int, *, level: float = 0.95) -> float:
    """Probability of eliminating the best candidate that may have been used up after a look at so many seeds.

    >>> [round(spent(seeds), 4) for seeds in (2, 3, 4, 5, 8)]
    [0.0, 0.025, 0.0333, 0.0375, 0.0429]
    """
    return 0.0 if seeds < FIRST_LOOK else (1 - level) * (1 - 1 / (seeds - 1))


def nominal_error(looks: tuple[int, ...], *, level: float = 0.95) -> float:
    """Error at which to test in the last of these looks (seeds at each, growing), so that all together use `spent`.

    >>> nominal_error((2,)), round(nominal_error((3,)), 4), 0.017 < nominal_error((3, 4)) < 0.020
    (0.0, 0.025, True)

    Looks share their seeds, so testing each at the difference of `spent` would waste error: at the eighth seed 0.12 %
    where 0.55 % are free. The levels are those at which the maximum over the others of a random walk with independent
    steps, one a seed, first crosses with the probability to be spent: the canonical joint distribution of
    group-sequential tests (Jennison & Turnbull 2000, ch. 3; error spending: Lan & DeMets 1983, Biometrika 70:659).
    Images, which stay the same, make looks depend more on each other than in that walk, and the levels err on the
    safe side.
    """
    tested = tuple(seeds for seeds in looks if seeds >= FIRST_LOOK)
    if not tested or looks[-1] < FIRST_LOOK:
        return 0.0
    padded = tested + tuple(range(tested[-1] + 1, tested[-1] + 1 + -len(tested) % _AT_ONCE))
    return _levels(padded, level)[len(tested) - 1]


@lru_cache(maxsize=32)
def _levels(looks: tuple[int, ...], level: float) -> tuple[float, ...]:
    generator = np.random.default_rng(_DRAW_SEED)
    walk = np.zeros((_CANDIDATES, _DRAWS), dtype=np.float32)
    going = np.ones(_DRAWS, dtype=bool)
    found, before = [], 0
    for seeds in looks:
        steps = generator.standard_normal((_CANDIDATES, _DRAWS), dtype=np.float32)
        walk += math.sqrt(seeds - before) * steps
        before = seeds
        stops = round(spent(seeds, level=level) * _DRAWS) - int(np.count_nonzero(~going))
        if stops <= 0:
            found.append(0.0)
            continue
        statistic = (walk[1:].max(axis=0) - walk[0]) / math.sqrt(2 * seeds)
        boundary = np.partition(statistic[going], -stops)[-stops]
        found.append(float(np.mean(statistic >= boundary)))
        going &= statistic < boundary
    return tuple(found)
