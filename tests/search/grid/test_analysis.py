"""From ledger rows to findings, on rows written by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from scaling_search.ledger.storage.rows import BASE, DatasetRow, TrialRow
from scaling_search.racing.looks import Look
from scaling_search.search.grid import analysis
from scaling_search.search.grid.analysis import GridAnalysis
from scaling_search.search.grid.candidates import recorded_of
from scaling_search.search.plan.study_tables import Grid
from tests.search.grid.rows import candidate, candidates, trial, triple

FAR_APART = {"a": 300, "b": 296, "c": 100}


def analysed(
    names: str, trials: list[TrialRow], *, seeds: int = 4, racing: bool = True, **more: Any
) -> GridAnalysis:
    return analysis.analyse(candidates(names), trials, Grid(seeds=seeds, racing=racing), **more)


def noisy(network: str, seed: int, right: int, images: int = 400) -> TrialRow:
    """Right on about so many images, other ones with each seed."""
    from dataclasses import replace

    draw = np.random.default_rng([seed, right])
    bits = draw.random(images) < right / images
    row = trial(network, seed, right, images=images)
    return replace(row, correct=np.packbits(bits).tobytes(), accuracy=float(bits.mean()))


def test_nothing_complete_names_nobody() -> None:
    for rows in ([], [trial("a", 0, 0, "diverged")], [trial("a", 0, 0, "waiting")]):
        found = analysed("a", rows)
        assert found.winner is None and found.scores is None and not found.decided
    assert found.candidate("a") == candidates("a")[0]


def test_a_race_is_replayed_from_the_trials_there_are() -> None:
    trials = [noisy(name, seed, right) for name, right in FAR_APART.items() for seed in range(3)]
    found = analysed("abc", trials, seeds=5)
    assert found.race is not None
    # "c" is out after three seeds; of "a" and "b" the fourth is missing.
    assert [len(look.keep) for look in found.race.looks] == [3, 3, 2]
    assert found.unfinished == 2 and not found.decided
    assert found.winner is not None and found.winner.group in "ab"
    more = [*trials, *(noisy(name, seed, FAR_APART[name]) for name in "ab" for seed in (3, 4))]
    assert analysed("abc", more, seeds=5).unfinished == 0


def test_an_exhaustive_search_is_looked_at_once_in_the_end() -> None:
    trials = [noisy(name, seed, right) for name, right in FAR_APART.items() for seed in range(4)]
    found = analysed("abc", trials, racing=False)
    assert found.race is not None and len(found.race.looks) == 1
    assert found.race.looks[0].seeds == 4 and not found.race.looks[0].drop
    assert found.behind is not None and "c" not in found.behind.set


def test_recorded_looks_are_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    from scaling_search.racing import looks

    trials = [noisy(name, seed, right) for name, right in FAR_APART.items() for seed in range(4)]
    first = analysed("abc", trials)
    assert first.race is not None
    recorded: tuple[Look, ...] = first.race.looks
    monkeypatch.setattr(looks, "compare", lambda *_, **__: pytest.fail("compared again"))
    again = analysed("abc", trials, recorded=recorded)
    assert again.race is not None
    assert [look.keep for look in again.race.looks] == [look.keep for look in recorded]


def test_what_is_screened_out_or_was_never_begun_is_not_in_the_race() -> None:
    from scaling_search.search.grid.screening_stage import Screening

    trials = [noisy(name, seed, 300) for name in "ab" for seed in range(4)]
    out = Screening(epochs=1, candidates=4, agreement=None, screened_out={"b": 0.5})
    found = analysed("abc", trials, screening=out)
    assert found.race is not None and {name for look in found.race.looks for name in look.keep} == {"a"}


def test_trials_at_chance_are_told_by_network() -> None:
    trials = [noisy("a", 0, 300), noisy("a", 1, 40), *(noisy("b", seed, 250) for seed in range(2))]
    found = analysed("ab", trials, seeds=2, at_chance={"a1": "no better than guessing"})
    assert found.at_chance == {"a": "1 of 2 seeds at chance level: no better than guessing"}


def test_nobody_is_named_that_stayed_at_chance_level() -> None:
    trials = [noisy("a", 0, 40), noisy("b", 0, 40)]
    low = {row.key: "no better than guessing" for row in trials}
    assert analysed("ab", trials, at_chance=low).winner is None
    assert analysed("ab", trials, at_chance={"b0": "…"}).winner is not None


def test_the_base_is_set_beside_the_winner_and_is_no_candidate() -> None:
    trials = [noisy("a", seed, 350) for seed in range(3)]
    base = [noisy("base", seed, 250) for seed in range(3)]
    found = analysed("a", trials, seeds=3, base=base)
    assert found.base is not None and abs(found.base.value - 250 / 400) < 0.05
    assert found.figures is not None
    gap = found.figures.differences[BASE]
    assert gap.value < 0, "the base minus the winner"
    assert found.scores is not None and BASE not in found.scores.names
    assert analysed("a", trials, seeds=3).base is None


def test_a_triple_that_scales_nothing_is_no_point_of_the_surface() -> None:
    networks = {"base": 1.0, "a": 1.4, "b": 1.8, "c": 2.0}
    rows = [candidate(name, alpha, depth_factor=alpha) for name, alpha in networks.items()]
    field = recorded_of(rows, [triple(name, alpha) for name, alpha in networks.items()])
    trials = [noisy(name, seed, 240 + 12 * at) for at, name in enumerate(networks) for seed in range(3)]
    found = analysis.analyse(field, trials, Grid(seeds=3, racing=False))
    assert found.surface is not None and found.scores is not None
    assert analysis.response(field, found.scores, exponents=(1, 2, 0)) is None, "resolution costs nothing"
    (alone,) = [one for one in field if one.group == "base"]
    lone = analysis.analyse([alone], trials, Grid(seeds=3, racing=False))
    assert lone.scores is not None and lone.surface is None


def test_how_images_count_is_read_from_the_data_set() -> None:
    row = DatasetRow(
        fingerprint="d",
        name="d",
        classes='["cat", "dog"]',
        channels=1,
        height=8,
        width=8,
        train_images=4,
        validation_images=4,
        test_images=None,
        validation_labels=json.dumps([0, 0, 0, 1]),
        validation_groups=json.dumps([0, 0, 1, 2]),
        mean="[128.0]",
        std="[64.0]",
    )
    assert analysis.sample_of(None, "accuracy").weights is None
    balanced = analysis.sample_of(row, "balanced-accuracy")
    assert balanced.weights is not None
    assert balanced.weights[:3].sum() == pytest.approx(balanced.weights[3:].sum()), "each class counts alike"


def test_bits_of_several_phi_are_means() -> None:
    """An accuracy is that of all networks of a candidate."""
    rows = [candidate("a", 1.2, group="ab"), candidate("b", 1.2, 2, group="ab")]
    found = recorded_of(rows, [triple("a", 1.2), triple("b", 1.2, 2)])
    trials = [row for seed in range(2) for row in (trial("a", seed, 80), trial("b", seed, 60))]
    result = analysis.analyse(found, trials, Grid(seeds=2))
    assert np.isclose(result.accuracies["ab"].value, 0.7)
