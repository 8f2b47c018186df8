"""Candidates whose seeds disagree far more than the others', each with a reason from recorded figures, or none."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.answer import named
from scaling_search.statistics.collapse import collapsed
from scaling_search.training import recipe as recipes

# How many times the others' standard deviation; of a gradient's norm; and what more of its units may be dead.
_FAR = 3.0
_STEEP = 3.0
_DEAD = 0.05
# Batch statistics of fewer images are noise that each seed draws anew.
_FEW_IMAGES = 16


def sentences(found: GridAnalysis, trials: Sequence[TrialRow]) -> list[str]:
    """Those with more than three times the others' standard deviation over seeds (root of the mean square), in words.

    Only candidates with two seeds or more count, and three of them are needed.
    """
    scores = found.scores
    if scores is None:
        return []
    own = {
        name: float(np.std(scores.seed_means[at][scores.present[at]], ddof=1))
        for at, name in enumerate(scores.names)
        if scores.counts[at] > 1
    }
    if len(own) < 3:
        return []
    flagged = collapsed(scores)
    by_group = {
        candidate.group: [
            row
            for row in trials
            if row.state == "complete" and row.network in {one.network for one in candidate.rows}
        ]
        for candidate in found.candidates
    }
    said = []
    for name, sd in own.items():
        others = math.sqrt(statistics.fmean(value**2 for other, value in own.items() if other != name))
        if sd <= _FAR * others:
            continue
        gone = int(flagged[scores.names.index(name)].sum())
        reason = f"{gone} of its seeds collapsed" if gone else _reason(name, by_group)
        said.append(
            f"Seeds of {named(found.candidate(name).triple)} disagree: their standard deviation is {100 * sd:.1f} "
            f"points, the others' {100 * others:.1f}; {reason}."
        )
    return said


def _reason(name: str, by_group: Mapping[str, Sequence[TrialRow]]) -> str:
    """What is recorded of its trials that the others do not have."""
    rest = [row for other, rows in by_group.items() if other != name for row in rows]
    worst = min(by_group[name], key=lambda row: row.accuracy or 0.0)
    usual = [row.gradient_norm for row in rest if row.gradient_norm is not None]
    norm = worst.gradient_norm
    if norm is not None and usual and norm > _STEEP * statistics.median(usual):
        return (
            f"the gradient of its worst seed ({worst.seed}) ends with a norm of {norm:.3g}, the others' with "
            f"{statistics.median(usual):.3g}: a lower rate may help"
        )
    usual = [row.dead_share for row in rest if row.dead_share is not None]
    dead = worst.dead_share
    if dead is not None and usual and dead > statistics.median(usual) + _DEAD:
        return (
            f"{dead:.0%} of the units of its worst seed ({worst.seed}) are dead, {statistics.median(usual):.0%} of the "
            "others'"
        )
    batch = recipes.parse(worst.recipe).batch_size
    if batch < _FEW_IMAGES and worst.batch_stats:
        return f"its batches of {batch} images leave normalisation statistics to chance"
    return "neither gradients, dead units, batches nor collapse show why"
