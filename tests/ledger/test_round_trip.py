"""Whatever is put in comes out the same, on every database; what cannot be kept is refused by name."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.rows import (
    CandidateRow,
    DecisionRow,
    EvaluationRow,
    NetworkRow,
    Result,
    StudyRow,
    TrialRow,
)
from scaling_search.ledger.storage.schema import RESULTS, TRIALS, Kind

HOSTILE = [
    "'; DROP TABLE trials; --",
    "[/red]",
    "\x1b[31m",
    "<script>",
    "=1+1",
    "../..",
    "%s %(a)s :key ?",
    '"',
    "\\x00",
]
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.sampled_from(HOSTILE)
)
VALUES = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bytes: st.binary(max_size=6000),
}


def rows(kind: Kind[object]) -> st.SearchStrategy[object]:
    """Any row of a table."""
    fields = {
        name: st.none() | VALUES[expected] if name in kind.optional else VALUES[expected]
        for name, expected in kind.types.items()
    }
    return st.builds(kind.row, **fields)


class Undo(Exception):
    """Ends a transaction without a trace."""


@pytest.mark.parametrize("kind", RESULTS, ids=lambda kind: kind.name)
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_come_back_as_they_were(ledger: Ledger, kind: Kind[object], data: st.DataObject) -> None:
    """Two versions of rows: the later stays, for reading all and by key, with and without bits."""
    first = data.draw(st.lists(rows(kind), min_size=1, max_size=3, unique_by=lambda row: kind.key_of(row)))
    keys = {name: getattr(first[0], name) for name in kind.key}
    second = dataclasses.replace(data.draw(rows(kind)), **keys)
    expected = {kind.key_of(row): row for row in [*first, second]}
    with pytest.raises(Undo), ledger.database.writing() as connection:
        store.put(connection, kind, first)
        store.put(connection, kind, [second])
        assert {kind.key_of(row): row for row in store.read(connection, kind, with_correct=True)} == expected
        stored = store.read_one(connection, kind, *keys.values(), with_correct=True)
        assert stored is not None and stored.row == second
        if kind.has_bits:
            stored = store.read_one(connection, kind, *keys.values())
            assert stored is not None and stored.row == dataclasses.replace(second, correct=None)
        store.remove(connection, kind, expected.values())
        assert store.read(connection, kind) == []
        raise Undo


@pytest.mark.parametrize(("replace", "left"), [(True, ["last", "last"]), (False, ["old", "first"])])
def test_rows_of_one_key_in_one_go(
    ledger: Ledger, trial: Callable[[int], TrialRow], replace: bool, left: list[str]
) -> None:
    """As one after the other would leave them."""

    def row(seed: int, name: str) -> TrialRow:
        return dataclasses.replace(trial(seed), network_name=name)

    with ledger.database.writing() as connection:
        store.put(connection, TRIALS, [row(0, "old")])
        new = [row(seed, name) for name in ("first", "last") for seed in (0, 1)]
        store.put(connection, TRIALS, new, replace=replace)
    rows = sorted(ledger.trials(), key=lambda row: row.seed)
    assert [row.network_name for row in rows] == left
    assert check(ledger) == []


def test_many_rows_at_once(ledger: Ledger, trial: Callable[[int], TrialRow]) -> None:
    """More than one look-up finds, with all kinds of fates."""
    ledger.add_trials([trial(seed) for seed in range(0, 500, 2)])
    ledger.add_trials([trial(seed) for seed in range(500)])
    rows = [dataclasses.replace(row, failure=f"{row.seed}") for row in ledger.trials() if row.seed % 3]
    with ledger.database.writing() as connection:
        store.put(connection, TRIALS, rows)
        store.remove(connection, TRIALS, [trial(seed) for seed in range(0, 500, 5)])
    found = {row.seed: row.failure for row in ledger.trials()}
    assert found == {seed: str(seed) if seed % 3 else None for seed in range(500) if seed % 5}
    assert len(ledger.trials([trial(seed).key for seed in range(100)])) == 80
    assert check(ledger) == []


def test_facade_round_trip(ledger: Ledger, trial: Callable[[int], TrialRow]) -> None:
    study = StudyRow(name="s", toml="[x]", baseline="b", dataset_name="digits", created_at="now", recipe="{}")
    network = NetworkRow(fingerprint="f" * 64, name="n", toml="t", resolution=32, macs=5)
    decision = DecisionRow(study="s", round=1, network="f", verdict="keep", statistic=0.5, created_at="now")
    ledger.record_study(study)
    ledger.record_network(network)
    ledger.record_network(dataclasses.replace(network, name="another"))
    ledger.record_decisions([decision])
    ledger.add_trials([trial(0), trial(1)])
    claim = ledger.claim(trial(1), "w")
    assert claim is not None
    bits = np.packbits(np.array([1, 0, 1, 1], dtype=bool)).tobytes()
    ledger.finish(
        claim, Result(state="complete", accuracy=np.float32(0.5), correct=bits, correct_count=np.int64(4))
    )
    evaluation = EvaluationRow(
        trial_key=claim.key, split="test", accuracy=0.25, correct=bits, correct_count=4
    )
    ledger.record_evaluation(evaluation)
    ledger.record_evaluation(dataclasses.replace(evaluation, accuracy=0.75))
    assert ledger.studies() == [study]
    assert ledger.network("f" * 64) == network
    assert ledger.network("none") is None
    assert ledger.networks() == [network]
    assert ledger.decisions("s") == [decision]
    assert ledger.evaluations([claim.key], with_correct=True) == [evaluation]
    assert ledger.evaluations(["none"]) == []
    assert {row.seed: row.state for row in ledger.trials()} == {0: "waiting", 1: "complete"}
    (done,) = ledger.trials([claim.key, "none"], with_correct=True)
    assert (done.accuracy, done.correct, done.correct_count, done.loss) == (0.5, bits, 4, None)
    assert ledger.trials([claim.key])[0].correct is None


def test_trials_of_a_study(ledger: Ledger, trial: Callable[[int], TrialRow]) -> None:
    """Those of its candidates' networks with its recipe and data, not what another study made of the same networks."""
    other = TrialRow.waiting(
        network="f" * 64,
        network_name="n",
        recipe='{"epochs": 9}',
        dataset="d" * 64,
        dataset_name="digits",
        seed=0,
    )
    ledger.add_trials([trial(0), other])
    study = StudyRow(name="s", toml="", baseline="b", dataset_name="digits", created_at="now", recipe="{}")
    ledger.record_study(study)
    assert ledger.trials(study="s") == []
    candidate = {"study": "s", "purpose": "grid", "phi": 1.0, "alpha": 1.0, "beta": 1.0, "status": "kept"}
    ledger.record_candidates("s", [CandidateRow(gamma=1.0, network="f" * 64, **candidate)])
    assert ledger.trials(study="s") == [trial(0)]
    ledger.record_study(dataclasses.replace(study, recipe=None))
    assert len(ledger.trials(study="s")) == 2


