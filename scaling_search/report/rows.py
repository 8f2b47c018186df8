"""What a report is about, as plain figures: filled from ledger rows by ``collect`` and by ``search``.

Every figure that may not have been measured is optional: None is "not measured", never 0.
Accuracies are fractions; MACs are multiply-adds for one image; resolutions are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from scaling_search.report.page.data import Dimensions, Triple
from scaling_search.report.table import Estimate, Interval, Scalar

Verdict = Literal[
    "winner",
    "leading",
    "the only one",
    "equal",
    "in the set",
    "eliminated",
    "screened out",
    "trained",
    "at chance",
    "diverged",
    "failed",
    "running",
    "waiting",
    "dropped",
    "base",
]
Status = Literal["kept", "adjusted", "dropped"]
FamilyStatus = Literal["trained", "diverged", "failed", "running", "waiting", "not trained"]


@dataclass(frozen=True, kw_only=True)
class States:
    """Trials of one network, by state."""

    waiting: int = 0
    running: int = 0
    complete: int = 0
    failed: int = 0
    diverged: int = 0

    @property
    def total(self) -> int:
        """All trials."""
        return self.waiting + self.running + self.complete + self.failed + self.diverged


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network that a triple builds at φ. ``macs_ratio`` is to the base network's MACs.

    ``realised``: by how much depth (blocks), width (weighted by cost) and resolution (side) were really multiplied; the
    triple is what was asked for. ``memory`` are bytes of a training step; ``group`` is shared by the networks, one for
    each φ, that are ranked as one.
    """

    name: str | None = None
    fingerprint: str | None = None
    group: str | None = None
    phi: float | None = None
    alpha: float | None = None
    beta: float | None = None
    gamma: float | None = None
    depth: str | None = None
    width: str | None = None
    resolution: int | None = None
    nominal_resolution: float | None = None
    realised: Dimensions | None = None
    parameters: int | None = None
    activations: int | None = None
    memory: int | None = None
    macs: int | None = None
    macs_ratio: float | None = None

    @property
    def macs_to_target(self) -> float | None:
        """MACs ÷ (2^φ × the base's MACs): 1 means the budget is met exactly."""
        if self.macs_ratio is None or self.phi is None:
            return None
        try:
            return self.macs_ratio / math.exp2(self.phi)
        except (OverflowError, ZeroDivisionError):
            return None


@dataclass(frozen=True, kw_only=True)
class GridRow:
    """A candidate of the search. ``triples`` are all that build its network; its candidate has the one shown.

    The verdict says what the data can tell: "winner", or "leading" while nothing is decided; "equal": shown to be
    within the indifference of the best; "in the set": may be the best; "eliminated"; "screened out" after short
    training, never trained in full; "trained" where nothing was compared; else why there is no ranking.
    """

    candidate: Candidate
    triples: tuple[Triple, ...] = ()
    status: Status = "kept"
    reason: str | None = None
    accuracy: Estimate | None = None
    interval: Interval | None = None
    behind: Interval | None = None
    verdict: Verdict = "waiting"
    states: States = States()


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What the statistics say of one candidate: its interval, how far it is behind the best, the verdict."""

    verdict: Verdict
    interval: Interval | None = None
    behind: Interval | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class GridReport:
    """The search: candidates from best to worst, the base network, and the candidates dropped unmeasured.

    ``level`` is the confidence level of every interval in it. ``answer``: at most three lines. ``notes`` are sentences
    that the answer rests on, ``details`` others. ``budget`` names the cost that candidates have equal. ``opening``: the
    base, in words, by the names that JSON has for them.
    """

    study: str
    baseline: str
    dataset: str
    rows: tuple[GridRow, ...]
    dropped: tuple[GridRow, ...] = ()
    base: GridRow | None = None
    budget: str = "MACs"
    level: float | None = None
    opening: Mapping[str, Scalar] = field(default_factory=dict)
    answer: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """From one trained member to the next: the paired difference of their accuracies on ``split``."""

    phi: float
    to_phi: float
    difference: Interval
    split: str
    training_fell: bool | None = None


@dataclass(frozen=True, kw_only=True)
class MemberRow:
    """A member of the family at its φ. ``predicted`` was said before it was trained; ``training``: on the images that
    it was trained on.
    """

    candidate: Candidate
    status: FamilyStatus = "waiting"
    reason: str | None = None
    accuracy: Estimate | None = None
    interval: Interval | None = None
    training: Estimate | None = None
    test: Estimate | None = None
    test_interval: Interval | None = None
    predicted: Interval | None = None
    states: States = States()

    @property
    def prediction_held(self) -> bool | None:
        """Whether the mean fell inside the predicted interval; None where one of them, or a seed, is missing."""
        if self.predicted is None or self.accuracy is None or self.states.waiting or self.states.running:
            return None
        return self.predicted.low <= self.accuracy.mean <= self.predicted.high


@dataclass(frozen=True, kw_only=True)
class FamilyReport:
    """One triple extrapolated, from the smallest φ to the largest. ``budget`` names the cost that doubles with φ.

    ``kind``: of the full network or of its proxy; ``base`` names the member at φ = 0; ``factors``: what was raised to
    the power φ, the triple ("nominal") or what it built ("realised").
    """

    study: str
    baseline: str
    dataset: str
    triple: Triple
    kind: Literal["full", "proxy"]
    base: str
    factors: str = "nominal"
    rows: tuple[MemberRow, ...]
    steps: tuple[StepRow, ...] = ()
    budget: str = "MACs"
    level: float | None = None
    notes: tuple[str, ...] = ()
