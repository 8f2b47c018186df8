"""Right/wrong bits with known truth, for the tests of the statistics."""

from __future__ import annotations

import numpy as np

from scaling_search.racing.simulated_trainer import SimulatedTrainer, Surface, one_best
from scaling_search.statistics.scores import Scores


def scored(surface: Surface | None = None, *, seeds: int = 3, search: int = 0, images: int = 500) -> Scores:
    """All candidates of a simulated surface with all seeds; `all equal` unless given."""
    surface = surface or one_best(0)
    trainer = SimulatedTrainer(surface=surface, search=search, images=images)
    bits = [[trainer(name, seed) for seed in range(seeds)] for name in surface.candidates]
    return stacked(np.array(bits, dtype=bool))


def stacked(correct: np.ndarray, present: np.ndarray | None = None) -> Scores:
    """Scores named c0, c1, … from bits (K, S, n); nothing missing unless said."""
    candidates, seeds, _ = correct.shape
    if present is not None:
        correct = correct & present[:, :, None]
    return Scores(
        names=tuple(f"c{row}" for row in range(candidates)),
        seeds=tuple(range(seeds)),
        correct=correct,
        present=np.ones((candidates, seeds), dtype=bool) if present is None else present,
    )


def with_holes() -> Scores:
    """Scores of a race: everybody had the first seed, each later one fewer candidates; one never met the leader."""
    present = np.arange(4)[None, :] < np.array([4, 4, 3, 2, 1, 1])[:, None]
    present[5] = [False, False, False, True]
    present[0, 3] = False
    return stacked(np.random.default_rng(5).random((6, 4, 300)) < 0.8, present)


def at_most(successes: int, trials: int, rate: float) -> bool:
    """Whether a true rate of `rate` or less could give this many successes: not below 1 chance in 1,000."""
    from scipy.special import bdtrc

    return successes == 0 or float(bdtrc(successes - 1, trials, rate)) > 1e-3


def at_least(successes: int, trials: int, rate: float) -> bool:
    """Whether a true rate of `rate` or more could give this few successes: not below 1 chance in 1,000."""
    return at_most(trials - successes, trials, 1 - rate)
