"""The first stage with fewer epochs: trusted as far as it agrees, and no farther."""

import numpy as np
import pytest

from scaling_search.search.pilot import Agreement, agreement, worth_full_training
from tests.search.scored import at_most


def _scores(values: list[float]) -> dict[str, float]:
    return {f"c{place}": value for place, value in enumerate(values)}


def test_tau_counts_the_pairs_in_the_same_order() -> None:
    from scipy.stats import kendalltau

    short, full = [1.0, 2, 3, 4, 5, 6, 7, 8], [1.0, 2, 3, 5, 4, 6, 8, 7]
    found = agreement(_scores(short), _scores(full))
    assert found.tau == pytest.approx(kendalltau(short, full).statistic)
    assert found.low < found.tau < found.high <= 1
    assert found.pilots == 8


def test_the_interval_of_tau_covers_the_truth() -> None:
    generator, rho = np.random.default_rng(0), 0.8
    truth = 2 / np.pi * np.arcsin(rho)
    missed = 0
    for _ in range(300):
        short = generator.standard_normal(15)
        full = rho * short + np.sqrt(1 - rho**2) * generator.standard_normal(15)
        found = agreement(_scores(short.tolist()), _scores(full.tolist()))
        missed += not found.low <= truth <= found.high
    assert at_most(missed, 300, 0.05), missed


def test_a_ranking_that_may_say_nothing_rules_nobody_out() -> None:
    short = _scores([float(place) for place in range(20)])
    unsure = Agreement(tau=0.3, low=-0.1, high=0.6, pilots=12)
    assert len(worth_full_training(short, unsure)) == 20


def test_the_better_it_agrees_the_more_it_saves() -> None:
    short = _scores([float(place) for place in range(20)])
    kept = [
        worth_full_training(short, Agreement(tau=tau, low=tau, high=tau, pilots=12))
        for tau in (0.5, 0.8, 0.95)
    ]
    assert 20 > len(kept[1]) > len(kept[2]) >= 1
    assert len(kept[0]) >= len(kept[1])
    assert kept[2][0] == "c19"


def test_the_truly_best_is_seldom_left_out() -> None:
    generator, rho, lost, searches = np.random.default_rng(1), 0.9, 0, 300
    tau = 2 / np.pi * np.arcsin(rho)
    agreed = Agreement(tau=tau, low=tau, high=tau, pilots=20)
    for _ in range(searches):
        short = generator.standard_normal(20)
        full = rho * short + np.sqrt(1 - rho**2) * generator.standard_normal(20)
        lost += f"c{int(np.argmax(full))}" not in worth_full_training(_scores(short.tolist()), agreed)
    assert at_most(lost, searches, 0.05), lost


def test_too_few_pilots_are_refused() -> None:
    with pytest.raises(ValueError, match="2 candidates were trained both short and in full: 8 are needed"):
        agreement(_scores([1, 2, 3]), _scores([1, 2]))
