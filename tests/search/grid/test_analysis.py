"""From ledger rows to findings, on rows written by hand."""

import numpy as np

from scaling_search.ledger.storage.rows import CandidateRow, StudyRow, TrialRow
from scaling_search.racing import race
from scaling_search.search.grid import analysis, decision_log
from scaling_search.search.grid.contenders import all_bits, bits_of, rivals_of, scores_of
from scaling_search.search.tables import grid_report
from scaling_search.statistics import confidence_set


def row(
    network: str, alpha: float, phi: float = 1.0, *, off: float = 0.0, status: str = "kept"
) -> CandidateRow:
    return CandidateRow(
        study="s",
        purpose="grid",
        phi=phi,
        alpha=alpha,
        beta=1.0,
        gamma=1.0,
        network=network,
        resolution=10,
        nominal_resolution=10 + off,
        macs=100,
        status=status,
    )


def trial(network: str, seed: int, right: int, state: str = "complete", images: int = 100) -> TrialRow:
    correct = np.arange(images) < right
    done = state == "complete"
    return TrialRow(
        key=f"{network}{seed}",
        network=network,
        network_name=network,
        recipe="r",
        dataset="d",
        dataset_name="d",
        seed=seed,
        state=state,  # type: ignore[arg-type]
        correct=np.packbits(correct).tobytes() if done else None,
        correct_count=images if done else None,
    )


def test_triples_that_build_the_same_are_one_rival_led_by_the_one_moved_least() -> None:
    rows = [row("a", 1.0, off=3), row("a", 1.2), row("b", 1.4), row("c", 2.0, status="dropped")]
    first, second = rivals_of(rows)
    assert (first.key, first.triple, len(first.triples)) == ("a", (1.2, 1.0, 1.0), 2)
    assert (second.key, second.triples) == ("b", ((1.4, 1.0, 1.0),))


def test_at_several_phi_a_rival_must_be_there_at_each() -> None:
    rows = [row("a", 1.0), row("b", 1.0, 2), row("a", 1.2), row("c", 1.2, 2), row("d", 1.4)]
    assert [rival.key for rival in rivals_of(rows)] == ["a+b", "a+c"]
    assert rivals_of(rows)[0].macs == 200


def test_bits_are_the_images_in_order() -> None:
    assert bits_of(trial("a", 0, 13, images=21)).tolist() == [True] * 13 + [False] * 8


def test_all_bits_are_those_of_each() -> None:
    alike = [trial("a", seed, 10 + seed, images=21) for seed in range(3)]
    for rows in ([], alike, [*alike, trial("a", 3, 5, images=8)]):
        found = all_bits(rows)
        assert [bits.tolist() for bits in found] == [bits_of(row).tolist() for row in rows]
        assert {bits.dtype for bits in found} <= {np.dtype(bool)}


def test_an_image_counts_once_at_several_phi() -> None:
    field = rivals_of([row("a", 1.0), row("b", 1.0, 2)])
    table = scores_of(field, [trial("a", 0, 80), trial("b", 0, 60), trial("a", 1, 90)])
    assert table is not None
    assert table.seeds == (0,)
    assert sorted(set(table.correct[0, 0].tolist())) == [0.0, 0.5, 1.0]
    assert np.isclose(table.means[0], 0.7)


def test_one_broken_seed_takes_a_rival_out_and_waiting_ones_do_not() -> None:
    field = rivals_of([row(name, 1 + i / 10) for i, name in enumerate("abcd")])
    trials = [
        *(trial("a", seed, 90) for seed in range(2)),
        trial("a", 2, 0, "diverged"),
        trial("b", 0, 70),
        trial("b", 1, 0, "waiting"),
        trial("c", 0, 70),
        trial("c", 1, 0, "failed"),
        trial("d", 0, 0, "running"),
    ]
    table = scores_of(field, trials)
    assert table is not None
    assert table.names == ("b",)
    assert scores_of(field, []) is None
    assert analysis.analyse([row("a", 1.0)], [trial("a", 0, 0, "diverged")], racing_seeds=3).choice is None


def test_a_triple_that_scales_nothing_is_no_point_of_the_surface() -> None:
    networks = {"base": 1.0, "a": 1.4, "b": 1.8, "c": 2.0}
    field = rivals_of([row(name, alpha) for name, alpha in networks.items()])
    trials = [
        trial(name, seed, 60 + 7 * seed + 3 * at) for at, name in enumerate(networks) for seed in (0, 1)
    ]
    table = scores_of(field, trials, {})
    assert table is not None and len(table.names) == len(networks)
    assert analysis.response(field, table) is not None
    alone = scores_of(field[:1], trials[:2], {})
    assert alone is not None and analysis.response(field[:1], alone) is None


def test_a_whole_table_without_decisions_is_tested_once_at_the_whole_error() -> None:
    field = [row(name, 1 + at / 10) for at, name in enumerate("abc")]
    trials = [
        trial(name, seed, right + seed, images=400)
        for name, right in {"a": 300, "b": 296, "c": 100}.items()
        for seed in range(4)
    ]
    table = scores_of(rivals_of(field), trials)
    assert table is not None
    found = analysis.analyse(field, trials, racing_seeds=4)
    assert found.members == confidence_set.confidence_set(table, with_p_values=False)
    # With decisions it is the race's: there "c" was out after two seeds, and has no later verdict.
    raced = analysis.raced(table, trials, [], seeds=4)
    written = [
        decision
        for decided in raced
        for decision in decision_log.rows(
            decided, study="s", basis="another", now="2026-01-01T00:00:00+00:00"
        )
    ]
    assert found.members is not None
    again = analysis.analyse(field, trials, racing_seeds=4, recorded=written).members
    assert again is not None and again.verdicts != found.members.verdicts
    assert again == race.result(analysis.raced(table, trials, [], seeds=4, with_p_values=False))


def test_the_report_shows_the_triple_that_was_moved_least() -> None:
    candidates = [row("a", 1.0, off=3), row("a", 1.2)]
    study = StudyRow(
        name="s", toml="", baseline="b", dataset_name="d", created_at="2026-01-01T00:00:00+00:00"
    )
    found = analysis.analyse(candidates, [], racing_seeds=3)
    (shown,) = grid_report.grid_report(study, candidates, [], base=None, found=found).rows
    assert (shown.candidate.alpha, shown.candidate.nominal_resolution) == (1.2, 10)
    assert len(shown.triples) == 2
