"""The race: what it saves, what it promises, and that it can be stopped anywhere."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from scaling_search.errors import UsageError
from scaling_search.racing import race
from scaling_search.racing.looks import NO_RESULT, Look, Rules
from scaling_search.racing.race import Race, one_by_one
from scaling_search.racing.simulated_trainer import SimulatedTrainer, Surface, one_best
from scaling_search.statistics.scores import Marks
from tests.statistics.scored import at_least

RULES = Rules(draws=1000)
SPREAD = Surface(name="spread", gaps=tuple(4.0 * place for place in range(8)))


def raced(surface: Surface, *, seeds: int = 6, search: int = 0, **options: object) -> Race:
    trainer = SimulatedTrainer(surface=surface, search=search, images=300)
    options = {"rules": RULES, "indifference": 0.0} | options
    return race.run(surface.candidates, one_by_one(trainer), seeds=range(seeds), **options)  # type: ignore[arg-type]


def counts(found: Race) -> list[int]:
    assert found.scores is not None
    return found.scores.counts.tolist()


def test_the_far_behind_stop_and_the_best_goes_on() -> None:
    found = raced(Surface(name="two groups", gaps=(0.0, 0.3, *[15.0] * 6)), seeds=4, search=1)
    assert [len(look.keep) for look in found.looks] == [8, 8, 2, 2]
    assert counts(found) == [4, 4, *[3] * 6]
    assert found.ended == "all seeds"
    assert found.decision is not None and not found.decision.decided


def test_the_race_ends_when_one_is_left() -> None:
    found = raced(one_best(15.0), seeds=10)
    assert len(found.looks) < 6 and found.looks[-1].keep == ("candidate-0",)
    assert found.decision is not None and found.decision.decided
    assert found.decision.winner == "candidate-0"


def test_the_race_ends_when_somebody_is_shown_to_be_good_enough() -> None:
    """Nobody can be told apart, and nobody has to be: all are within the indifference."""
    found = raced(one_best(0.0, 4), seeds=10, indifference=0.08)
    assert found.ended == "decided" and set(counts(found)) == {3}
    assert found.decision is not None and len(found.decision.within) > 1
    cheaper = raced(
        one_best(0.0, 4), seeds=10, indifference=0.08, costs={f"candidate-{k}": -k for k in range(4)}
    )
    assert cheaper.decision is not None and cheaper.decision.winner == cheaper.decision.within[0]
    assert cheaper.decision.winner == max(cheaper.decision.within)


def test_over_all_looks_the_best_survives() -> None:
    searches = 20
    surface = one_best(0.2, 8)
    kept = sum("candidate-0" in raced(surface, search=s).looks[-1].keep for s in range(searches))
    assert at_least(kept, searches, 0.95), kept


def test_uncorrected_racing_loses_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: with the whole error at every look, for one comparison each, it does."""
    monkeypatch.setattr("scaling_search.racing.looks.nominal_error", lambda *_, **__: 0.05)
    monkeypatch.setattr("scaling_search.statistics.multiple_comparisons.quantile", lambda *_: 1.645)
    searches = 20
    surface = one_best(0.2, 8)
    kept = sum("candidate-0" in raced(surface, search=s).looks[-1].keep for s in range(searches))
    assert not at_least(kept, searches, 0.95), kept


def test_racing_saves_trials_and_exhaustive_does_not() -> None:
    saved = raced(SPREAD)
    full = raced(SPREAD, rules=Rules(draws=1000, exhaustive=True))
    assert sum(counts(saved)) < 0.7 * sum(counts(full)) == 0.7 * 48
    assert len(full.looks) == 1
    for found in (saved, full):
        assert found.behind is not None and "candidate-0" in found.behind.set


def test_until_decided_has_no_last_seed() -> None:
    trainer = SimulatedTrainer(surface=one_best(3.0, 4), search=0, images=300)
    found = race.run(
        trainer.surface.candidates,
        one_by_one(trainer),
        seeds=itertools.count(),
        rules=RULES,
        indifference=0.0,
    )
    assert found.ended in ("decided", "one left") and len(found.looks) > 3


