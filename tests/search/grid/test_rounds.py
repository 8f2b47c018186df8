"""Rounds of a race on a ledger: a block of seeds for every candidate still running, then a look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.architecture.network import fingerprint
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.schema import DECISIONS, LOOKS
from scaling_search.search.grid import rounds
from scaling_search.search.grid.candidates import record_plan
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.trial import registry
from scaling_search.search.trial.setup import load_data
from tests.search.pretend import Learns, Pretend, PretendNetworks, planned, study

SETTINGS = study(seeds=4)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        registry.register(opened, search_space(SETTINGS), load_data(SETTINGS), say=print)
        record_plan(opened, "s", planned(SETTINGS))
        yield opened


def keys() -> list[str]:
    return [one.group for one in planned(SETTINGS).candidates]


def one_best() -> Learns:
    best = keys()[1]
    return lambda trial: 0.95 if fingerprint(trial.network) == best else 0.3


def test_nothing_is_decided_before_a_result(ledger: Ledger) -> None:
    assert rounds.look("s", Pretend(ledger), 4) == ()
    assert not ledger.rows(LOOKS)


def test_a_look_is_recorded_once_and_stands_in_for_itself(ledger: Ledger) -> None:
    trainer = Pretend(ledger, one_best())
    rounds.run("s", trainer, planned(SETTINGS), keys())
    looks, decisions = ledger.rows(LOOKS), ledger.rows(DECISIONS)
    assert [look.round for look in looks] == list(range(1, len(looks) + 1))
    assert looks[-1].remaining == 1 < looks[0].candidates == len(keys())
    assert {row.candidate for row in decisions if row.round == 1} == set(keys())
    assert rounds.look("s", trainer, 4) == (), "it is over"
    assert rounds.run("s", Pretend(ledger, one_best()), planned(SETTINGS), keys()) == 0
    assert (ledger.rows(LOOKS), ledger.rows(DECISIONS)) == (looks, decisions)


def test_only_those_that_a_round_begins_with_are_trained(ledger: Ledger) -> None:
    trainer = Pretend(ledger)
    rounds.run("s", trainer, planned(SETTINGS), keys()[:2])
    assert {key for key, _ in trainer.listener.begun} == set(keys()[:2])


@pytest.mark.parametrize(("block", "first"), [(1, [0]), (2, [0, 1]), (4, [0, 1, 2, 3])])
def test_a_round_has_as_many_seeds_as_train_in_a_batch(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, block: int, first: list[int]
) -> None:
    monkeypatch.setattr(PretendNetworks, "block", block)
    trainer = Pretend(ledger)
    rounds.run("s", trainer, planned(SETTINGS), keys())
    ahead = trainer.listener.begun[: len(first) * len(keys())]
    assert ahead == [(key, seed) for key in keys() for seed in first]
