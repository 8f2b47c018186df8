"""Racing: what it saves, what it promises, and that it can be stopped anywhere."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from scaling_search.racing import race
from scaling_search.racing.alpha_spending import nominal_levels, spent
from scaling_search.racing.race import ELIMINATED, NO_RESULT, Decision
from scaling_search.racing.simulated_trainer import SimulatedTrainer, Surface, one_best
from scaling_search.statistics.scores import Bits, gather
from tests.statistics.scored import at_least

DRAWS = 2000


def _race(surface: Surface, *, search: int, rounds: int) -> tuple[Decision, ...]:
    trainer = SimulatedTrainer(surface=surface, search=search, images=300)
    return race.run(surface.candidates, trainer, seeds=range(rounds), draws=DRAWS)[2]


def test_the_far_behind_stop_and_the_best_goes_on() -> None:
    surface = Surface(name="two groups", gaps=(0.0, 0.3, *[15.0] * 6))
    decisions = _race(surface, search=1, rounds=4)
    assert [len(decision.keep) for decision in decisions] == [8, 2, 2, 2]
    assert set(decisions[1].drop.values()) == {ELIMINATED}
    assert decisions[0].verdicts == (), "one seed says nothing about seeds"


def test_the_race_ends_when_one_is_left() -> None:
    surface = one_best(15.0)
    decisions = _race(surface, search=0, rounds=10)
    assert len(decisions) < 5
    assert decisions[-1].keep == ("candidate-0",)
    assert decisions[-1].finished(10)


def test_over_all_rounds_the_best_survives() -> None:
    searches = 100
    surface = one_best(0.2, 8)
    kept = sum("candidate-0" in _race(surface, search=s, rounds=6)[-1].keep for s in range(searches))
    assert at_least(kept, searches, 0.95), kept


def test_uncorrected_racing_loses_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: with the whole error in every round, for one comparison each, it does."""
    from scaling_search.statistics.max_statistic import NullMaximum

    monkeypatch.setattr(race, "nominal_levels", lambda *_: (0.0, *[0.05] * 5))
    test = NullMaximum.test

    def uncorrected(self: object, row: int, statistic: float, error: float) -> tuple[float, float]:
        return 1.645, test(self, row, statistic, error)[1]  # type: ignore[arg-type]

    monkeypatch.setattr(NullMaximum, "test", uncorrected)
    searches = 100
    surface = one_best(0.2, 8)
    kept = sum("candidate-0" in _race(surface, search=s, rounds=6)[-1].keep for s in range(searches))
    assert not at_least(kept, searches, 0.95), kept


def test_racing_saves_trials_and_exhaustive_does_not() -> None:
    surface = Surface(name="spread", gaps=tuple(4.0 * place for place in range(8)))
    trainer = SimulatedTrainer(surface=surface, search=0, images=300)
    raced, members, _ = race.run(surface.candidates, trainer, seeds=range(6), draws=DRAWS)
    full, same, decisions = race.run(
        surface.candidates, trainer, seeds=range(6), exhaustive=True, draws=DRAWS
    )
    assert raced.present.sum() < 0.6 * full.present.sum() == 0.6 * 48
    assert decisions == ()
    assert "candidate-0" in members.names and "candidate-0" in same.names


def test_decisions_can_be_taken_again_from_the_results() -> None:
    surface = one_best(3.0)
    trainer = SimulatedTrainer(surface=surface, search=3, images=300)
    scores, _, decisions = race.run(surface.candidates, trainer, seeds=range(6), draws=DRAWS)
    replayed: list[Decision] = []
    for _ in decisions:
        replayed.append(race.decide(scores, replayed, rounds=6, draws=DRAWS))
    assert tuple(replayed) == decisions


