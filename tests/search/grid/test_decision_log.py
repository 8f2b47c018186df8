"""Decisions read from the ledger are those that would be taken anew, or are not used at all."""

import dataclasses

import numpy as np
import pytest

from scaling_search.ledger.storage.rows import DecisionRow
from scaling_search.racing import race
from scaling_search.racing.race import Decision
from scaling_search.racing.simulated_trainer import hill
from scaling_search.search.grid import decision_log
from scaling_search.search.trial.ledger_rows import SCREENING
from scaling_search.statistics.scores import Scores
from tests.statistics.scored import scored, stacked

SEEDS = 4
BY = "recipe and data"


def taken(table: Scores, written: list[DecisionRow] | None = None, *, seeds: int = SEEDS) -> list[Decision]:
    return decision_log.decisions(table, written or [], seeds=seeds, level=0.95, trained_by=BY)


def kept(table: Scores, *, seeds: int = SEEDS) -> list[DecisionRow]:
    bases = decision_log.bases(table, seeds=seeds, level=0.95, trained_by=BY)
    return [
        row
        for decision, basis in zip(taken(table, seeds=seeds), bases, strict=False)
        for row in decision_log.rows(decision, study="s", basis=basis, now="2026-01-01T00:00:00+00:00")
    ]


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


def test_minutes_say_what_was_decided_and_nothing_is_decided_twice(table: Scores, untaken: list[int]) -> None:
    anew, written = taken(table), kept(table)
    assert len(anew) > 1
    assert any(decision.drop for decision in anew)
    untaken.clear()
    assert taken(table, written) == anew
    assert untaken == []


def test_minutes_of_a_race_that_is_half_done_are_continued(table: Scores, untaken: list[int]) -> None:
    anew = taken(table)
    written = [row for row in kept(table) if row.round < 2]
    untaken.clear()
    assert taken(table, written) == anew
    assert untaken == [decision.round for decision in anew[1:]]


def test_rows_of_another_search_by_this_name_are_passed_over(table: Scores, untaken: list[int]) -> None:
    anew, written = taken(table), kept(table)
    others = [dataclasses.replace(row, network=f"other {row.network}", detail=None) for row in written]
    untaken.clear()
    assert taken(table, [*others, *written]) == anew
    assert untaken == []


@pytest.mark.parametrize("change", ["seeds", "a trial less", "a candidate less", "a row less", "by others"])
def test_minutes_that_rest_on_something_else_are_not_used(
    table: Scores, untaken: list[int], change: str
) -> None:
    written, seeds = kept(table), SEEDS
    if change == "seeds":
        seeds = SEEDS - 1
    elif change == "a trial less":
        present = np.ones((8, SEEDS), dtype=bool)
        present[7, 0] = False
        table = stacked(table.correct, present)
    elif change == "a candidate less":
        table = table.only(table.names[1:])
    elif change == "a row less":
        written = [row for row in written if row.network != table.names[0]]
    else:
        written = [dataclasses.replace(row, detail=None) for row in written]
    untaken.clear()
    assert taken(table, written, seeds=seeds) == taken(table, seeds=seeds)
    # With a trial of the first round missing there is no round to decide.
    assert untaken[:1] == ([] if change == "a trial less" else [1])


def test_without_figures_the_same_candidates_stay(table: Scores) -> None:
    bare = decision_log.decisions(table, [], seeds=SEEDS, level=0.95, trained_by=BY, with_p_values=False)
    assert [(one.keep, one.drop) for one in bare] == [(one.keep, one.drop) for one in taken(table)]


def test_whoever_has_every_seed_undecided_was_not_raced(table: Scores) -> None:
    written = kept(table)
    full = dataclasses.replace(table, present=np.ones_like(table.present))
    assert decision_log.nobody_stopped(full, [], seeds=SEEDS)
    assert not decision_log.nobody_stopped(full, [], seeds=SEEDS + 1), (
        "not done yet: the next round may stop somebody"
    )
    assert not decision_log.nobody_stopped(full, written[:1], seeds=SEEDS)
    assert decision_log.nobody_stopped(full, [dataclasses.replace(written[0], round=SCREENING)], seeds=SEEDS)
    missing = full.present.copy()
    missing[-1, -1] = False
    assert not decision_log.nobody_stopped(dataclasses.replace(full, present=missing), [], seeds=SEEDS)
