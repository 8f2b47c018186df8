"""Predictions of larger networks: they hold as often as they say, and widen where little is known."""

import dataclasses

import numpy as np
import pytest

from scaling_search.statistics.power_law import Point, flat, law, points_of, predict
from tests.statistics.scored import at_least, stacked

SD, SEEDS = 0.002, 3


def _family(generator: np.random.Generator, *, floor: float, slope: float, members: int) -> list[Point]:
    sizes = 2.0 ** np.arange(members) * 1e7
    accuracy = 1 - floor - 0.15 * (sizes / 1e7) ** -slope
    measured = accuracy + generator.standard_normal(members) * SD / SEEDS**0.5
    errors = SD / SEEDS**0.5 * np.sqrt(generator.chisquare(SEEDS - 1, members) / (SEEDS - 1))
    return [
        Point(macs=float(size), accuracy=float(mean), error=float(max(error, 1e-6)))
        for size, mean, error in zip(sizes, measured, errors, strict=True)
    ]


@pytest.mark.parametrize(("floor", "slope"), [(0.05, 0.3), (0.08, 0.5)])
def test_predictions_hold(floor: float, slope: float) -> None:
    generator, searches, held = np.random.default_rng(0), 40, 0
    for _ in range(searches):
        family = _family(generator, floor=floor, slope=slope, members=5)
        (found,) = predict(family[:3], [family[4].macs])
        held += found.holds(family[4].accuracy)
    assert at_least(held, searches, 0.95), held


def test_a_prediction_can_fail() -> None:
    family = _family(np.random.default_rng(1), floor=0.0, slope=0.4, members=4)
    (found,) = predict(family, [8 * family[-1].macs])
    assert not found.holds(family[-1].accuracy - 0.02)


def test_farther_and_from_fewer_members_is_less_sure() -> None:
    family = _family(np.random.default_rng(2), floor=0.05, slope=0.4, members=5)
    near, far = predict(family, [2 * family[-1].macs, 16 * family[-1].macs])
    assert far.high - far.low > near.high - near.low
    (from_two,) = predict(family[:2], [family[-1].macs * 2])
    assert from_two.high - from_two.low > near.high - near.low


def test_the_climb_goes_on_while_it_gains_and_stops_when_it_does_not() -> None:
    steep = _family(np.random.default_rng(3), floor=0.0, slope=0.5, members=4)
    level = [Point(macs=2.0**k, accuracy=0.9 + 0.0001 * k, error=0.002) for k in range(4)]
    assert not flat(steep, 2 * steep[-1].macs).flat
    stopped = flat(level, 16.0)
    assert stopped.flat and stopped.gain < stopped.noise
    assert "its seeds can show 0.55" in stopped.reason


def test_what_cannot_be_predicted_is_refused() -> None:
    point = Point(macs=1.0, accuracy=0.9, error=0.01)
    with pytest.raises(ValueError, match="two sizes"):
        predict([point], [2.0])
    with pytest.raises(ValueError, match="standard error"):
        predict([Point(macs=size, accuracy=0.9, error=0.0) for size in (1.0, 2.0)], [4.0])
    with pytest.raises(ValueError, match="below 100 %"):
        predict([Point(macs=m, accuracy=1.0, error=0.01) for m in (1.0, 2.0)], [4.0])


def test_a_family_that_flattens_is_covered_and_by_the_law_alone_it_is_not() -> None:
    generator, searches = np.random.default_rng(0), 60
    held = alone = 0
    for _ in range(searches):
        family = _family(generator, floor=0.05, slope=0.5, members=3)
        family = [dataclasses.replace(point, seeds=SEEDS) for point in family]
        level = 1 - 0.05 - 0.15 * 4**-0.5
        got = level + generator.standard_normal() * SD / SEEDS**0.5
        (found,) = predict(family, [8e7])
        _, low, high = law(family, 8e7)
        held += found.holds(float(got))
        alone += low <= got <= high
    assert at_least(held, searches, 0.93), held
    assert not at_least(alone, searches, 0.93), alone


def test_more_seeds_know_their_scatter_better() -> None:
    few, many = (
        [Point(macs=2.0**k, accuracy=0.8 + 0.03 * k, error=0.002, seeds=seeds) for k in range(3)]
        for seeds in (2, 20)
    )
    widths = [found.high - found.low for points in (few, many) for found in predict(points, [8.0])]
    assert widths[0] > 1.1 * widths[1]


def test_beyond_the_next_member_it_is_a_scenario() -> None:
    family = [Point(macs=2.0**k, accuracy=0.8 + 0.03 * k, error=0.002) for k in range(3)]
    assert [found.scenario for found in predict(family, [8.0, 16.0])] == [False, True]


def test_members_have_moderated_errors() -> None:
    """Three seeds of a member that agree by chance do not make its mean exact."""
    generator = np.random.default_rng(0)
    level = np.array([[0.80, 0.80, 0.80], [0.84, 0.85, 0.83], [0.87, 0.88, 0.86], [0.89, 0.90, 0.88]])
    scores = stacked(generator.random((4, 3, 40_000)) < level[:, :, None])
    points = points_of(scores, {f"c{row}": 2.0**row for row in range(4)})
    raw = scores.seed_means.std(axis=1, ddof=1) / 3**0.5
    assert points[0].error > 1.5 * raw[0]
    assert [point.seeds for point in points] == [3] * 4 and points[2].macs == 4
    (one,) = points_of(stacked(generator.random((1, 1, 400)) < 0.8), {"c0": 1.0})
    assert one.error == pytest.approx(0.02, rel=0.1)
