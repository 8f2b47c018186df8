"""The contract of the page and of the figures for papers: all that they show, as plain figures.

Whoever has a search's results fills a ``ReportData``; ``page.html.render`` and ``plots.figure`` draw it. Accuracies,
differences of them and shares are fractions (0.971, not 97.1); costs are in the unit of their kind (MACs and
parameters as counts, memory in bytes, time in seconds). **A figure that was not measured is None, never 0.** In JSON
(``encode.record``) every class is an object with the fields' names, None is null.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from scaling_search.report.table import Estimate, Interval, Scalar

VERSION = 1  # of the JSON structure: goes up when a field changes its meaning or goes

Triple = tuple[float, float, float]  # α, β, γ
Standing = Literal["winner", "in the set", "eliminated", "not ranked", "base"]
CostKind = Literal["count", "bytes", "seconds"]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A cost that candidates can be set against. ``key`` is its name in ``Network.costs``, ``title`` for people."""

    key: str
    title: str
    kind: CostKind = "count"


@dataclass(frozen=True, kw_only=True)
class Dimensions:
    """Numbers for depth, width and resolution: shares of the doubling (sum 1) or factors (1.0: as the base)."""

    depth: float
    width: float
    resolution: float


@dataclass(frozen=True, kw_only=True)
class Network:
    """What was built. ``factors``: realised, not nominal. ``costs``: by ``Cost.key``."""

    name: str
    depths: str | None = None
    widths: str | None = None
    resolution: int | None = None
    factors: Dimensions | None = None
    costs: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One trial over its epochs (counted from 1; not all need an evaluation)."""

    seed: int
    epochs: tuple[int, ...]
    train_loss: tuple[float | None, ...]
    validation_accuracy: tuple[float | None, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.epochs), len(self.train_loss), len(self.validation_accuracy)}
        if len(lengths) > 1:
            raise ValueError(
                f"seed {self.seed}: epochs, losses and accuracies have lengths {sorted(lengths)}"
            )


@dataclass(frozen=True, kw_only=True)
class Results:
    """What training gave: means over seeds, intervals, accuracy per class (of ``ReportData.classes``), curves."""

    training: Estimate | None = None
    validation: Estimate | None = None
    validation_interval: Interval | None = None
    test: Estimate | None = None
    test_interval: Interval | None = None
    per_class: tuple[float | None, ...] = ()
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Elimination:
    """When the race stopped a candidate, and the test behind it in words."""

    round: int
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network of the search, or the base network.

    ``key`` tells candidates apart and is never shown. ``triples`` are all that build the network; ``triple``
    represents them (None: a control, a single-dimension candidate without one). ``shares``: what depth, width and
    resolution got of the doubling, as built. ``verdict`` is the word for people, ``standing`` decides the mark:
    "not ranked" is everything without a comparable result (at chance, diverged, screened out, waiting).
    ``behind``: how far behind the best (fraction ≥ 0, with simultaneous bounds).
    """

    key: str
    network: Network
    standing: Standing
    verdict: str
    phi: float | None = None
    triple: Triple | None = None
    triples: tuple[Triple, ...] = ()
    shares: Dimensions | None = None
    results: Results = Results()
    behind: Interval | None = None
    eliminated: Elimination | None = None
    remark: str | None = None


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Fitted accuracy over the triangle of shares, on the lattice of ``lattice(steps)`` in its order.

    ``values``: None where nothing was searched. ``region``: whether a lattice point may be the optimum at the level;
    empty where the data do not identify it. ``optimum`` is None then too. ``p``: of the test against a flat surface.
    """

    steps: int
    values: tuple[float | None, ...]
    region: tuple[bool, ...] = ()
    optimum: Dimensions | None = None
    p: float | None = None
    says: str | None = None

    def __post_init__(self) -> None:
        points = (self.steps + 1) * (self.steps + 2) // 2
        if len(self.values) != points or len(self.region) not in (0, points):
            raise ValueError(f"a lattice of {self.steps} steps has {points} points, not {len(self.values)}")


def lattice(steps: int) -> Iterator[Dimensions]:
    """The points of a triangular lattice: depth i/steps, in it width j/steps, the rest resolution.

    >>> [(p.depth, p.width, p.resolution) for p in lattice(1)]
    [(0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)]
    """
    for i in range(steps + 1):
        for j in range(steps + 1 - i):
            yield Dimensions(depth=i / steps, width=j / steps, resolution=(steps - i - j) / steps)


@dataclass(frozen=True, kw_only=True)
class RaceTest:
    """A candidate's test in one round.

    It is eliminated where ``statistic`` exceeds ``threshold`` (in standard errors). None: not tested in this round.
    """

    candidate: str
    inside: bool
    statistic: float | None = None
    threshold: float | None = None
    p: float | None = None
    behind: Interval | None = None


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round of the race: who was in it (``tests``), after how many seeds; the error it spent (None: no test)."""

    number: int
    seeds: int
    tests: tuple[RaceTest, ...]
    error: float | None = None


