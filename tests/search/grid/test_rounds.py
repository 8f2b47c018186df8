"""The race on a ledger: a block of seeds for every candidate still running, then a look, recorded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.ledger.storage.schema import DECISIONS, LOOKS
from scaling_search.search.grid import rounds
from scaling_search.search.grid.candidates import record_plan
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.trial import registry
from scaling_search.search.trial.setup import load_data
from tests.search.pretend import Learns, Listener, Pretend, planned, study

SETTINGS = study(seeds=6)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


@pytest.fixture
def row(ledger: Ledger) -> StudyRow:
    found = registry.register(ledger, search_space(SETTINGS), load_data(SETTINGS), say=print)
    record_plan(ledger, found.name, planned(SETTINGS))
    return found


def keys() -> list[str]:
    return [one.group for one in planned(SETTINGS).candidates]


def one_best() -> Learns:
    best = keys()[1]
    return lambda trial: 0.95 if fingerprint(trial.network) == best else 0.3


def test_a_look_is_recorded_once_and_stands_in_for_itself(ledger: Ledger, row: StudyRow) -> None:
    trained = rounds.run(row, Pretend(ledger, one_best()), planned(SETTINGS), keys())
    assert trained < 6 * len(keys())
    looks, decisions = ledger.rows(LOOKS), ledger.rows(DECISIONS)
    assert [look.round for look in looks] == list(range(1, len(looks) + 1))
    assert looks[0].candidates == looks[0].remaining == len(keys())
    assert (looks[-1].winner, looks[-1].decided, looks[-1].remaining) == (keys()[1], True, 1)
    assert {one.candidate for one in decisions if one.round == 1} == set(keys())
    assert rounds.run(row, Pretend(ledger, one_best()), planned(SETTINGS), keys()) == 0
    assert (ledger.rows(LOOKS), ledger.rows(DECISIONS)) == (looks, decisions)


def test_every_look_is_told(ledger: Ledger, row: StudyRow) -> None:
    told: list[str] = []

    class Told(Listener):
        def look(self, text: str) -> None:
            told.append(text)

    rounds.run(row, Pretend(ledger, one_best(), callback=Told()), planned(SETTINGS), keys())
    assert len(told) == len(ledger.rows(LOOKS))
    assert told[0] == "after 1 seed: 5 candidates left"
    assert told[-1].endswith("1 candidate left") and " leads, at most 0.00 points behind the best" in told[-1]


def test_a_race_of_some_candidates_is_not_the_studys(ledger: Ledger, row: StudyRow) -> None:
    """Its looks rest on fewer candidates than the report shows."""
    trainer = Pretend(ledger)
    narrow = planned(study(seeds=6, alpha="1,2"))
    groups = [one.group for one in narrow.candidates]
    assert set(groups) < set(keys())
    rounds.run(row, trainer, narrow, groups)
    assert {key for key, _ in trainer.listener.begun} == set(groups)
    assert not ledger.rows(LOOKS)


@pytest.mark.parametrize(("block", "first"), [(1, [0]), (2, [0, 1]), (4, [0, 1, 2, 3])])
def test_a_round_has_as_many_seeds_as_train_in_a_batch(
    ledger: Ledger, row: StudyRow, monkeypatch: pytest.MonkeyPatch, block: int, first: list[int]
) -> None:
    trainer = Pretend(ledger)
    monkeypatch.setattr(trainer.networks, "block", block)
    rounds.run(row, trainer, planned(SETTINGS), keys())
    ahead = trainer.listener.begun[: len(first) * len(keys())]
    assert ahead == [(key, seed) for key in keys() for seed in first]


def test_an_open_search_goes_on_after_its_seeds_where_that_is_asked_for(
    ledger: Ledger, row: StudyRow
) -> None:
    few = planned(study(seeds=1))
    one = rounds.run(row, Pretend(ledger, one_best()), few, keys())
    assert one == len(keys()), "after one seed nothing is tested"
    more = rounds.run(row, Pretend(ledger, one_best()), few, keys(), until_decided=True)
    assert more > 0
    assert ledger.rows(LOOKS)[-1].decided


def test_the_base_is_trained_with_seeds_of_its_own(ledger: Ledger, row: StudyRow) -> None:
    trainer, plan = Pretend(ledger), planned(SETTINGS)
    assert rounds.train_base(trainer, plan) == len(plan.base_seeds) == 3
    assert trainer.listener.begun == [(plan.base.fingerprint, seed) for seed in range(3)]
    assert rounds.train_base(Pretend(ledger), plan) == 0
