"""Low-fidelity screening: short trainings of all candidates, used as far as their ranking agrees with the full one.

Some candidates, the calibration set, are trained both short and in full. Kendall's τ between the two rankings says
whether short training can be trusted at all, and a line through the calibration set how far. τ: Kendall 1938
(Biometrika 30:81); its interval: the jackknife of a U statistic (Arvesen 1969, Ann. Math. Stat. 40:2076) on Fisher's z,
never narrower than that of Fieller, Hartley & Pearson 1957 (Biometrika 44:470), which alone misses high τ too often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST_CALIBRATION_SET = 8
# With fewer than these the interval of τ seldom leaves 0, however well the rankings agree.
USUAL_CALIBRATION_SET = 12
_CALIBRATION_SHARE = 3
# Chance of leaving out the truly best, spent beside the race's 5 %.
ERROR = 0.01


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Kendall's τ between the two rankings of `calibration_set` candidates, with its interval."""

    tau: float
    low: float
    high: float
    calibration_set: int


@dataclass(frozen=True, kw_only=True)
class Screening:
    """What screening came to. calibration_set: trained both ways; screened_out: never to be trained in full.

    agreement: None with fewer than eight of them finished, and then no candidate is screened out.
    """

    calibration_set: tuple[str, ...]
    agreement: Agreement | None
    screened_out: tuple[str, ...]


def possible(candidates: int) -> bool:
    """Whether there are so many candidates that some are outside the calibration set."""
    return candidates > USUAL_CALIBRATION_SET


def screen(short: Mapping[str, float], train: Callable[[Sequence[str]], Mapping[str, float]]) -> Screening:
    """Trains a calibration set in full, and screens out what its agreement with `short` allows.

    short: accuracy after short training, of the candidates that finished it (the others go on: nothing speaks
    against them). train: full training of the named ones, giving the accuracies of those that finished.
    A function of the results alone: asked again, with the same ones, it decides the same.
    """
    waiting = list(spread(sorted(short, key=lambda name: -short[name])))
    wanted = max(USUAL_CALIBRATION_SET, math.ceil(len(short) / _CALIBRATION_SHARE))
    asked: list[str] = []
    full: dict[str, float] = {}
    while possible(len(short)) and len(full) < wanted and waiting:
        batch, waiting = waiting[: wanted - len(full)], waiting[wanted - len(full) :]
        asked += batch
        full |= train(batch)
    if len(full) < FEWEST_CALIBRATION_SET:
        return Screening(calibration_set=tuple(asked), agreement=None, screened_out=())
    agreed = agreement(short, full)
    kept = {*asked, *worth_full_training(short, full, agreed)}
    return Screening(
        calibration_set=tuple(asked),
        agreement=agreed,
        screened_out=tuple(name for name in short if name not in kept),
    )


def spread(ranked: Sequence[str]) -> Iterable[str]:
    """The names in an order of which every beginning is spread evenly over the ranks (van der Corput 1935).

    >>> list(spread("abcdefgh"))
    ['a', 'e', 'c', 'g', 'b', 'f', 'd', 'h']
    """
    bits = max(1, math.ceil(math.log2(max(2, len(ranked)))))
    places = (int(f"{place:0{bits}b}"[::-1], 2) for place in range(2**bits))
    return [ranked[place] for place in places if place < len(ranked)]


def agreement(short: Mapping[str, float], full: Mapping[str, float], *, level: float = 0.95) -> Agreement:
    """How far the ranking after short training agrees with that after full, over candidates in both.

    Raises ValueError with fewer than eight candidates in both: no interval can be given.
    """
    from scipy.special import stdtrit

    calibration_set = sorted(set(short) & set(full))
    count = len(calibration_set)
    if count < FEWEST_CALIBRATION_SET:
        raise ValueError(
            f"{count} candidates were trained both short and in full: {FEWEST_CALIBRATION_SET} are needed"
        )
    orders = [
        np.sign(np.subtract.outer(values, values))
        for values in (np.array([scores[name] for name in calibration_set]) for scores in (short, full))
    ]
    same = orders[0] * orders[1]
    tau = float(same.sum()) / (count * (count - 1))
    without = (same.sum() - 2 * same.sum(axis=1)) / ((count - 1) * (count - 2))
    pseudo = count * tau - (count - 1) * without
    # From τ to z: dz = dτ / (1 − τ²), which has no end at 1.
    jackknife = float(pseudo.std(ddof=1)) / math.sqrt(count) / max(1 - tau**2, 0.05)
    error = max(jackknife, math.sqrt(0.437 / (count - 4)))
    half = float(stdtrit(count - 1, 0.5 + level / 2)) * error
    middle = math.atanh(min(0.999, max(-0.999, tau)))
    return Agreement(
        tau=tau, low=math.tanh(middle - half), high=math.tanh(middle + half), calibration_set=count
    )


def worth_full_training(
    short: Mapping[str, float], full: Mapping[str, float], agreed: Agreement, *, error: float = ERROR
) -> tuple[str, ...]:
    """The candidates that short training does not eliminate, best first. A τ that may be 0 screens nobody out.

    A line of full on short accuracy through the n of the calibration set predicts each other candidate's, with the
    variance s²·(1 + 1/n + (x − x̄)²/Σ(x − x̄)²) of a new observation and n − 2 degrees of freedom. It is screened out
    when the chance that it reaches the best of them is below error/(K − 1), K being all candidates.
    """
    from scipy.special import stdtr

    names = sorted(short, key=lambda name: -short[name])
    calibration_set = sorted(set(short) & set(full))
    count = len(calibration_set)
    x, y = (np.array([scores[name] for name in calibration_set]) for scores in (short, full))
    spread_x = float(((x - x.mean()) ** 2).sum())
    if agreed.low <= 0 or spread_x == 0 or len(names) < 2:
        return tuple(names)
    slope = float(((x - x.mean()) * y).sum()) / spread_x
    residual = float(((y - y.mean() - slope * (x - x.mean())) ** 2).sum()) / (count - 2)
    off = np.array([short[name] for name in names]) - x.mean()
    deviation = np.sqrt(np.maximum(residual * (1 + 1 / count + off**2 / spread_x), 1e-24))
    behind = y.max() - y.mean() - slope * off
    reaches = stdtr(count - 2, -behind / deviation) >= error / (len(names) - 1)
    return tuple(name for name, may in zip(names, reaches, strict=True) if may)