@dataclass(frozen=True, kw_only=True)
class Member:
    """A network of a family. ``predicted``: its validation accuracy, said before it was trained."""

    key: str
    phi: float
    network: Network
    status: str
    predicted: Interval | None = None
    results: Results = Results()
    remark: str | None = None


@dataclass(frozen=True, kw_only=True)
class Family:
    """One triple over φ, smallest first. ``candidate``: the key of the candidate that it extends."""

    name: str
    members: tuple[Member, ...]
    triple: Triple | None = None
    candidate: str | None = None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What was forecast (bounds where it had them) and what came. ``what`` groups them: "Time of a trial", say."""

    what: str
    name: str
    kind: CostKind
    forecast: Interval
    actual: float | None = None
    candidate: str | None = None


@dataclass(frozen=True, kw_only=True)
class ActivationMap:
    """One member's class activation map of one image, as PNG. ``predicted`` is the class that it named."""

    member: str
    predicted: str
    png: bytes


@dataclass(frozen=True, kw_only=True)
class MappedImage:
    """An image, as PNG, and what the members look at in it."""

    name: str
    label: str | None
    png: bytes
    maps: tuple[ActivationMap, ...]


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """A study's report. ``answer``: 1 to 3 lines, first of all; a command in it stands between backticks.

    ``level``: of all intervals. ``budget``: the cost that candidates have equal, in words. ``chance``: accuracy of
    guessing. ``opening``: the base in words, by name. ``facts``: groups of named facts (recipe, images, device,
    versions). ``notes``: sentences.
    """

    title: str
    answer: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    costs: tuple[Cost, ...]
    dataset: str
    baseline: str
    base: Candidate | None = None
    level: float | None = None
    budget: str = "MACs"
    chance: float | None = None
    classes: tuple[str, ...] = ()
    surface: Surface | None = None
    race: tuple[Round, ...] = ()
    families: tuple[Family, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    images: tuple[MappedImage, ...] = ()
    opening: Mapping[str, Scalar] = field(default_factory=dict)
    facts: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.answer) <= 3:
            raise ValueError(f"an answer has 1 to 3 lines, not {len(self.answer)}")
        keys = [one.key for one in self.all_candidates]
        if len(set(keys)) != len(keys):
            raise ValueError("two candidates have the same key")
        raced = {test.candidate for round_ in self.race for test in round_.tests}
        if unknown := raced - set(keys):
            raise ValueError(f"the race names candidates that are not in the report: {sorted(unknown)}")
        results = [one.results for one in self.all_candidates]
        results += [member.results for family in self.families for member in family.members]
        if any(one.per_class and len(one.per_class) != len(self.classes) for one in results):
            raise ValueError(f"accuracies per class do not fit the {len(self.classes)} classes")

    @property
    def all_candidates(self) -> tuple[Candidate, ...]:
        """The base network, where there is one, then the candidates."""
        return self.candidates if self.base is None else (self.base, *self.candidates)
