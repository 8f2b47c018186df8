"""From scores to intervals, a confidence set and a decision. NumPy and SciPy alone.

>>> import numpy as np
>>> from scaling_search import statistics
>>> found = statistics.behind_the_best(np.random.default_rng(0).random((4, 3, 500)) < 0.9)
>>> found.low.shape, found.nothing_decided
((4,), None)
"""

from __future__ import annotations

from scaling_search.statistics.decision import Decision, decide
from scaling_search.statistics.images import ImageSample, chance_level, image_sample
from scaling_search.statistics.intervals import Estimate, Winner, accuracies, winner
from scaling_search.statistics.multiple_comparisons import BehindTheBest, behind_the_best, compare
from scaling_search.statistics.scores import Scores, gather

# Recorded decisions carry it: what another rule decided is decided again.
RULE_VERSION = 3

__all__ = [
    "RULE_VERSION",
    "BehindTheBest",
    "Decision",
    "Estimate",
    "ImageSample",
    "Scores",
    "Winner",
    "accuracies",
    "behind_the_best",
    "chance_level",
    "compare",
    "decide",
    "gather",
    "image_sample",
    "winner",
]
