"""What a ledger knows of whether a ranking depends on its recipe: checks of the same baseline on the same data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_search.ledger.storage.decision_rows import RecipeCheckRow
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.ledger.storage.schema import RECIPE_CHECKS, STUDIES
from scaling_search.report.figures import count
from scaling_search.search.grid.answer import Command
from scaling_search.training import recipe as recipes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaling_search.ledger.reader import Reader


def known(ledger: Reader, study: StudyRow, command: Command, *, tuned: bool = False) -> str:
    """One sentence. `tuned`: whether every network has a rate of its own."""
    if tuned:
        return (
            "Each network had the best of three rates; whether the length changes the order was not checked."
        )
    alike = {
        row.name for row in ledger.rows(STUDIES) if (row.base, row.dataset) == (study.base, study.dataset)
    }
    rows = [row for row in ledger.rows(RECIPE_CHECKS) if row.study in alike]
    if not rows:
        return f"The recipe was never checked for this baseline and data: {command.line('recipe')}."
    own = [row for row in rows if row.recipe == study.recipe]
    if not own:
        others = sorted({row.study for row in rows})
        return (
            f"This recipe was not checked; with another rate or length, study {others[0]} has a check: "
            f"{verdict([row for row in rows if row.study == others[0]])}."
        )
    found = verdict(own)
    what = "length" if {row.change for row in own} == {"length"} else "recipe"
    if found == "fair":
        return f"Its {what} was checked and is fair: the order does not depend on it."
    if found == "undecided":
        return f"Its {what} was checked: whether the order depends on it cannot be told yet."
    worst = max((row for row in own if row.verdict == "unfair"), key=lambda row: abs(row.estimate))
    to = f"rate {worst.changed_to:g}" if worst.change == "rate" else count(round(worst.changed_to), "epoch")
    return f"Its {what} was checked and is unfair: with {to}, a lead changes by {100 * abs(worst.estimate):.1f} points."


def verdict(rows: Sequence[RecipeCheckRow]) -> str:
    """Of the study's own recipe where rows have several: the one whose rates were tried, at its shortest length."""
    first = min(rows, key=lambda row: (row.change != "rate", recipes.parse(row.recipe).epochs)).recipe
    verdicts = {row.verdict for row in rows if row.recipe == first}
    return next((word for word in ("unfair", "undecided") if word in verdicts), "fair")
