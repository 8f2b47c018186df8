"""A search that runs, or was stopped, names nothing as decided and says how much is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.report.figures import duration
from scaling_search.search.grid.analysis import GridAnalysis, analyse
from scaling_search.search.grid.answer import Command, answer
from scaling_search.search.grid.report import assessments, notes
from scaling_search.search.plan.study_tables import Grid
from tests.search.grid.rows import candidates, trial
from tests.search.grid.test_analysis import FAR_APART, noisy

FULL = {seed: [noisy(name, seed, right) for name, right in FAR_APART.items()] for seed in range(4)}


def analysed(trials: list[TrialRow], *, racing: bool = True) -> GridAnalysis:
    return analyse(candidates(FAR_APART), trials, Grid(seeds=5, racing=racing))


def rounds(count: int) -> list[TrialRow]:
    return [row for seed in range(count) for row in FULL[seed]]


def verdicts(found: GridAnalysis) -> dict[str, str]:
    return {name: said.verdict for name, said in assessments(found).items()}


@pytest.mark.parametrize(
    ("trials", "missing", "says"),
    [
        (rounds(1), 3, "1 seed: fewer than 3"),
        ([*rounds(2), noisy("a", 2, 300)], 2, "2 seeds: fewer than 3"),
        ([noisy("a", 0, 300)], 2, "2 of 3 candidates were not trained yet"),
        ([*rounds(3), noisy("a", 3, 300)], 1, "2 of 3 candidates may be the best"),
    ],
    ids=["one round", "third round begun", "first round begun", "fourth round begun"],
)
def test_a_search_that_was_stopped_is_not_decided(trials: list[TrialRow], missing: int, says: str) -> None:
    found = analysed(trials)
    first, second, third = answer(found, trials, Command(study="s"), "Recipe unchecked.")
    assert (found.decided, found.unfinished) == (False, missing)
    assert "leads, undecided" in first and says in second
    assert third.startswith(f"Not finished: {missing} trial") and "`scaling-search grid --study s`" in third
    assert not {"winner", "the only one", "equal"} & set(verdicts(found).values())
    assert notes(found)[0].startswith(f"Not finished: {missing} trial")


def test_before_the_first_round_is_complete_nobody_is_named() -> None:
    trials = [noisy("a", 0, 300), trial("b", 0, 0, "running"), trial("c", 0, 0, "waiting")]
    found = analysed(trials)
    assert (found.winner, found.unfinished) == (None, 2)
    said = answer(found, trials, Command(study="s"), "Recipe unchecked.")
    assert said[0] == "Nothing is named before the first round is complete."
    assert said[1].startswith("Not finished: 2 trials are missing in this round. Next:")


def test_an_exhaustive_search_is_judged_when_all_its_seeds_are_in() -> None:
    found = analysed(rounds(4), racing=False)
    assert (found.decided, found.unfinished) == (False, 3)
    assert set(verdicts(found).values()) == {"leading", "trained"}, "nobody is eliminated by no test"
    assert "no test has been made yet" in answer(found, rounds(4), Command(study="s"), "Recipe unchecked.")[1]


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_eliminate_nobody(seeds: int) -> None:
    found = analyse(candidates(FAR_APART), rounds(seeds), Grid(seeds=seeds))
    assert (found.unfinished, found.decided) == (0, False)
    assert sorted(verdicts(found).values()) == ["leading", "trained", "trained"]
    assert "Nothing is decided" in answer(found, rounds(seeds), Command(study="s"), "Recipe unchecked.")[1]


def test_a_race_that_has_decided_is_not_undone_by_what_it_spared() -> None:
    """It ends after three seeds of five where one is far ahead."""
    names = {"a": 380, "b": 200, "c": 100}
    trials = [noisy(name, seed, right) for name, right in names.items() for seed in range(3)]
    found = analyse(candidates(names), trials, Grid(seeds=5))
    assert (found.decided, found.unfinished) == (True, 0)
    assert verdicts(found) == {"a": "winner", "b": "eliminated", "c": "eliminated"}


def test_a_lone_candidate_is_the_only_one() -> None:
    trials = [noisy("a", seed, 300) for seed in range(3)]
    found = analyse(candidates("a"), trials, Grid(seeds=3))
    assert verdicts(found) == {"a": "the only one"}
    first, second, _ = answer(found, trials, Command(study="s"), "Recipe unchecked.")
    assert "the only candidate" in first and second == "Nothing was compared with it. Recipe unchecked."


def test_the_only_one_that_did_not_diverge_is_said_to_be_that() -> None:
    trials = [noisy("a", seed, 300) for seed in range(3)] + [trial("b", 0, 0, "diverged")]
    found = analyse(candidates("ab"), trials, Grid(seeds=3))
    assert (
        ", the only one with a result, builds"
        in answer(found, trials, Command(study="s"), "Recipe unchecked.")[0]
    )


def test_the_time_that_more_seeds_take_counts_compiling_each_network_once_more() -> None:
    took = [
        replace(row, train_seconds=3.0, evaluate_seconds=1.0, compile_seconds=100.0 / (1 + row.seed))
        for row in rounds(3)
    ]
    found = analyse(candidates(FAR_APART), took, Grid(seeds=3, indifference=0.015))
    assert found.decision is not None and found.decision.missing == "seeds"
    seeds = found.decision.seeds
    assert seeds is not None and found.behind is not None and len(found.behind.set) == 2
    third = answer(found, took, Command(study="s"), "Recipe unchecked.")[2]
    said = duration(2 * (4.0 * (seeds - 3) + 100 / 3))
    assert third.startswith(f"About {seeds} seeds each would decide, in about {said}: ")
