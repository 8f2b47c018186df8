"""Interactions whose truth is known: how wide their intervals are, and what they are named."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scaling_search.statistics import ImageSample, gather
from scaling_search.statistics.interactions import Cells, Interactions, interactions, settling
from scaling_search.statistics.scores import Scores
from tests.statistics.scored import at_least

IMAGES, SEEDS = 4000, 4
CELLS = [(network, setting) for network in "ABC" for setting in "xyz"]
# A and B, A and C, B and C; from x to y and from x to z.
CONTRASTS: list[Cells] = [
    (one + new, other + new, one + "x", other + "x")
    for new in "yz"
    for one, other in (("A", "B"), ("A", "C"), ("B", "C"))
]


def planted(size: float, search: int, *, images: int = IMAGES, seeds: int = SEEDS) -> Scores:
    """Nine cells of which Az alone is off by `size`, so that two of six interactions are.

    An image asks for more or less of a network, of each in its own way; seeds scatter by two tenths of a point.
    """
    random = np.random.default_rng([search, 7])
    network = dict(zip("ABC", random.normal(0.85, 0.02, 3), strict=True))
    setting = dict(zip("xyz", random.normal(0, 0.01, 3), strict=True))
    asked = random.random(images)
    own = {name: random.normal(0, 0.01, images) for name in "ABC"}
    trials = {}
    for name, at in CELLS:
        level = network[name] + setting[at] + size * ((name, at) == ("A", "z"))
        trials[name + at] = {
            seed: asked + own[name] + random.normal(0, 0.01, images) < level + random.normal(0, 0.002)
            for seed in range(seeds)
        }
    return gather(trials)


def found(size: float, search: int, **more: int) -> Interactions:
    return interactions(planted(size, search, **more), CONTRASTS)


DELTA = 0.02


@pytest.mark.parametrize("size", [0.0, 0.02])
def test_all_intervals_hold_at_once(size: float) -> None:
    """Seeds, images and their flips drawn anew each time: the truth lies in all six at least 95 times of 100."""
    truth = size * np.array([0, 0, 0, 1, 1, 0])
    held = 0
    for search in range(100):
        one = found(size, search, images=800, seeds=3)
        held += bool(((one.low <= truth) & (truth <= one.high)).all())
    assert at_least(held, 100, 0.95)


def test_what_one_network_and_one_setting_do_is_no_interaction() -> None:
    """The estimate is the difference of differences of means, and turning a pair round turns its sign."""
    scores = planted(0.03, 1)
    mean = dict(zip(scores.names, scores.means, strict=True))
    one = interactions(scores, CONTRASTS)
    for place, (a, b, c, d) in enumerate(CONTRASTS):
        assert one.estimate[place] == pytest.approx((mean[a] - mean[b]) - (mean[c] - mean[d]))
    turned = interactions(scores, [(b, a, d, c) for a, b, c, d in CONTRASTS])
    np.testing.assert_allclose(turned.estimate, -one.estimate, atol=1e-12)
    np.testing.assert_allclose(turned.low, -one.high, rtol=0.05, atol=1e-4)
    assert one.largest == pytest.approx(max(np.abs(one.low).max(), np.abs(one.high).max()))


def test_more_interactions_at_once_are_wider() -> None:
    scores = planted(0.0, 2)
    assert interactions(scores, CONTRASTS[:1]).critical < interactions(scores, CONTRASTS).critical


def test_two_seeds_decide_nothing_and_one_more_is_asked_for() -> None:
    one = found(0.05, 3, seeds=2)
    assert one.nothing_decided is not None
    assert set(one.verdicts(DELTA)) == {"undecided"}
    wanted = settling(one, DELTA)
    assert wanted is not None and wanted.seeds >= 3


def test_what_is_decided_needs_nothing() -> None:
    one = found(0.0, 4)
    assert set(one.verdicts(DELTA)) == {"fair"}
    assert settling(one, DELTA) is None


def test_the_images_that_would_settle_do() -> None:
    few = found(0.0, 5, images=400)
    assert "undecided" in few.verdicts(DELTA)
    wanted = settling(few, DELTA)
    assert wanted is not None
    assert wanted.seeds is not None or wanted.images is not None
    enough = [
        "undecided"
        not in found(0.0, search, images=wanted.images or 400, seeds=wanted.seeds or SEEDS).verdicts(DELTA)
        for search in range(10)
    ]
    assert sum(enough) >= 6, wanted


def test_a_few_groups_of_images_decide_nothing() -> None:
    scores = planted(0.05, 6)
    grouped = gather(
        {
            name: {seed: scores.correct[row, at] for at, seed in enumerate(scores.seeds)}
            for row, name in enumerate(scores.names)
        },
        ImageSample(groups=np.arange(IMAGES) % 3),
    )
    one = interactions(grouped, CONTRASTS)
    assert math.isinf(one.critical)
    assert set(one.verdicts(DELTA)) == {"undecided"}
