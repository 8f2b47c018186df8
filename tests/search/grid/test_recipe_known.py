"""What a grid's answer says of its recipe: never checked, checked with another rate, or what a check found."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.decision_rows import RecipeCheckRow
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.search.grid.answer import Command
from scaling_search.search.grid.recipe_known import known
from scaling_search.training.recipe import named

OWN = named("fast", images=1000)
LONGER = named("fast", images=1000, epochs=2 * OWN.epochs)


def a_study(name: str, recipe: str, base: str = "b") -> StudyRow:
    return StudyRow(
        name=name,
        fingerprint=name,
        toml="",
        baseline="n",
        full="f",
        base=base,
        dataset_name="d",
        dataset="d",
        recipe=recipe,
        created_at="2026-01-01",
        run_at="2026-01-01",
    )


def a_row(study: str, change: str, verdict: str, recipe: str, estimate: float = 0.1) -> RecipeCheckRow:
    return RecipeCheckRow(
        study=study,
        candidate="x",
        other="y",
        change=change,
        changed_to=0.16 if change == "rate" else 50.0,
        recipe=recipe,
        rule=1,
        estimate=estimate,
        low=0.05,
        high=0.15,
        lead=0.01,
        indifference=0.01,
        seeds=3,
        verdict=verdict,
        created_at="2026-01-01",
    )


MINE, OTHER = a_study("mine", OWN.canonical()), a_study("other", LONGER.canonical())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [],
            "The recipe was never checked for this baseline and data: `scaling-search recipe --study mine`.",
        ),
        (
            [a_row("elsewhere", "rate", "fair", OWN.canonical())],
            "The recipe was never checked for this baseline and data: `scaling-search recipe --study mine`.",
        ),
        (
            [a_row("other", "rate", "unfair", LONGER.canonical())],
            "This recipe was not checked; with another rate or length, study other has a check: unfair.",
        ),
        (
            [
                a_row("mine", "rate", "fair", OWN.canonical()),
                a_row("mine", "length", "fair", OWN.canonical()),
            ],
            "Its recipe was checked and is fair: the order does not depend on it.",
        ),
        (
            [
                a_row("mine", "rate", "unfair", OWN.canonical()),
                a_row("mine", "length", "fair", OWN.canonical()),
            ],
            "Its recipe was checked and is unfair: with rate 0.16, a lead changes by 10.0 points.",
        ),
        (
            [
                a_row("mine", "rate", "fair", OWN.canonical()),
                a_row("mine", "length", "undecided", OWN.canonical()),
            ],
            "Its recipe was checked: whether the order depends on it cannot be told yet.",
        ),
        (
            [a_row("other", "length", "fair", OWN.canonical())],
            "Its length was checked and is fair: the order does not depend on it.",
        ),
    ],
)
def test_what_is_said(tmp_path: Path, rows: list[RecipeCheckRow], said: str) -> None:
    with Ledger.open(tmp_path / "l.db") as ledger:
        ledger.record([MINE, OTHER, a_study("elsewhere", OWN.canonical(), base="c"), *rows])
        assert known(ledger, MINE, Command(study="mine")) == said
