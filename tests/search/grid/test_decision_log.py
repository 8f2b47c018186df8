"""Looks read from the ledger are those that would be taken anew, or are not used at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.decision_rows import DecisionRow, LookRow
from scaling_search.ledger.storage.schema import DECISIONS, LOOKS
from scaling_search.racing import looks, race
from scaling_search.racing.looks import Look, Rules
from scaling_search.racing.race import Race, one_by_one
from scaling_search.racing.simulated_trainer import SimulatedTrainer, hill
from scaling_search.search.grid import decision_log
from scaling_search.statistics import RULE_VERSION

SURFACE = hill(8)
NOW = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def raced(recorded: list[Look] | None = None, *, seeds: int = 5) -> Race:
    return race.run(
        SURFACE.candidates,
        one_by_one(SimulatedTrainer(surface=SURFACE, search=1, images=300)),
        seeds=range(seeds),
        rules=Rules(draws=1000),
        indifference=0.0,
        recorded=recorded or (),
    )


@pytest.fixture(scope="module")
def anew() -> Race:
    return raced()


def keep(ledger: Ledger, found: Race) -> None:
    for one in found.looks:
        ledger.record(decision_log.rows(one, study="s", now=NOW))


def back(ledger: Ledger) -> list[Look]:
    return decision_log.read(ledger, "s", SURFACE.candidates)


def plain(look: Look) -> Any:
    """A look, to be compared."""
    behind = look.behind and {
        field.name: np.array(getattr(look.behind, field.name)).tolist()
        for field in dataclasses.fields(look.behind)
    }
    return look.seeds, look.keep, dict(look.drop), look.error, look.basis, behind


def test_looks_come_back_as_they_were(ledger: Ledger, anew: Race) -> None:
    assert any(look.drop for look in anew.looks) and any(look.behind for look in anew.looks)
    keep(ledger, anew)
    for read, look in zip(back(ledger), anew.looks, strict=True):
        np.testing.assert_equal(plain(read), plain(look))


def test_what_the_log_has_is_not_compared_again(
    ledger: Ledger, anew: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(ledger, anew)
    compared: list[int] = []
    compare = looks.compare
    monkeypatch.setattr(looks, "compare", lambda *a, **k: (compared.append(1), compare(*a, **k))[1])
    again = raced(back(ledger))
    assert compared == []
    assert [(look.keep, look.drop, look.basis) for look in again.looks] == [
        (look.keep, look.drop, look.basis) for look in anew.looks
    ]
    assert again.decision == anew.decision


def test_the_log_of_a_race_that_is_half_done_is_continued(
    ledger: Ledger, anew: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested = [look for look in anew.looks if look.behind is not None]
    assert len(tested) > 1
    for one in anew.looks[:-1]:
        ledger.record(decision_log.rows(one, study="s", now=NOW))
    compared: list[int] = []
    compare = looks.compare
    monkeypatch.setattr(looks, "compare", lambda *a, **k: (compared.append(1), compare(*a, **k))[1])
    assert raced(back(ledger)).decision == anew.decision
    assert len(compared) == 1


def test_looks_of_another_rule_are_passed_over(ledger: Ledger, anew: Race) -> None:
    keep(ledger, anew)
    rows = ledger.rows(LOOKS, study="s")
    assert {row.rule for row in rows} == {RULE_VERSION}
    ledger.record([dataclasses.replace(row, rule=RULE_VERSION - 1) for row in rows])
    assert back(ledger) == []


def test_what_was_named_is_in_the_last_look(anew: Race) -> None:
    assert anew.decision is not None
    row, *about = decision_log.rows(anew.looks[-1], study="s", now=NOW, decision=anew.decision)
    assert isinstance(row, LookRow)
    assert (row.winner, row.decided, row.indifference) == (
        anew.decision.winner,
        anew.decision.decided,
        anew.decision.indifference,
    )
    assert (row.candidates, row.remaining) == (len(about), len(anew.looks[-1].keep))
    assert all(isinstance(one, DecisionRow) for one in about)


def test_another_studys_looks_are_its_own(ledger: Ledger, anew: Race) -> None:
    keep(ledger, anew)
    assert decision_log.read(ledger, "t", SURFACE.candidates) == []
    assert {row.study for row in ledger.rows(DECISIONS)} == {"s"}
