"""Predictions along the family: said before a member is trained, from the members before it, and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.ledger.storage.schema import PREDICTIONS
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.family.members import Family, family
from scaling_search.search.family.predictions import next_step, points, predictions, record_prediction, usable
from scaling_search.search.family.scale import scale
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import override
from scaling_search.search.trial.trial import Trial
from scaling_search.statistics import RULE_VERSION
from scaling_search.statistics.power_law import Point
from tests.search.pretend import pretended, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def built() -> Family:
    triple = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
    return family(search_space(study()), triple, kind="proxy", match="nominal", phis=(0, 1, 2, 3))


def trial(network: str, seed: int, accuracy: float | None) -> TrialRow:
    waiting = TrialRow.waiting(
        network=network, network_name="n", recipe="r", dataset="d", dataset_name="d", seed=seed
    )
    if accuracy is None:
        return waiting
    bits = np.packbits(np.arange(400) < round(400 * accuracy)).tobytes()
    return replace(waiting, state="complete", accuracy=accuracy, correct=bits, correct_count=400)


def test_points_are_means_of_members_that_have_been_trained(built: Family) -> None:
    zero, one, two, _ = built.members
    reached = {zero.fingerprint: (0.5, 0.6, 0.7), one.fingerprint: (0.78, 0.80, 0.82)}
    rows = [trial(network, seed, value) for network, by in reached.items() for seed, value in enumerate(by)]
    first, second = points(built.members, [*rows, trial(two.fingerprint, 0, None)])
    assert (first.macs, first.accuracy, first.seeds) == (zero.cost.macs, pytest.approx(0.6), 3)
    assert (second.macs, second.accuracy, second.seeds) == (one.cost.macs, pytest.approx(0.8), 3)
    assert first.error == pytest.approx(0.1 / 3**0.5, rel=0.2)
    assert points(built.members, [trial(two.fingerprint, 0, None)]) == []


def test_with_one_seed_the_error_is_that_of_images(built: Family) -> None:
    rows = [
        trial(member.fingerprint, 0, value) for member, value in zip(built.members, (0.5, 0.8), strict=False)
    ]
    for point in points(built.members, rows):
        assert point.error == pytest.approx((point.accuracy * (1 - point.accuracy) / 400) ** 0.5, rel=0.01)


def test_seeds_that_agree_by_chance_do_not_make_a_member_exact(built: Family) -> None:
    seeds = {0: (0.6, 0.6, 0.6), 1: (0.6, 0.7, 0.8), 2: (0.7, 0.8, 0.75)}
    rows = [
        trial(built.members[at].fingerprint, seed, accuracy)
        for at, found in seeds.items()
        for seed, accuracy in enumerate(found)
    ]
    assert points(built.members, rows)[0].error > 0.01


def test_a_curve_needs_two_sizes_and_some_noise() -> None:
    small, large = (Point(macs=macs, accuracy=0.5, error=0.01) for macs in (1.0, 2.0))
    assert usable([small, large]) and not usable([small]) and not usable([small, small])
    assert not usable([replace(small, error=0.0), replace(large, error=0.0)])


def test_what_was_said_first_stays(ledger: Ledger, built: Family) -> None:
    zero, one, two, _ = built.members
    known = [
        Point(macs=float(member.cost.macs), accuracy=accuracy, error=0.01)
        for member, accuracy in ((zero, 0.5), (one, 0.7))
    ]
    record_prediction(ledger, "s", built.role, two, known[:1])
    assert predictions(ledger, "s", built.role) == {}, "nothing can be said from one size"
    assert next_step(known[:1], two) is None
    record_prediction(ledger, "s", built.role, two, known)
    said = predictions(ledger, "s", built.role)
    (interval,) = said.values()
    assert list(said) == [two.fingerprint]
    assert interval.value is not None and interval.low <= interval.value <= interval.high
    record_prediction(ledger, "s", built.role, two, [replace(point, accuracy=0.1) for point in known])
    assert predictions(ledger, "s", built.role) == said
    assert predictions(ledger, "s", "another family") == {}
    (row,) = ledger.rows(PREDICTIONS)
    assert (row.members, row.rule) == (2, RULE_VERSION)


def test_every_member_beyond_the_second_is_predicted_before_it_is_trained(ledger: Ledger) -> None:
    settings = override(study(), {"scale.phi": "0..3", "scale.seeds": 2})
    seen: dict[float, int] = {}

    def learns(trial: Trial) -> float:
        assert trial.phi is not None
        seen.setdefault(trial.phi, len(ledger.rows(PREDICTIONS)))
        return 0.5 + 0.1 * trial.phi

    with pretended(learns):
        result = scale(settings, (1.2, 1.1, 1.15), match="nominal", ledger=ledger)
    assert seen == {0: 0, 1: 0, 2: 1, 3: 2}
    assert result.report is not None
    assert [row.predicted is not None for row in result.report.rows] == [False, False, True, True]
