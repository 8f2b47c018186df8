"""A look is a pure function of what was got so far, and may be taken from the record."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from scaling_search.racing import looks
from scaling_search.racing.looks import ELIMINATED, NO_RESULT, Look, Results, Rules, combined, look
from scaling_search.racing.simulated_trainer import SimulatedTrainer, Surface, one_best
from scaling_search.statistics import multiple_comparisons
from scaling_search.statistics.images import ImageSample
from scaling_search.statistics.scores import Marks

RULES = Rules(draws=1000)
SPREAD = Surface(name="spread", gaps=(0.0, 0.3, 4.0, 15.0))


def results(surface: Surface = SPREAD, seeds: int = 5, search: int = 1) -> dict[str, dict[int, Marks | None]]:
    trainer = SimulatedTrainer(surface=surface, search=search, images=300)
    return {name: {seed: trainer(name, seed) for seed in range(seeds)} for name in surface.candidates}


def raced(got: Results, seeds: int, **options: object) -> list[Look]:
    found: list[Look] = []
    for now in range(1, seeds + 1):
        found.append(look(got, range(now), found, RULES, **options))  # type: ignore[arg-type]
    return found


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes any further comparison fail."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compared again")

    return lambda: monkeypatch.setattr(looks, "compare", refuse)


def test_nothing_is_tested_before_the_third_seed() -> None:
    found = raced(results(), 4)
    assert [one.behind is None for one in found] == [True, True, False, False]
    assert [one.error for one in found][:2] == [0, 0]
    assert found[2].drop["candidate-3"] == ELIMINATED
    assert len(found[1].keep) == 4


def test_a_look_does_not_look_ahead() -> None:
    """Later seeds, already there, do not change what an earlier round decides."""
    whole = raced(results(seeds=5), 3)
    early = raced(results(seeds=3), 3)
    assert [one.basis for one in whole] == [one.basis for one in early]
    assert [one.keep for one in whole] == [one.keep for one in early]


def test_recorded_looks_are_not_taken_again(forbidden: Callable[[], None]) -> None:
    first = raced(results(), 5)
    forbidden()
    again = raced(results(), 5, recorded=first)
    assert [one.keep for one in again] == [one.keep for one in first]
    with pytest.raises(AssertionError, match="compared again"):
        raced(results(), 5)


@pytest.mark.parametrize("change", ["bits", "rule", "chance"])
def test_a_recorded_look_that_rests_on_something_else_is_taken_again(
    change: str, forbidden: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, got, rules = raced(results(), 3), results(), RULES
    forbidden()
    if change == "bits":
        bits = got["candidate-2"][1]
        assert bits is not None
        got["candidate-2"][1] = ~bits
    elif change == "rule":
        monkeypatch.setattr(looks, "RULE_VERSION", -1)
    else:
        rules = dataclasses.replace(RULES, sample=ImageSample(chance=0.1))
    with pytest.raises(AssertionError, match="compared again"):
        look(got, range(3), first[:2], rules, recorded=first)


def test_who_was_stopped_stays_out_and_more_of_its_results_change_nothing() -> None:
    """Another process may have trained on before it heard of the decision."""
    whole = results()
    found = raced(whole, 5)
    stopped = {name for one in found for name in one.drop}
    assert stopped
    fewer = {
        name: {
            seed: marks
            for seed, marks in by_seed.items()
            if seed < next((one.seeds for one in found if name in one.drop), 5)
        }
        for name, by_seed in whole.items()
    }
    assert [one.basis for one in raced(fewer, 5)] == [one.basis for one in found]
    assert not stopped & set(found[-1].keep)


def test_a_candidate_without_a_result_is_dropped_and_never_ranked() -> None:
    got = results(one_best(0.0, 4))
    got["candidate-2"][3] = None
    found = raced(got, 5)
    assert found[3].drop["candidate-2"] == NO_RESULT
    assert found[2].behind is not None and "candidate-2" in found[2].behind.names
    assert found[4].behind is not None and "candidate-2" not in found[4].behind.names
    together = combined(found)
    assert together is not None and "candidate-2" not in together.names


def test_intervals_of_all_looks_hold_together() -> None:
    """Each candidate has what its looks have in common: intervals only shrink."""
    found = raced(results(seeds=6), 6)
    before = None
    for upto in range(3, 7):
        now = combined(found[:upto])
        assert now is not None and now.names == SPREAD.candidates
        assert (now.low <= now.high).all()
        assert (now.inside == (now.low == 0)).all()
        if before is not None:
            assert (now.low >= before.low).all() and (now.high <= np.maximum(before.high, now.low)).all()
        before = now


def test_an_exhaustive_search_stops_nobody_and_pays_for_its_earlier_looks() -> None:
    rules = dataclasses.replace(RULES, exhaustive=True)
    once = look(results(), range(5), [], rules)
    assert once.keep == SPREAD.candidates and once.behind is not None
    assert "candidate-3" not in once.behind.set
    first = look(results(), range(3), [], rules)
    extended = look(results(), range(5), [], rules, recorded=[first])
    assert extended.error < once.error
    assert once.error == pytest.approx(0.0375, rel=1e-3)


def test_the_race_test_is_that_of_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """What eliminates is `compare`: without its thresholds whoever is not in front would go."""
    kept = raced(results(one_best(0.0, 6)), 3)[-1].keep
    monkeypatch.setattr(multiple_comparisons, "quantile", lambda *_: 0.0)
    assert len(raced(results(one_best(0.0, 6)), 3)[-1].keep) < len(kept)
