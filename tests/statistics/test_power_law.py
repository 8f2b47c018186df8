"""Predictions of larger networks: they hold as often as they say, and widen where little is known."""

import numpy as np
import pytest

from scaling_search.statistics.power_law import Point, flat, predict
from tests.statistics.scored import at_least

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
