"""The screening with fewer epochs: trusted as far as it agrees, and no farther."""

from collections.abc import Sequence

import numpy as np
import pytest

from scaling_search.racing.screening import Agreement, Screening, agreement, screen, worth_full_training
from tests.statistics.scored import at_most


def _scores(values: list[float]) -> dict[str, float]:
    return {f"c{place}": value for place, value in enumerate(values)}


def test_tau_counts_the_pairs_in_the_same_order() -> None:
    from scipy.stats import kendalltau

    short, full = [1.0, 2, 3, 4, 5, 6, 7, 8], [1.0, 2, 3, 5, 4, 6, 8, 7]
    found = agreement(_scores(short), _scores(full))
    assert found.tau == pytest.approx(kendalltau(short, full).statistic)
    assert found.low < found.tau < found.high <= 1
    assert found.calibration_set == 8


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


def _both(count: int, rho: float, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Short and full scores of so many candidates, with correlation ρ."""
    generator = np.random.default_rng(seed)
    short = generator.standard_normal(count)
    full = rho * short + np.sqrt(1 - rho**2) * generator.standard_normal(count)
    return _scores(short.tolist()), _scores(full.tolist())


def test_a_ranking_that_may_say_nothing_rules_nobody_out() -> None:
    short, full = _both(20, 1.0, 0)
    unsure = Agreement(tau=0.3, low=-0.1, high=0.6, calibration_set=20)
    assert len(worth_full_training(short, full, unsure)) == 20
    same = dict.fromkeys(short, 0.5)
    assert (
        len(worth_full_training(same, full, Agreement(tau=0.9, low=0.5, high=1.0, calibration_set=20))) == 20
    )


def _stage(
    short: dict[str, float], full: dict[str, float], broken: tuple[str, ...] = ()
) -> tuple[Screening, list[str]]:
    """The stage, and who was trained in full, in order; broken ones do not finish."""
    asked: list[str] = []

    def train(names: Sequence[str]) -> dict[str, float]:
        asked.extend(names)
        return {name: full[name] for name in names if name not in broken}

    return screen(short, train), asked


def test_the_better_it_agrees_the_more_it_saves() -> None:
    left = [
        np.mean([len(_stage(*_both(60, rho, seed))[0].screened_out) for seed in range(10)])
        for rho in (0.0, 0.8, 0.98)
    ]
    assert left[0] < 0.5 < left[1] < left[2]
    assert left[2] > 15


@pytest.mark.parametrize("rho", [0.3, 0.9])
def test_the_truly_best_is_seldom_screened_out(rho: float) -> None:
    searches, lost = 200, 0
    for seed in range(searches):
        short, full = _both(30, rho, seed)
        lost += max(full, key=lambda name: full[name]) in _stage(short, full)[0].screened_out
    assert at_most(lost, searches, 0.01), lost


def test_pilots_are_spread_over_the_ranks_and_nobody_trained_in_full_is_screened_out() -> None:
    short, full = _both(60, 0.98, 3)
    stage, asked = _stage(short, full)
    ranked = sorted(short, key=lambda name: -short[name])
    places = sorted(ranked.index(name) for name in asked)
    assert len(asked) == 20 and list(stage.calibration_set) == asked
    assert places[0] == 0 and places[-1] >= 55 and max(np.diff(places)) <= 5
    assert stage.screened_out and not set(stage.screened_out) & set(asked)
    # The same results decide the same.
    assert _stage(short, full)[0] == stage


def test_a_pilot_that_breaks_is_replaced_and_too_few_leave_nobody_out() -> None:
    short, full = _both(20, 0.99, 4)
    ranked = sorted(short, key=lambda name: -short[name])
    stage, asked = _stage(short, full, broken=(ranked[0],))
    assert (len(asked), stage.agreement and stage.agreement.calibration_set) == (13, 12)
    stage, asked = _stage(short, full, broken=tuple(ranked[:14]))
    assert (len(asked), stage.agreement, stage.screened_out) == (20, None, ())


def test_so_few_candidates_are_all_trained_in_full() -> None:
    short, full = _both(12, 0.99, 5)
    stage, asked = _stage(short, full)
    assert (asked, stage.calibration_set, stage.screened_out) == ([], (), ())


def test_too_few_pilots_are_refused() -> None:
    with pytest.raises(ValueError, match="2 candidates were trained both short and in full: 8 are needed"):
        agreement(_scores([1, 2, 3]), _scores([1, 2]))
