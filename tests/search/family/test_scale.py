"""A family: files with safe names, and what time or memory forbids."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.architecture import toml
from scaling_search.data import catalog
from scaling_search.errors import InputError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.family import members, results, training
from scaling_search.search.family.training import train
from scaling_search.search.grid.ledger_results import winner
from scaling_search.search.plan.grid_plan import FRESH_SEEDS
from scaling_search.search.plan.study import Study, override
from scaling_search.search.trial import provenance
from tests.search.pretend import Pretend, noise_images, study

TRIPLE = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


def family(phi: str, minutes: float = 30) -> Study:
    return override(study(), {"scale.phi": phi, "scale.seeds": 2, "scale.max_minutes": minutes})


def trained(
    settings: Study,
    trainer: Pretend,
    monkeypatch: pytest.MonkeyPatch,
    *,
    triple: Coefficients = TRIPLE,
    match: str = "nominal",
) -> int:
    monkeypatch.setattr(training, "make_trainer", lambda *_, **__: trainer)
    monkeypatch.setattr(catalog, "load_test", lambda name: noise_images(20))
    built = members.family(settings, triple, match=match)
    return train(
        settings,
        trainer.ledger,
        built,
        match=match,
        callback=trainer.listener,
        should_stop=lambda: False,
        checkpoints=None,
    )


@given(st.text(min_size=1, max_size=200))
def test_a_file_name_is_safe_whatever_the_network_is_called(name: str) -> None:
    network = members.family(family("0"), TRIPLE, match="nominal")[0].network.model_copy(
        update={"name": name}
    )
    file = members.file_name(network)
    assert file.endswith(".toml") and len(file.encode()) <= 160
    assert not file.startswith("..") and not set(file) & set('/\\:*?"<>| \0\n')


def test_every_member_has_a_file_that_reads_back(tmp_path: Path) -> None:
    written = members.emit(members.family(family("-1,0,0.5,2"), TRIPLE, match="nominal"), tmp_path)
    assert len({member.file for member in written}) == 4
    assert [toml.read(member.file) for member in written] == [m.candidate.network for m in written]


def test_seeds_are_fresh_and_a_second_run_trains_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = family("0,1")
    trainer = Pretend(ledger)
    assert trained(settings, trainer, monkeypatch) >= 4
    assert {seed for _, seed in trainer.listener.begun} == {FRESH_SEEDS, FRESH_SEEDS + 1}
    _, trials = results.report_of(ledger, "s")
    assert all(trial.seed >= FRESH_SEEDS for trial in trials)


def recorded(ledger: Ledger) -> list[tuple[float, float]]:
    return [(row.phi, row.alpha) for row in ledger.candidates("s", "scale")]


def test_another_triple_takes_the_place_of_the_whole_family(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Pretend(ledger)
    trained(family("0,1"), trainer, monkeypatch)
    assert recorded(ledger) == [(0, 1.2), (1, 1.2)]
    trained(family("0"), trainer, monkeypatch, triple=Coefficients(alpha=1.5, beta=1.1, gamma=1.0))
    assert recorded(ledger) == [(0, 1.5)]
    report, _ = results.report_of(ledger, "s")
    assert {row.candidate.alpha for row in report.rows} == {1.5}


def test_other_phi_of_one_family_stay(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Pretend(ledger)
    trained(family("0,1"), trainer, monkeypatch)
    begun = len(trainer.listener.begun)
    trained(family("2"), trainer, monkeypatch)
    assert recorded(ledger) == [(0, 1.2), (1, 1.2), (2, 1.2)]
    assert len({network for network, _ in trainer.listener.begun[begun:]}) == 1


def test_other_phi_of_another_base_go(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Pretend(ledger)
    trained(family("0,1"), trainer, monkeypatch)
    trained(override(family("0"), {"proxy.width": 0.5}), trainer, monkeypatch)
    assert recorded(ledger) == [(0, 1.2)]


def test_what_time_forbids_is_recorded_and_not_trained(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first is trained to find out: 2 s. The one of eight times the MACs would take about 16 s.
    trainer = Pretend(ledger)
    trained(family("0,3", minutes=0.1), trainer, monkeypatch)
    rows = {row.phi: row for row in ledger.candidates("s", "scale")}
    assert rows[0].status != "not trained"
    assert rows[3].status == "not trained"
    assert "over scale.max_minutes = 0.1" in str(rows[3].reason)
    assert len({network for network, _ in trainer.listener.begun}) == 1


def test_what_memory_forbids(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "available_memory", lambda: 1000)
    trainer = Pretend(ledger)
    assert trained(family("0"), trainer, monkeypatch) == 0
    assert "GiB are available" in str(ledger.candidates("s", "scale")[0].reason)


def test_without_a_grid_there_is_no_winner(ledger: Ledger) -> None:
    with pytest.raises(InputError, match="run `scaling-search grid` first"):
        winner(study(), ledger)


@pytest.mark.parametrize("text", ["", "1.2", "1.2,1.1", "a,b,c", "1,1,1,1", "0.9,1.1,1.1", "nan,1,1"])
def test_coefficients_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        members.parse_coefficients(text)


def test_coefficients() -> None:
    assert members.parse_coefficients("1.2, 1.1,1.15") == TRIPLE