def test_a_decision_does_not_look_ahead() -> None:
    """Later seeds, already in the ledger, do not change what an earlier round decides."""
    surface = one_best(3.0)
    trainer = SimulatedTrainer(surface=surface, search=3, images=300)
    whole = gather({name: {s: _bits(trainer, name, s) for s in range(6)} for name in surface.candidates})
    first = race.decide(whole, (), rounds=6, draws=DRAWS)
    second = race.decide(whole, (first,), rounds=6, draws=DRAWS)
    early = whole.until(2)
    assert second == race.decide(
        early, (race.decide(early, (), rounds=6, draws=DRAWS),), rounds=6, draws=DRAWS
    )


def test_who_was_stopped_stays_out_even_with_results_of_later_rounds() -> None:
    """Another process may have trained on before it heard of the decision."""
    trainer = SimulatedTrainer(surface=one_best(0.0, 4), search=0, images=300)
    whole = gather(
        {f"candidate-{at}": {s: _bits(trainer, f"candidate-{at}", s) for s in range(3)} for at in range(4)}
    )
    first = race.decide(whole, (), rounds=3, draws=DRAWS)
    stopped = dataclasses.replace(first, keep=first.keep[1:], drop={first.keep[0]: race.ELIMINATED})
    second = race.decide(whole, (stopped,), rounds=3, draws=DRAWS)
    assert first.keep[0] not in second.keep + tuple(second.drop)
    assert first.keep[0] not in {verdict.name for verdict in second.verdicts}
    assert set(second.keep) | set(second.drop) == set(stopped.keep)


def _bits(trainer: Callable[[str, int], Bits | None], name: str, seed: int) -> Bits:
    bits = trainer(name, seed)
    assert bits is not None
    return bits


def test_a_candidate_that_diverges_is_dropped_and_never_ranked() -> None:
    surface = Surface(name="diverging", gaps=(0.0, 1.0, 1.0, 1.0), diverging=(0,))
    trainer = SimulatedTrainer(surface=surface, search=0, images=300)
    scores, members, _ = race.run(surface.candidates, trainer, seeds=range(3), draws=DRAWS)
    assert "candidate-0" not in scores.names
    assert "candidate-0" not in members.names


def test_a_candidate_that_diverges_later_is_dropped_by_that_round() -> None:
    surface = one_best(0.0, 4)
    trainer = SimulatedTrainer(surface=surface, search=0, images=300)

    def late(name: str, seed: int) -> Bits | None:
        return None if (name, seed) == ("candidate-2", 2) else trainer(name, seed)

    scores, members, decisions = race.run(surface.candidates, late, seeds=range(3), draws=DRAWS)
    assert decisions[2].drop["candidate-2"] == NO_RESULT
    assert "candidate-2" not in members.names and "candidate-2" not in scores.names


def test_the_error_spent_grows_to_the_whole() -> None:
    for rounds in (1, 2, 5, 20):
        parts = spent(rounds)
        assert parts[-1] == pytest.approx(0.05)
        assert list(parts) == sorted(parts)
    assert spent(5)[0] == 0


def test_the_levels_of_a_race_spend_its_error_and_no_more() -> None:
    """Fresh random walks cross the boundaries with 5 %: another seed than the one that set them."""
    rounds, candidates, walks = 6, 5, 20_000
    generator = np.random.default_rng(7)
    steps = generator.standard_normal((walks, rounds, candidates)).cumsum(axis=1)
    statistic = (steps[:, :, 1:].max(axis=2) - steps[:, :, 0]) / np.sqrt(2 * np.arange(1, rounds + 1))
    stopped = np.zeros(walks, dtype=bool)
    for now, level in enumerate(nominal_levels(candidates, rounds)):
        if level:
            stopped |= statistic[:, now] > np.quantile(statistic[:, now], 1 - level)
    assert stopped.mean() == pytest.approx(0.05, abs=0.005)


def test_without_rounds_to_spend_on_there_is_no_test() -> None:
    scores, members, decisions = race.run(
        ["candidate-0", "candidate-1"],
        SimulatedTrainer(surface=one_best(0, 2), search=0, images=100),
        seeds=range(1),
        draws=DRAWS,
    )
    assert len(decisions) == 1
    assert members.sources == "images"
    assert scores.counts.tolist() == [1, 1]
