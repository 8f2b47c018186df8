"""From ledger rows to report rows."""

from __future__ import annotations

import dataclasses
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.errors import DamagedError
from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.report import collect, measured
from scaling_search.report.rows import Assessment, Candidate, States
from scaling_search.report.table import Interval
from tests.report import sample


def test_mean_and_sd_are_over_the_complete_seeds() -> None:
    broken = sample.trial("deep", 3, 0.1, state="failed")
    report = collect.grid(sample.STUDY, sample.CANDIDATES, sample.TRIPLES, [*sample.TRIALS, broken])
    deep = next(row for row in report.rows if row.candidate.fingerprint == "deep")
    assert deep.accuracy is not None
    assert deep.accuracy.mean == pytest.approx(statistics.fmean([0.9702, 0.9661, 0.9690]))
    assert deep.accuracy.sd == pytest.approx(statistics.stdev([0.9702, 0.9661, 0.9690]))
    assert deep.accuracy.seeds == 3


def test_candidates_are_ranked_by_mean_and_the_diverged_never() -> None:
    report = sample.grid()
    assert [(row.candidate.fingerprint, row.verdict) for row in report.rows] == [
        ("mixed", "trained"),
        ("deep", "trained"),
        ("sharp", "diverged"),
        ("wide", "running"),
    ]
    best = dataclasses.replace(sample.trial("sharp", 0, 0.9999))
    trials = [best if trial.key == best.key else trial for trial in sample.TRIALS]
    rows = collect.grid(sample.STUDY, sample.CANDIDATES, sample.TRIPLES, trials).rows
    sharp = next(row for row in rows if row.candidate.fingerprint == "sharp")
    assert sharp.verdict == "diverged" and rows.index(sharp) >= 2
    assert sharp.reason == "1 of 3 seeds diverged: loss is NaN in epoch 2"
    judged = collect.with_verdicts(
        collect.grid(sample.STUDY, sample.CANDIDATES, sample.TRIPLES, trials),
        {"sharp": Assessment(verdict="winner")},
    )
    assert next(r for r in judged.rows if r.candidate.fingerprint == "sharp").verdict == "diverged"


def test_triples_of_one_network_are_one_candidate() -> None:
    report = sample.grid()
    mixed = next(row for row in report.rows if row.candidate.fingerprint == "mixed")
    assert mixed.triples == ((1.2, 1.1, 1.15), (1.25, 1.1, 1.15))
    assert len(report.rows) == 4 and len(report.dropped) == 1
    assert report.dropped[0].verdict == "dropped"


def test_order_does_not_depend_on_the_ledgers() -> None:
    turned = collect.grid(sample.STUDY, sample.CANDIDATES[::-1], sample.TRIPLES[::-1], sample.TRIALS[::-1])
    assert [row.candidate.fingerprint for row in turned.rows] == [
        row.candidate.fingerprint for row in sample.grid().rows
    ]


def test_judge_sorts_by_verdict_and_keeps_the_rest() -> None:
    judged = collect.with_verdicts(
        sample.grid(),
        {"deep": Assessment(verdict="winner"), "mixed": Assessment(verdict="eliminated")},
        level=0.9,
        notes=["said"],
    )
    assert [row.verdict for row in judged.rows][:2] == ["winner", "eliminated"]
    assert judged.level == 0.9 and judged.notes == ("said",)
    assert {row.verdict for row in judged.rows[2:]} == {"diverged", "running"}


def test_the_base_has_its_figures_and_the_lists_of_its_network() -> None:
    base = sample.grid().base
    assert base is not None and base.accuracy is not None
    assert (base.verdict, base.accuracy.seeds) == ("base", 3)
    assert (base.candidate.depth, base.candidate.width) == ("1-2-3", "16-24-40")


def test_the_family_rises_and_says_why_a_member_was_not_trained() -> None:
    rows = sample.family().rows
    assert [row.candidate.phi for row in rows] == [0.0, 1.0, 7.0]
    zero, one, seven = rows
    assert zero.test is not None and zero.test.seeds == 2
    assert one.predicted == Interval(value=0.968, low=0.96, high=0.976) and one.prediction_held is True
    assert (seven.status, seven.accuracy, seven.test, seven.prediction_held) == ("not trained",) + (None,) * 3
    assert seven.reason == "needs about 9.1 GiB, 7.6 GiB are free"


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_no_prediction_is_judged_while_a_seed_is_missing(state: str) -> None:
    """It was "no" after one of two seeds, and "yes" later."""

    def held(*more: TrialRow) -> bool | None:
        predictions = {"mixed": Interval(value=0.99, low=0.98, high=0.995)}
        trials = [*(one for one in sample.TRIALS if one.network != "mixed"), *more]
        rows = collect.family(
            sample.STUDY, sample.FAMILY, sample.MEMBERS, trials, [], predictions=predictions
        ).rows
        return next(row for row in rows if row.candidate.fingerprint == "mixed").prediction_held

    first = sample.trial("mixed", 0, 0.97)
    assert held(first, sample.trial("mixed", 1, None, state=state)) is None
    assert held(first, sample.trial("mixed", 1, 0.995)) is True
    assert held(first, sample.trial("mixed", 1, 0.97)) is False


def test_an_unknown_status_is_damage() -> None:
    bad = dataclasses.replace(sample.CANDIDATES[0], status="maybe")
    with pytest.raises(DamagedError, match=r"'maybe'\. Legal: kept, adjusted, dropped"):
        collect.grid(sample.STUDY, [bad], [], [])


@pytest.mark.parametrize(
    ("states", "verdict"),
    [
        ([], "waiting"),
        (["complete", "complete"], "trained"),
        (["complete", "waiting"], "waiting"),
        (["complete", "running", "waiting"], "running"),
        (["complete", "failed"], "failed"),
        (["complete", "diverged", "running"], "diverged"),
    ],
)
def test_states_decide_how_a_candidate_is_shown(states: list[str], verdict: str) -> None:
    trials = [
        sample.trial("deep", seed, 0.5 if state == "complete" else None, state=state)
        for seed, state in enumerate(states)
    ]
    (row,) = collect.grid(sample.STUDY, sample.CANDIDATES[:1], [], trials).rows
    assert row.verdict == verdict
    assert row.states.total == len(states)


def test_nothing_measured_is_none() -> None:
    assert measured.estimate([]) is None
    assert measured.estimate([None, math.nan]) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_the_deviation_is_the_exact_one(numbers: list[float]) -> None:
    found = measured.estimate(numbers)
    assert found is not None and found.sd == pytest.approx(statistics.stdev(numbers), rel=1e-9, abs=1e-15)


@given(st.floats(0, 1), st.integers(2, 9))
def test_equal_accuracies_deviate_by_nothing(accuracy: float, seeds: int) -> None:
    found = measured.estimate([accuracy] * seeds)
    assert found is not None and found.sd == 0.0
    assert measured.count([]) == States()


@pytest.mark.parametrize("phi", [1e9, -1e9, math.inf, math.nan, None])
def test_a_ratio_that_cannot_be_is_not_shown(phi: float | None) -> None:
    ratio = Candidate(phi=phi, macs_ratio=2.0).macs_to_target
    assert ratio is None or not ratio > 0
