"""Standard deviations over seeds, each candidate's own, moderated as far as they look alike.

    s²[c] ~ (σ²[c] + f[c])·χ²(ν[c])/ν[c],   log σ[c] ~ (1 − ε)·N(μ, τ²) + ε·Uniform(μ, μ + log L)
Two or three seeds say little of a candidate's own σ, and pooling all candidates is wrong where one is ten times as
noisy as the others. So σ is a posterior under a prior that the candidates themselves determine: where the s² look
alike, τ and ε go to 0 and the candidates are pooled. Everything is on grids.

Two posteriors. *other*: what a candidate is when another is tested against it; ε is learnt, L = 30. *own*: what it is
when it is itself tested for being eliminated; ε = 0.25, L = 300, and never below e^μ: a tested candidate may be noisier
than typical, and is never believed to be quieter, since its few seeds may agree by chance.

Sources: Smyth 2004 (Stat. Appl. Genet. Mol. Biol. 3:3); Phipson et al. 2016 (Ann. Appl. Stat. 10:946, a robust prior);
Lu & Stephens 2016 (Bioinformatics 32:3428, a mixture over a grid of variances).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

_SIGMAS = np.geomspace(0.05, 300, 44)  # in units of a typical s
_CENTRES = np.geomspace(0.05, 8, 14)
_SPREADS = (0.05, 0.3, 0.6, 1.0)
_SHARES = (0.0, 0.05, 0.15, 0.3)
_REACH = 30.0
# 0.5 keeps as often the best and makes sets 5 % larger (8 candidates, 3 seeds, `make validate`'s gaps).
_OWN_SHARE, _OWN_REACH = 0.25, 300.0
_MOST_OF_IT = 0.95 * (np.arange(200) + 0.5) / 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Moderated:
    """Posteriors of σ by candidate: probabilities on a common grid. Where `known` is False all σ are 0."""

    grid: Float[np.ndarray, " sigmas"]
    own: Float[np.ndarray, "K sigmas"]
    other: Float[np.ndarray, "K sigmas"]
    known: bool

    @cached_property
    def own_median(self) -> Float[np.ndarray, " K"]:
        """Medians, not means, which the tails would drive."""
        return self.own_quantiles(np.array([0.5]))[:, 0]

    @cached_property
    def other_median(self) -> Float[np.ndarray, " K"]:
        return self.other_quantiles(np.array([0.5]))[:, 0]

    @cached_property
    def variance(self) -> Float[np.ndarray, " K"]:
        """σ² on average, but for the largest 5 %: medians are too small where σ itself is wanted, as for power."""
        return np.asarray((self.other_quantiles(_MOST_OF_IT) ** 2).mean(axis=1))

    def own_quantiles(self, chances: Float[np.ndarray, " draws"]) -> Float[np.ndarray, "K draws"]:
        """Quantiles at each chance."""
        return self._quantiles(self.own, chances)

    def other_quantiles(self, chances: Float[np.ndarray, " draws"]) -> Float[np.ndarray, "K draws"]:
        """Quantiles at each chance."""
        return self._quantiles(self.other, chances)

    def _quantiles(
        self, posterior: Float[np.ndarray, "K sigmas"], chances: Float[np.ndarray, " draws"]
    ) -> Float[np.ndarray, "K draws"]:
        if not self.known:
            return np.zeros((len(posterior), len(chances)))
        logs = np.log(self.grid)
        # Each value of the grid stands for a cell around it, over which its probability is spread evenly.
        edges = np.linspace(logs[0], logs[-1], len(logs) + 1) + np.linspace(-0.5, 0.5, len(logs) + 1) * (
            logs[1] - logs[0]
        )
        below = np.concatenate([np.zeros((len(posterior), 1)), posterior.cumsum(axis=1)], axis=1)
        return np.exp([np.interp(chances, row / row[-1], edges) for row in below])


def moderated(
    square: Float[np.ndarray, " K"], degrees: Float[np.ndarray, " K"], flips: Float[np.ndarray, " K"]
) -> Moderated:
    """Posteriors of each σ given s², its degrees of freedom and the flips' part of it. ν = 0 says nothing."""
    several = degrees > 0
    if not several.any():
        nothing = np.ones((len(square), 1))
        return Moderated(grid=np.ones(1), own=nothing, other=nothing, known=False)
    unit = np.sqrt(max(float(np.median(square[several])), float(np.median(flips)), 1e-16))
    grid = unit * _SIGMAS
    variance = grid**2 + flips[:, None]
    fit = -degrees[:, None] / 2 * (np.log(variance) + square[:, None] / variance)
    likelihood = np.exp(fit - fit.max(axis=1, keepdims=True))
    other_prior, own_prior, floors = _priors()
    # Where nothing of a candidate fits a prior, that prior has no weight left and any small number will do.
    evidence = np.maximum(likelihood @ other_prior.T, 1e-200)  # (K, centre x spread x share)
    support = np.log(evidence).sum(axis=0)
    weight = np.exp(support - support.max())
    weight /= weight.sum()
    other = likelihood * ((weight / evidence) @ other_prior)
    by_spread = weight.reshape(-1, len(_SHARES)).sum(axis=1)
    scaled = by_spread / np.maximum(likelihood @ own_prior.T, 1e-200)
    own = np.zeros_like(other)
    for place, floor in enumerate(floors):
        # All spreads of one centre share a floor.
        rows = slice(place * len(_SPREADS), (place + 1) * len(_SPREADS))
        part = likelihood * (scaled[:, rows] @ own_prior[rows])
        own[:, floor:] += part[:, floor:]
        own[:, floor] += part[:, :floor].sum(axis=1)
    return Moderated(grid=grid, own=own, other=other, known=True)


@lru_cache(maxsize=1)
def _priors() -> tuple[
    Float[np.ndarray, "hyper sigmas"], Float[np.ndarray, "centres sigmas"], tuple[int, ...]
]:
    """Prior weights of each σ, other (by centre, spread, share) and own (by centre, spread); where own begins."""
    logs = np.log(_SIGMAS)
    middle = (logs[1:] + logs[:-1]) / 2
    edges = np.concatenate([[-np.inf], middle, [np.inf]])
    own, other, floors = [], [], []
    for centre in np.log(_CENTRES):
        reaches = [
            np.diff(np.clip((np.concatenate([[logs[0]], middle, [logs[-1]]]) - centre) / np.log(reach), 0, 1))
            for reach in (_REACH, _OWN_REACH)
        ]
        flat, own_flat = (part / part.sum() for part in reaches)
        floors.append(int(np.searchsorted(middle, centre)))
        for spread in _SPREADS:
            bell = np.diff(ndtr((edges - centre) / spread))
            other += [(1 - share) * bell + share * flat for share in _SHARES]
            own.append((1 - _OWN_SHARE) * bell + _OWN_SHARE * own_flat)
    return np.array(other), np.array(own), tuple(floors)
