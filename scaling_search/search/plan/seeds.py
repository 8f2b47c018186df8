"""Whose a seed is: the race's from 0 on, a family's, or tuning's. No figure of one is taken for another's."""

from __future__ import annotations

# Seeds from here on belong to `scale`: its figures must not be those that chose the winner.
FRESH_SEEDS = 1_000_000
# The one seed of tuning: no race has it, and no member of a family.
TUNING_SEED = 2_000_000


def is_fresh(seed: int) -> bool:
    """Whether a seed is one of a family's: neither of a race nor that of tuning."""
    return FRESH_SEEDS <= seed < TUNING_SEED


def number(seed: int) -> int:
    """A seed as people count it, from 0 on in each of the three.

    >>> number(1), number(FRESH_SEEDS + 1)
    (1, 1)
    """
    return seed % FRESH_SEEDS
