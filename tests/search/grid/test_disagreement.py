"""Candidates whose seeds disagree are named, with a reason that the records show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scaling_search.ledger.storage.rows import TrialRow
from scaling_search.search.grid import disagreement
from scaling_search.search.grid.analysis import analyse
from scaling_search.search.plan.study_tables import Grid
from scaling_search.training.recipe import named
from tests.search.grid.rows import candidates, trial

NAMES = ("a", "b", "c", "d")


def trials(wild: tuple[int, ...], *, batch: int = 64, **worst: Any) -> list[TrialRow]:
    """Four candidates of a thousand images; seeds of the first get `wild` right, its worst with other figures."""
    recipe = named("fast", images=1000, batch_size=batch).canonical()
    right = dict.fromkeys(NAMES, (800, 803, 798)) | {"a": wild}
    rows = [
        replace(
            trial(name, seed, count, images=1000),
            recipe=recipe,
            gradient_norm=1.0,
            dead_share=0.01,
            batch_stats=10,
        )
        for name, counts in right.items()
        for seed, count in enumerate(counts)
    ]
    return [replace(row, **worst) if row.key == "a2" else row for row in rows]


def said(rows: list[TrialRow]) -> list[str]:
    found = analyse(candidates(NAMES), rows, Grid(seeds=3, racing=False))
    return disagreement.sentences(found, rows)


WILD = (820, 800, 700)


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        (
            {"gradient_norm": 9.0},
            "the gradient of its worst seed (2) ends with a norm of 9, the others' with 1:",
        ),
        ({"dead_share": 0.4}, "40% of the units of its worst seed (2) are dead, 1% of the others'"),
        ({"batch": 8}, "its batches of 8 images leave normalisation statistics to chance"),
        ({}, "neither gradients, dead units, batches nor collapse show why"),
    ],
)
def test_the_reason_is_what_is_recorded(figures: dict[str, Any], reason: str) -> None:
    (sentence,) = said(trials(WILD, **figures))
    assert sentence.startswith(
        "Seeds of (1, 1, 1) disagree: their standard deviation is 6.4 points, the others' 0.3; "
    )
    assert reason in sentence


def test_seeds_that_agree_about_as_well_as_the_others_are_not_named() -> None:
    assert said(trials((800, 803, 795))) == []


def test_nothing_is_said_before_there_are_three_to_compare() -> None:
    rows = [row for row in trials(WILD) if row.network in "ab"]
    assert said(rows) == []
