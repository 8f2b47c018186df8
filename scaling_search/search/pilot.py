"""An optional first stage with fewer epochs, used only as far as its ranking agrees with the full one.

Some candidates (the pilots) are trained both short and in full. Kendall's τ between the two rankings says how
far short training can be trusted, and how many candidates may be left out on its word. τ: Kendall 1938
(Biometrika 30:81); its interval: the jackknife of a U statistic on Fisher's z (Arvesen 1969, Ann. Math. Stat.
40:2076), never narrower than that of Fieller, Hartley & Pearson 1957 (Biometrika 44:470), which alone misses
high τ too often; from τ to a correlation, ρ = sin(πτ/2): Kruskal 1958 (JASA 53:814).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scaling_search.search.scores import Floats

FEWEST_PILOTS = 8


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Kendall's τ between the two rankings of `pilots` candidates, with its interval."""

    tau: float
    low: float
    high: float
    pilots: int


def agreement(short: Mapping[str, float], full: Mapping[str, float], *, level: float = 0.95) -> Agreement:
    """How far the ranking after short training agrees with that after full, over candidates in both.

    Raises ValueError with fewer than eight candidates in both: no interval can be given.
    """
    from scipy.special import stdtrit

    pilots = sorted(set(short) & set(full))
    count = len(pilots)
    if count < FEWEST_PILOTS:
        raise ValueError(
            f"{count} candidates were trained both short and in full: {FEWEST_PILOTS} are needed"
        )
    orders = [
        np.sign(np.subtract.outer(values, values))
        for values in (np.array([scores[name] for name in pilots]) for scores in (short, full))
    ]
    same = orders[0] * orders[1]
    tau = float(same.sum()) / (count * (count - 1))
    without = (same.sum() - 2 * same.sum(axis=1)) / ((count - 1) * (count - 2))
    pseudo = count * _fisher(tau) - (count - 1) * _fisher(without)
    error = max(float(pseudo.std(ddof=1)) / math.sqrt(count), math.sqrt(0.437 / (count - 4)))
    half = float(stdtrit(count - 1, 0.5 + level / 2)) * error
    middle = float(_fisher(tau))
    return Agreement(tau=tau, low=math.tanh(middle - half), high=math.tanh(middle + half), pilots=count)


def _fisher(tau: float | Floats) -> Floats:
    return np.asarray(np.arctanh(np.clip(tau, -0.999, 0.999)))


def worth_full_training(
    short: Mapping[str, float], agreed: Agreement, *, level: float = 0.95
) -> tuple[str, ...]:
    """The candidates that short training does not rule out, best first.

    With ρ from the lower limit of τ, and short scores z in standard deviations, a candidate's full score
    behind the short leader's is normal with mean ρ·(z_lead − z) and variance 2(1 − ρ²). It is left out when
    the chance that it is really ahead is below (1 − level)/(K − 1). A τ that may be 0 rules nobody out.
    """
    from scipy.special import ndtr

    names = sorted(short, key=lambda name: -short[name])
    scores = np.array([short[name] for name in names])
    rho = math.sin(math.pi * max(0.0, agreed.low) / 2)
    if len(names) < 2 or rho == 0 or scores.std() == 0:
        return tuple(names)
    behind = (scores[0] - scores) / scores.std(ddof=1)
    ahead = ndtr(-rho * behind / math.sqrt(max(2 * (1 - rho**2), 1e-12)))
    return tuple(
        name for name, chance in zip(names, ahead, strict=True) if chance >= (1 - level) / (len(names) - 1)
    )
