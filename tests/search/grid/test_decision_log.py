"""Decisions read from the ledger are those that would be taken anew, or are not used at all."""

import dataclasses

import numpy as np
import pytest

from scaling_search.ledger.storage.rows import DecisionRow, LookRow
from scaling_search.racing import race
from scaling_search.racing.race import Decision
from scaling_search.racing.simulated_trainer import hill
from scaling_search.search.grid import decision_log
from scaling_search.search.grid.decision_log import Log
from scaling_search.statistics.scores import Scores
from tests.statistics.scored import scored, stacked

SEEDS = 4
BY = "recipe and data"


def taken(table: Scores, log: Log | None = None, *, seeds: int = SEEDS) -> list[Decision]:
    """Without p-values: they decide nothing, and are not kept."""
    found = decision_log.decisions(table, log or Log(), seeds=seeds, level=0.95, trained_by=BY)
    return [
        dataclasses.replace(one, verdicts=tuple(dataclasses.replace(each, p=0.0) for each in one.verdicts))
        for one in found
    ]


def kept(table: Scores, *, seeds: int = SEEDS) -> Log:
    bases = decision_log.bases(table, seeds=seeds, level=0.95, trained_by=BY)
    rows = [
        row
        for decision, basis in zip(taken(table, seeds=seeds), bases, strict=False)
        for row in decision_log.rows(decision, study="s", basis=basis, now="2026-01-01T00:00:00+00:00")
    ]
    return Log(
        looks=tuple(row for row in rows if isinstance(row, LookRow)),
        decisions=tuple(row for row in rows if isinstance(row, DecisionRow)),
    )


@pytest.fixture
def table() -> Scores:
    return scored(hill(8), seeds=SEEDS)


@pytest.fixture
def untaken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rounds that were decided anew."""
    rounds: list[int] = []
    decide = race.decide

    def noted(scores: Scores, earlier: list[Decision], **more: object) -> Decision:
        rounds.append(len(earlier) + 1)
        return decide(scores, earlier, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(race, "decide", noted)
    return rounds


def test_the_log_says_what_was_decided_and_nothing_is_decided_twice(
    table: Scores, untaken: list[int]
) -> None:
    anew, log = taken(table), kept(table)
    assert len(anew) > 1
    assert any(decision.drop for decision in anew)
    untaken.clear()
    assert taken(table, log) == anew
    assert untaken == []


def test_a_look_has_the_version_of_the_rule_and_what_it_left(table: Scores) -> None:
    for decision, look in zip(taken(table), kept(table).looks, strict=True):
        assert (look.rule, look.error, look.sources) == (decision_log.RULE, decision.error, decision.sources)
        assert (look.candidates, look.remaining) == (
            len(decision.keep) + len(decision.drop),
            len(decision.keep),
        )


def test_another_rule_is_another_basis(table: Scores, monkeypatch: pytest.MonkeyPatch) -> None:
    log, rounds = kept(table), taken(table)
    monkeypatch.setattr(decision_log, "RULE", decision_log.RULE + 1)
    bases = list(decision_log.bases(table, seeds=SEEDS, level=0.95, trained_by=BY))
    assert not {look.basis for look in log.looks} & set(bases)
    assert taken(table, log) == rounds


def test_the_log_of_a_race_that_is_half_done_is_continued(table: Scores, untaken: list[int]) -> None:
    anew, log = taken(table), kept(table)
    half = Log(
        looks=tuple(row for row in log.looks if row.round < 2),
        decisions=tuple(row for row in log.decisions if row.round < 2),
    )
    untaken.clear()
    assert taken(table, half) == anew
    assert untaken == [decision.round for decision in anew[1:]]


def test_decisions_about_candidates_that_are_no_more_are_passed_over(
    table: Scores, untaken: list[int]
) -> None:
    anew, log = taken(table), kept(table)
    others = [dataclasses.replace(row, candidate=f"other {row.candidate}") for row in log.decisions]
    untaken.clear()
    assert taken(table, Log(looks=log.looks, decisions=(*others, *log.decisions))) == anew
    assert untaken == []


@pytest.mark.parametrize(
    "change", ["seeds", "a trial less", "a candidate less", "a row less", "no look", "other data"]
)
def test_a_log_that_rests_on_something_else_is_not_used(
    table: Scores, untaken: list[int], change: str
) -> None:
    log, seeds = kept(table), SEEDS
    looks, decisions = log.looks, log.decisions
    if change == "seeds":
        seeds = SEEDS - 1
    elif change == "a trial less":
        present = np.ones((8, SEEDS), dtype=bool)
        present[7, 0] = False
        table = stacked(table.correct, present)
    elif change == "a candidate less":
        table = table.only(table.names[1:])
    elif change == "a row less":
        decisions = tuple(row for row in decisions if row.candidate != table.names[0])
    elif change == "no look":
        looks = ()
    else:
        looks = tuple(dataclasses.replace(row, basis="f" * 64) for row in looks)
    untaken.clear()
    assert taken(table, Log(looks=looks, decisions=decisions), seeds=seeds) == taken(table, seeds=seeds)
    # With a trial of the first round missing there is no round to decide.
    assert untaken[:1] == ([] if change == "a trial less" else [1])


def test_without_p_values_the_same_candidates_stay(table: Scores) -> None:
    bare = decision_log.decisions(table, Log(), seeds=SEEDS, level=0.95, trained_by=BY, with_p_values=False)
    assert [(one.keep, one.drop) for one in bare] == [(one.keep, one.drop) for one in taken(table)]


def test_a_grid_that_has_every_seed_without_a_look_was_not_raced(table: Scores) -> None:
    log = kept(table)
    full = dataclasses.replace(table, present=np.ones_like(table.present))
    assert decision_log.nobody_stopped(full, Log(), seeds=SEEDS)
    assert not decision_log.nobody_stopped(full, Log(), seeds=SEEDS + 1), (
        "not done yet: the next round may stop somebody"
    )
    assert not decision_log.nobody_stopped(full, Log(looks=log.looks[:1]), seeds=SEEDS)
    missing = full.present.copy()
    missing[-1, -1] = False
    assert not decision_log.nobody_stopped(dataclasses.replace(full, present=missing), Log(), seeds=SEEDS)
