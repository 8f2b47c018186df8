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
from scaling_search.ledger.storage.rows import EvaluationRow, Result, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, NETWORKS, RESULTS, STUDIES, TRIALS, Kind
from tests.ledger import made

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
    study, network, candidate = made.study(), made.network(), made.candidate()
    ledger.record([study, network, candidate])
    ledger.record([made.network(name="another")])
    ledger.add_trials([trial(0), trial(1)])
    claim = ledger.claim(trial(1), "w")
    assert claim is not None
    bits = np.packbits(np.array([1, 0, 1, 1], dtype=bool)).tobytes()
    evaluation = EvaluationRow(
        trial_key=claim.key, split="test", accuracy=0.25, correct=bits, correct_count=4
    )
    result = Result(state="complete", accuracy=np.float32(0.5), correct=bits, correct_count=np.int64(4))
    ledger.finish(claim, result, [evaluation])
    ledger.record([dataclasses.replace(evaluation, accuracy=0.75)])
    assert ledger.rows(STUDIES) == [study] and ledger.study("s") == study
    assert ledger.network("f" * 64) == network, "the first of a fingerprint stays"
    assert ledger.network("none") is None
    assert ledger.rows(NETWORKS) == [network]
    assert ledger.rows(CANDIDATES, study="s", role="grid") == [candidate]
    assert ledger.rows(CANDIDATES, study="t") == []
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
    ledger.record([made.study(recipe=trial(0).recipe, dataset=trial(0).dataset)])
    assert ledger.trials(study="s") == []
    ledger.record([made.candidate()])
    assert ledger.trials(study="s") == ledger.trials(study="s", roles=["grid"]) == [trial(0)]
    assert ledger.trials(study="s", roles=["base"]) == []
    ledger.record([made.candidate(recipe=other.recipe)])
    assert ledger.trials(study="s") == [other], "a candidate's own recipe comes before the study's"


def test_rows_are_written_in_place_of_others(ledger: Ledger) -> None:
    """Those of the same key, and those that are named; all or none."""
    before = [made.candidate("a"), made.candidate("b"), made.candidate("c", role="base")]
    ledger.record(before)
    after = [made.candidate("a", alpha=2.0), made.candidate("d")]
    ledger.record(after, instead_of=[(CANDIDATES, {"study": "s", "role": "grid"})])
    assert ledger.rows(CANDIDATES) == [before[2], *after]
    with pytest.raises(ValueError, match="two rows have the same key"):
        ledger.record([before[0], before[0]])
    assert ledger.rows(CANDIDATES) == [before[2], *after]


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("name", "a\0b", InputError),
        ("name", "a\ud800b", InputError),
        ("macs", 2**63, InputError),
        ("macs", 1.5, TypeError),
        ("name", None, TypeError),
        ("definition", b"bytes", TypeError),
    ],
)
def test_what_no_database_can_keep_is_refused(ledger: Ledger, field: str, value: object, error: type) -> None:
    with pytest.raises(error, match=rf"networks\.{field}"):
        ledger.record([made.network(**{field: value})])
    assert ledger.rows(NETWORKS) == []


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
