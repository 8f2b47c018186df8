"""The rows of what a search decided, predicted and forecast. As `rows`: each field is named here only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LookRow:
    """One look of a race: what it rested on, how much error it spent, and whether it decided the search.

    `basis` is a digest of all that was read; `round` counts seeds. `nothing_decided` is why no decision may rest on it.
    """

    study: str
    round: int
    rule: int
    basis: str
    error: float
    candidates: int
    remaining: int
    nothing_decided: str | None = None
    winner: str | None = None  # of the last look: who was named after it
    decided: bool = False
    indifference: float | None = None
    created_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRow:
    """What a look decided about one candidate, and how far behind the best it is; figures are None where it tested
    nothing.

    `estimate`, `low`, `high`: shares. `inside`: it may be the best. `seeds` it was judged on; `collapsed`: left out.
    """

    study: str
    round: int
    candidate: str  # its group
    verdict: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    inside: bool | None = None
    seeds: int | None = None
    collapsed: int | None = None
    statistic: float | None = None
    threshold: float | None = None
    p: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreeningRow:
    """A low-fidelity screening: how far short trainings agree with full ones (Kendall's τ)."""

    study: str
    epochs: int
    candidates: int
    calibration_set: int
    tau: float | None = None
    low: float | None = None
    high: float | None = None
    created_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenedRow:
    """What screening decided about one candidate, by its accuracy after so many epochs."""

    study: str
    epochs: int
    candidate: str
    accuracy: float
    verdict: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionRow:
    """A member's accuracy, said before it was trained."""

    study: str
    role: str
    network: str
    rule: int
    accuracy: float
    low: float
    high: float
    members: int
    scenario: bool  # beyond the next member: if things go on as before
    created_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastRow:
    """How long a search was expected to take, said before it began."""

    study: str
    source: str
    device: str
    platform: str
    load: float | None
    seconds: float
    low: float | None
    high: float | None
    created_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ForecastTrialRow:
    """A trial of a forecast, in its order, with its seconds and those of compiling its network."""

    study: str
    position: int
    network: str
    seed: int
    seconds: float
    compile_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeCheckRow:
    """One interaction of a recipe check: how much the lead of a candidate over another grows from a recipe to one of
    another rate or length. Figures are shares; bounds are None where nothing may be decided.
    """

    study: str
    candidate: str  # fingerprint of its network, as `other`
    other: str
    change: str  # "rate" or "length"
    changed_to: float  # the other learning rate, or the other number of epochs
    recipe: str  # canonical JSON, of the recipe that the other is compared with
    rule: int
    estimate: float
    low: float | None
    high: float | None
    lead: float  # of the candidate with `recipe`
    indifference: float
    seeds: int
    verdict: str  # "fair", "unfair" or "undecided"
    created_at: str