def test_candidates_are_replaced_by_purpose_and_phi(ledger: Ledger) -> None:
    def candidate(purpose: str, phi: float, gamma: float, status: str = "kept") -> CandidateRow:
        return CandidateRow(
            study="s", purpose=purpose, phi=phi, alpha=1.0, beta=1.0, gamma=gamma, status=status
        )

    before = [candidate("grid", 1.0, 1.0), candidate("grid", 1.0, 1.2), candidate("grid", 2.0, 1.0)]
    ledger.record_candidates("s", [*before, candidate("scale", 1.0, 1.0)])
    ledger.record_candidates("s", [candidate("grid", 1.0, 1.2, "dropped"), candidate("grid", 1.0, 1.4)])
    expected = [
        candidate("grid", 1.0, 1.2, "dropped"),
        candidate("grid", 1.0, 1.4),
        candidate("grid", 2.0, 1.0),
    ]
    assert ledger.candidates("s", "grid") == expected
    assert ledger.candidates("s") == [*expected, candidate("scale", 1.0, 1.0)]
    assert ledger.candidates("t") == []
    with pytest.raises(ValueError, match="same study"):
        ledger.record_candidates("s", [before[0], before[0]])
    with pytest.raises(ValueError, match="another study"):
        ledger.record_candidates("t", before)


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "a\0b", InputError),
        ("name", "a\ud800b", InputError),
        ("macs", 2**63, InputError),
        ("macs", 1.5, TypeError),
        ("name", None, TypeError),
        ("toml", b"bytes", TypeError),
    ],
)
def test_what_no_database_can_keep_is_refused(ledger: Ledger, field: str, value: object, error: type) -> None:
    network = NetworkRow(fingerprint="f", name="n", toml="t", resolution=32)
    with pytest.raises(error, match=rf"networks\.{field}"):
        ledger.record_network(dataclasses.replace(network, **{field: value}))
    assert ledger.networks() == []


def test_infinite_figures(ledger: Ledger, trial: Callable[[int], TrialRow]) -> None:
    """A complete trial has none; a diverged one has none that is worth keeping."""
    claim = ledger.claim(trial(0))
    assert claim is not None
    with pytest.raises(ValueError, match=r"trials\.loss"):
        ledger.finish(claim, Result(state="complete", accuracy=0.5, loss=math.inf))
    ledger.finish(claim, Result(state="diverged", accuracy=0.1, loss=math.nan))
    (row,) = ledger.trials()
    assert (row.state, row.accuracy, row.loss) == ("diverged", 0.1, None)
    assert TRIALS.has_bits
