"""What a recipe check says: interactions, their verdicts, and the rate and length to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scaling_search.ledger.storage.decision_rows import RecipeCheckRow
from scaling_search.search.recipe_check.cells import in_words
from scaling_search.statistics.interactions import RULE_VERSION, Settling, Verdict
from scaling_search.system.clock import utc_now
from scaling_search.training.recipe import Recipe

Change = Literal["rate", "length"]
# A network and a recipe, by fingerprint and canonical text.
CellKey = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """How much the lead of `ahead` over `other` grows from `recipe` to `changed`; shares, bounds None where unknown.

    `lead`: with `recipe`, never negative. `ahead`, `other`: fingerprints of networks.
    """

    ahead: str
    other: str
    change: Change
    recipe: Recipe
    changed: Recipe
    lead: float
    estimate: float
    low: float | None
    high: float | None
    verdict: Verdict

    @property
    def swaps(self) -> bool:
        """Whether the other is ahead after the change."""
        return self.lead + self.estimate < 0 < self.lead


@dataclass(frozen=True, kw_only=True)
class Check:
    """What is known of a study's recipe.

    `names`: networks in words, by fingerprint. `accuracy`: mean of each cell. `broken`: cells without a result and why,
    by network and recipe. `rate`, `epochs`: those to use, None while unknown; `long_enough`: whether that length is
    shown to be. `settling`: what would decide what is undecided. `unfinished`: planned trials without a result yet.
    """

    own: Recipe
    names: Mapping[str, str]
    interactions: tuple[Interaction, ...]
    accuracy: Mapping[CellKey, float]
    broken: Mapping[CellKey, str]
    indifference: float | None
    seeds: int
    images: int
    nothing_decided: str | None
    settling: Settling | None
    rate: float | None
    epochs: int | None
    long_enough: bool
    unfinished: int = 0

    @property
    def of_own(self) -> tuple[Interaction, ...]:
        """Those around the study's own recipe."""
        return tuple(one for one in self.interactions if one.recipe == self.own)

    @property
    def verdict(self) -> Verdict:
        """Of the study's own recipe."""
        return overall([one.verdict for one in self.of_own])

    def doubled(self, epochs: int) -> tuple[Interaction, ...]:
        """What doubling this length changes."""
        return tuple(
            one for one in self.interactions if one.change == "length" and one.recipe.epochs == epochs
        )

    def rows(self, study: str) -> list[RecipeCheckRow]:
        """As the ledger keeps it."""
        now = utc_now()
        return [
            RecipeCheckRow(
                study=study,
                candidate=one.ahead,
                other=one.other,
                change=one.change,
                changed_to=one.changed.learning_rate if one.change == "rate" else float(one.changed.epochs),
                recipe=one.recipe.canonical(),
                rule=RULE_VERSION,
                estimate=one.estimate,
                low=one.low,
                high=one.high,
                lead=one.lead,
                indifference=self.indifference or 0.0,
                seeds=self.seeds,
                verdict=one.verdict,
                created_at=now,
            )
            for one in self.interactions
        ]


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Unfair where one is, fair where all are and there is one."""
    if "unfair" in verdicts:
        return "unfair"
    return "fair" if verdicts and set(verdicts) == {"fair"} else "undecided"


def words(recipe: Recipe, change: Change) -> str:
    """A recipe by what is changed of it."""
    return in_words(recipe).split(", ")[0 if change == "rate" else 1]