def test_a_budget_stops_it_between_rounds() -> None:
    trainer = SimulatedTrainer(surface=one_best(0.0, 4), search=0, images=300)
    rounds = iter([False, False, False, False, True])
    found = race.run(
        trainer.surface.candidates,
        one_by_one(trainer),
        seeds=itertools.count(),
        rules=RULES,
        indifference=0.0,
        should_stop=lambda: next(rounds),
    )
    assert (found.ended, len(found.looks), found.missing) == ("stopped", 4, 0)
    assert found.decision is not None and found.decision.missing is not None


def test_a_race_that_was_killed_goes_on_as_if_it_had_not_been() -> None:
    """Stopped in the middle of a round, then run again on the results there are."""
    surface = one_best(2.0)
    trainer = SimulatedTrainer(surface=surface, search=3, images=300)
    kept: dict[str, dict[int, Marks | None]] = {name: {} for name in surface.candidates}
    budget = 37

    def train_round(names: Sequence[str], seeds: Sequence[int]) -> Mapping[str, Mapping[int, Marks | None]]:
        nonlocal budget
        for name, seed in itertools.product(names, seeds):
            if seed not in kept[name] and budget:
                kept[name][seed] = trainer(name, seed)
                budget -= 1
        return {name: kept[name] for name in names}

    recorded: list[Look] = []
    options = {"seeds": range(8), "rules": RULES, "indifference": 0.0, "on_look": recorded.append}
    first = race.run(surface.candidates, train_round, **options)  # type: ignore[arg-type]
    assert first.ended == "stopped" and 0 < first.missing <= 8
    budget = 10_000
    second = race.run(surface.candidates, train_round, recorded=tuple(recorded), **options)  # type: ignore[arg-type]
    whole = raced(surface, seeds=8, search=3)
    assert [look.basis for look in second.looks] == [look.basis for look in whole.looks]
    assert [look.keep for look in second.looks] == [look.keep for look in whole.looks]
    assert second.decision == whole.decision


def test_an_unfinished_exhaustive_search_decides_nothing() -> None:
    surface = one_best(15.0, 4)
    trainer = SimulatedTrainer(surface=surface, search=0, images=300)

    def train_round(names: Sequence[str], seeds: Sequence[int]) -> Mapping[str, Mapping[int, Marks | None]]:
        return {name: {seed: trainer(name, seed) for seed in seeds if seed < 3} for name in names}

    rules = Rules(draws=1000, exhaustive=True)
    found = race.run(surface.candidates, train_round, seeds=range(5), rules=rules)
    assert (found.ended, found.missing) == ("stopped", 4)
    assert found.decision is not None and not found.decision.decided
    assert found.behind is not None and found.behind.nothing_decided == race.UNFINISHED


def test_seeds_that_train_together_decide_like_those_in_turn() -> None:
    surface = one_best(4.0)
    alone, together = (raced(surface, seeds=6, together=size) for size in (1, 4))
    assert [look.keep for look in together.looks] == [look.keep for look in alone.looks]
    assert together.decision == alone.decision


def test_candidates_that_diverge_are_never_ranked() -> None:
    found = raced(Surface(name="diverging", gaps=(0.0, 1.0, 1.0, 1.0), diverging=(0,)), seeds=3)
    assert found.looks[0].drop == {"candidate-0": NO_RESULT}
    assert found.scores is not None and "candidate-0" not in found.scores.names
    assert found.behind is not None and "candidate-0" not in found.behind.names
    nobody = raced(Surface(name="none", gaps=(0.0, 1.0), diverging=(0, 1)), seeds=3)
    assert (nobody.ended, nobody.scores, nobody.behind, nobody.decision) == ("none left", None, None, None)


def test_two_seeds_name_a_leader_and_decide_nothing() -> None:
    found = raced(one_best(15.0), seeds=2)
    assert found.ended == "all seeds" and found.decision is not None
    assert found.decision.winner == "candidate-0" and not found.decision.decided
    assert (found.decision.missing, found.decision.seeds) == ("seeds", 3)


def test_the_only_candidate_has_all_its_seeds() -> None:
    found = raced(one_best(0.0, 1), seeds=4)
    assert counts(found) == [4]
    assert found.decision is not None and found.decision.alone


def test_a_race_without_candidates_is_refused() -> None:
    with pytest.raises(UsageError, match="needs candidates"):
        race.run([], one_by_one(lambda *_: np.ones(4, bool)), seeds=range(3))
    with pytest.raises(UsageError, match="not 0"):
        race.run(["a"], one_by_one(lambda *_: np.ones(4, bool)), seeds=range(3), together=0)
