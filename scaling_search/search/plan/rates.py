"""Tuned rates: the recipes that every network of a study with `rate = "tuned"` is tried with, once each."""

from __future__ import annotations

from collections.abc import Iterable

from scaling_search.search.plan.search_space import SearchSpace
from scaling_search.search.plan.seeds import TUNING_SEED
from scaling_search.training.recipe import Recipe

# Of the study's own rate; the second is that itself.
FACTORS = (0.5, 1.0, 2.0)
OWN = FACTORS.index(1.0)


def tried(space: SearchSpace) -> tuple[Recipe, ...]:
    """The study's recipe at each rate; none where it tunes nothing."""
    if not space.study.tuned:
        return ()
    own = space.recipe
    return tuple(
        own if factor == 1 else own.model_copy(update={"learning_rate": factor * own.learning_rate})
        for factor in FACTORS
    )


def numbers(networks: Iterable[str], space: SearchSpace) -> list[tuple[str, int]]:
    """The trials of tuning as forecasts count them: by network, and by a number in place of the seed, one a rate."""
    several = range(TUNING_SEED, TUNING_SEED + len(tried(space)))
    return [(network, number) for network in networks for number in several]
