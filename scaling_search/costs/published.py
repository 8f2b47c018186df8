"""Figures that others published, as the packaged `published.json` has them, each with its source."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import Field

from scaling_search.architecture.operations import Chain, Concat, Conv, Operation, Pool, Shape
from scaling_search.architecture.schema import Strict

FIGURES = ("parameters", "batch_stats", "macs", "activations")
Convolution = Annotated[tuple[int, int], Field(strict=False)]  # features, kernel
Step = Convolution | Literal["pool"]
Branch = Annotated[tuple[Step, ...], Field(strict=False)]


class Exact(Strict):
    """Figures of one built-in network, to the unit. What nobody published is absent; `derivation` shows our sum."""

    resolution: int
    parameters: int
    batch_stats: int | None = None
    macs: int
    activations: int | None = None
    source: str
    derivation: str | None = None


class Printed(Strict):
    """MACs of a scaled network as printed, rounded to `rounded_to`. Depth and width are factors, resolution pixels."""

    network: str
    depth: float
    width: float
    resolution: int
    macs: int
    rounded_to: int
    source: str
    note: str | None = None


class Module(Strict):
    """MACs of a module as printed: branches of same-size convolutions (features, kernel), side by side."""

    name: str
    input: Annotated[Shape, Field(strict=False)]
    branches: Annotated[tuple[Branch, ...], Field(strict=False)]
    macs: int
    rounded_to: int
    source: str
    note: str | None = None

    def operation(self) -> Operation:
        """The module as a tree: convolutions without bias, and 3x3 max pooling of stride 1."""
        return Concat(branches=tuple(Chain(tuple(map(_operation, branch))) for branch in self.branches))


def _operation(step: Step) -> Operation:
    if step == "pool":
        return Pool(kind="max", kernel=3, stride=1)
    features, kernel = step
    return Conv(features=features, kernel=kernel)


class Contradiction(Strict):
    """Printed figures that contradict each other or what they describe. `figures` name rows of the other tables."""

    finding: str
    figures: Annotated[tuple[dict[str, Any], ...], Field(strict=False)]


@cache
def exact() -> dict[str, Exact]:
    """By network name."""
    return {name: Exact.model_validate(row) for name, row in _read()["networks"].items()}


@cache
def printed() -> tuple[Printed, ...]:
    """In the order of their sources."""
    return tuple(Printed.model_validate(row) for row in _read()["printed"])


@cache
def modules() -> tuple[Module, ...]:
    """Single modules."""
    return tuple(Module.model_validate(row) for row in _read()["modules"])


@cache
def contradictions() -> tuple[Contradiction, ...]:
    """The known ones."""
    return tuple(Contradiction.model_validate(row) for row in _read()["contradictions"])


@cache
def _read() -> Any:
    return json.loads(resources.files("scaling_search.costs").joinpath("published.json").read_text("utf-8"))
