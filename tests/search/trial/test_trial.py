"""Who is told of a search: several callbacks as one, and a fault of one that ends nothing."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.ledger.ledger import Ledger
from scaling_search.search.trial.trial import Callback, Callbacks, trial_of
from tests.search.pretend import Listener, planned, searched, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


class Faulty(Listener):
    """Cannot bear the end of a trial."""

    calls = 0

    def end(self, trial: object, row: object) -> None:
        type(self).calls += 1
        raise ZeroDivisionError("my plot")


def test_a_callback_that_raises_is_told_once_and_the_search_goes_on(ledger: Ledger) -> None:
    from scaling_search.search.grid import search
    from tests.search.pretend import pretended

    faulty, other = Faulty(), Listener()
    with pretended():
        result = search.grid(study(), ledger=ledger, callbacks=(faulty, other))
    assert {row.state for row in ledger.trials()} == {"complete"}
    assert Faulty.calls == 1, "it is not asked again"
    (said,) = [said for said in other.said if "Faulty" in said]
    assert said.startswith("Faulty.end failed and is left out from now on: ZeroDivisionError: my plot (")
    assert "test_trial.py, line" in said
    assert len(other.ended) == result.trained
    assert other.results == [result]


def test_the_only_callback_that_raises_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    row = planned().networks[0]
    Callbacks([Faulty()]).end(trial_of(row, 0), None)  # type: ignore[arg-type]
    assert "ZeroDivisionError: my plot" in capsys.readouterr().err


def test_several_hear_what_one_would() -> None:
    """Every event of a callback, with its arguments in their order."""

    class Heard(Callback):
        def __init__(self) -> None:
            self.heard: list[tuple[str, tuple[object, ...]]] = []

    events = {name for name in vars(Callback) if not name.startswith("_")}
    for name in events:
        setattr(Heard, name, lambda self, *given, name=name: self.heard.append((name, given)))
    both = Heard(), Heard()
    together = Callbacks(both)
    for name in sorted(events):
        count = len(inspect.signature(getattr(Callback, name)).parameters) - 1
        getattr(together, name)(*range(count))
        for one in both:
            assert one.heard[-1] == (name, tuple(range(count)))
            # None of them has to be overridden.
            assert getattr(Callback(), name)(*range(count)) is None


def test_a_search_tells_what_it_expects_and_what_came_of_it(ledger: Ledger) -> None:
    listener = Listener()
    result = searched(ledger, study(racing=False), listener=listener)
    plan = planned()
    assert listener.expected == [3 * len(plan.candidates) + len(plan.base_seeds)] == [len(listener.begun)]
    assert listener.results == [result]
