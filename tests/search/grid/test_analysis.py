"""From ledger rows to findings, on rows written by hand."""

import numpy as np

from scaling_search.racing import race
from scaling_search.search.grid import analysis, decision_log
from scaling_search.search.grid.candidates import recorded_of, scores_of
from scaling_search.search.grid.decision_log import Log
from scaling_search.statistics import confidence_set
from tests.search.grid.rows import candidate, candidates, trial, triple


def test_nothing_complete_is_no_choice() -> None:
    found = analysis.analyse(candidates("a"), [trial("a", 0, 0, "diverged")], racing_seeds=3)
    assert found.choice is None and found.scores is None
    assert found.candidate("a") == candidates("a")[0]


def test_trials_at_chance_are_told_by_network_and_not_ranked() -> None:
    trials = [trial("a", 0, 90), trial("a", 1, 10), trial("b", 0, 70)]
    found = analysis.analyse(
        candidates("ab"), trials, racing_seeds=None, at_chance={"a1": "no better than guessing"}
    )
    assert found.at_chance == {"a": "1 of 2 seeds at chance level: no better than guessing"}
    assert found.choice is not None and found.choice.winner == "b"


def test_a_triple_that_scales_nothing_is_no_point_of_the_surface() -> None:
    networks = {"base": 1.0, "a": 1.4, "b": 1.8, "c": 2.0}
    rows = [candidate(name, alpha) for name, alpha in networks.items()]
    found = recorded_of(rows, [triple(name, alpha) for name, alpha in networks.items()])
    trials = [
        trial(name, seed, 60 + 7 * seed + 3 * at) for at, name in enumerate(networks) for seed in (0, 1)
    ]
    table = scores_of(found, trials)
    assert table is not None and len(table.names) == len(networks)
    assert analysis.response(found, table) is not None
    alone = scores_of(found[:1], trials[:2])
    assert alone is not None and analysis.response(found[:1], alone) is None


def test_a_table_without_looks_is_tested_once_at_the_whole_error() -> None:
    field = candidates("abc")
    trials = [
        trial(name, seed, right + seed, images=400)
        for name, right in {"a": 300, "b": 296, "c": 100}.items()
        for seed in range(4)
    ]
    table = scores_of(field, trials)
    assert table is not None
    found = analysis.analyse(field, trials, racing_seeds=4)
    assert found.members == confidence_set.confidence_set(table, with_p_values=False)
    # With looks it is the race's: there "c" was out after two seeds, and has no later verdict.
    raced = analysis.raced(table, trials, Log(), seeds=4)
    rows = [
        row
        for decided in raced
        for row in decision_log.rows(decided, study="s", basis="another", now="2026-01-01T00:00:00+00:00")
    ]
    log = Log(
        looks=tuple(row for row in rows if isinstance(row, decision_log.LookRow)),
        decisions=tuple(row for row in rows if isinstance(row, decision_log.DecisionRow)),
    )
    assert found.members is not None
    again = analysis.analyse(field, trials, racing_seeds=4, log=log).members
    assert again is not None and again.verdicts != found.members.verdicts
    assert again == race.result(analysis.raced(table, trials, Log(), seeds=4, with_p_values=False))


def test_a_result_rests_on_recipe_and_data_of_its_trials() -> None:
    """With network and seed that is all: the order in which the trials came is nothing."""
    one, other = trial("a", 0, 50), trial("b", 0, 60)
    assert analysis.trained_by([one, other]) == analysis.trained_by([other, one])
    from dataclasses import replace

    assert analysis.trained_by([one]) != analysis.trained_by([replace(one, recipe="another")])


def test_bits_of_several_phi_are_means() -> None:
    """An accuracy is that of all networks of a candidate."""
    rows = [candidate("a", 1.2, group="ab"), candidate("b", 1.2, 2, group="ab")]
    found = recorded_of(rows, [triple("a", 1.2), triple("b", 1.2, 2)])
    result = analysis.analyse(found, [trial("a", 0, 80), trial("b", 0, 60)], racing_seeds=None)
    assert result.accuracies is not None
    assert np.isclose(result.accuracies["ab"].value, 0.7)
