"""A network: a stage table, strictly read, and the operation tree that it stands for."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny, ValidationError
from pydantic_core import PydanticCustomError

from scaling_search.architecture.block import Count, Head, Rate, Stage, Stem, Style
from scaling_search.architecture.blocks import HEADS, STAGES, STEMS
from scaling_search.architecture.faults import explain
from scaling_search.architecture.operations import (
    ACTIVATIONS,
    Auxiliary,
    Chain,
    Concat,
    Gate,
    Mean,
    Norm,
    Operation,
    Repeat,
    Residual,
    Shape,
    chain,
)
from scaling_search.architecture.schema import Strict, canonical, digest
from scaling_search.architecture.shapes import output_shape
from scaling_search.errors import InputError, suggest

_MOST_BLOCKS = 100_000  # counting them takes some ten seconds; nobody has trained a hundredth of it
B = TypeVar("B", Stem, Stage, Head)


def _choose(what: str, legal: dict[str, type[B]], table: Any, default: str | None) -> Any:
    """The options model that `block = NAME` asks for, filled from the table."""
    if not isinstance(table, dict):
        return table
    name = table.get("block", default)
    if name is None:
        raise PydanticCustomError("no_block", f"every {what} needs `block`, one of: {', '.join(legal)}")
    if not isinstance(name, str) or name not in legal:
        raise PydanticCustomError("unknown_block", "{m}", {"m": suggest(f"{what} block", name, legal)})
    return legal[name].model_validate(table)


def _known_activation(kind: str) -> str:
    if kind not in ACTIVATIONS:
        raise PydanticCustomError("unknown_activation", suggest("activation", kind, ACTIVATIONS))
    return kind


AnyStem = Annotated[SerializeAsAny[Stem], BeforeValidator(lambda t: _choose("stem", STEMS, t, "conv"))]
AnyStage = Annotated[SerializeAsAny[Stage], BeforeValidator(lambda t: _choose("stage", STAGES, t, None))]
AnyHead = Annotated[SerializeAsAny[Head], BeforeValidator(lambda t: _choose("head", HEADS, t, "conv"))]


class Network(Strict):
    """Stem, stages, head, and what they share. `name` and `source` are labels: the fingerprint leaves them out.

    `stochastic_depth` is the rate that the last block would have: block i of n drops its branch with
    stochastic_depth * i / n, as in the reference EfficientNet.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    source: str = ""
    resolution: Annotated[int, Field(ge=1, le=8192)]
    channels: Annotated[int, Field(ge=1, le=64)] = 3
    classes: Count = 1000
    activation: Annotated[str, AfterValidator(_known_activation)]
    norm: Literal["batch", "none"] = "batch"
    norm_epsilon: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    norm_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    padding: Literal["same", "symmetric", "valid"] = "same"
    stochastic_depth: Rate = 0.0
    stem: AnyStem | None = None
    stages: Annotated[tuple[AnyStage, ...], Field(min_length=1, strict=False)]
    head: AnyHead

    @property
    def style(self) -> Style:
        norm = Norm(epsilon=self.norm_epsilon, momentum=self.norm_momentum)
        return Style(
            activation=self.activation,
            norm=norm if self.norm == "batch" else None,
            padding=self.padding,
            classes=self.classes,
        )

    @property
    def depths(self) -> tuple[int, ...]:
        return tuple(stage.depth for stage in self.stages)

    @property
    def widths(self) -> tuple[int, ...]:
        return tuple(stage.width for stage in self.stages)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One row of the network: a stem, a stage or a head, with the shapes before and after it.

    `block` is the name that its table gives it, for people to read: what it does is in `operation` alone.
    """

    label: str
    block: str
    operation: Operation
    inputs: Shape
    outputs: Shape


def parts(network: Network, resolution: int | None = None) -> tuple[Part, ...]:
    """Stem, stages and head in order, at `resolution` pixels (the network's own unless given).

    Errors: InputError naming the part whose map vanishes, whose groups divide nothing, …
    """
    side = network.resolution if resolution is None else resolution
    shape: Shape = (side, side, network.channels)
    style, total, before = network.style, sum(network.depths), 0
    if total > _MOST_BLOCKS:
        raise InputError(f"{network.name}: depth: {total:,} blocks in all, more than {_MOST_BLOCKS:,}")
    found: list[Part] = []

    def add(label: str, block: str, build: Any) -> None:
        nonlocal shape
        try:
            operation = build(shape)
            outputs = output_shape(operation, shape)
        except InputError as error:
            raise InputError(f"{network.name} at {side} px: {label} ({block}): {error}") from None
        found.append(Part(label=label, block=block, operation=operation, inputs=shape, outputs=outputs))
        shape = outputs

    if network.stem is not None:
        stem = network.stem
        add("stem", stem.block, lambda _: stem.operation(style=style))
    for number, stage in enumerate(network.stages, start=1):
        rates = tuple(network.stochastic_depth * i / total for i in range(before, before + stage.depth))
        add(f"stage {number}", stage.block, lambda at, s=stage, r=rates: stage_operation(s, at, r, style))
        before += stage.depth
    head = network.head
    add("head", head.block, lambda at: head.operation(inputs=at[2], classes=network.classes, style=style))
    if shape != (1, 1, network.classes):
        raise InputError(f"{network.name}: the head ends in {shape}, not in one logit for each class")
    return tuple(found)


def stage_operation(stage: Stage, shape: Shape, drop_rates: tuple[float, ...], style: Style) -> Operation:
    """The blocks of a stage, one operation each; equal neighbours on equal maps are folded into one `Repeat`.

    What stands behind the last block comes last. A block's own chain is not laid flat: exports are read block by block.
    """
    blocks: list[tuple[Operation, Shape, float]] = []
    for index, rate in enumerate(drop_rates):
        operation = stage.block_at(index, inputs=shape[2], drop_rate=0.0, style=style)
        alike = bool(blocks) and blocks[-1][:2] == (operation, shape)
        blocks.append((operation, shape, rate))
        if not alike:  # the same block on the same map again has kept the map
            shape = output_shape(operation, shape)
    folded: list[Operation] = []
    for (operation, _), run in groupby(blocks, key=lambda block: block[:2]):
        rates = tuple(rate for *_, rate in run)
        folded.append(
            Repeat(operation=operation, drop_rates=rates)
            if len(rates) > 1
            else with_drop_rate(operation, rates[0])
        )
    behind = chain(stage.transition(inputs=shape[2], style=style))
    return Chain((*folded, behind) if behind.operations else tuple(folded))


def with_drop_rate(operation: Operation, drop_rate: float) -> Operation:
    """The same block with its stochastic-depth rate set, wherever a residual stands in it."""
    match operation:
        case Residual():
            return replace(operation, drop_rate=drop_rate)
        case Chain():
            return Chain(tuple(with_drop_rate(step, drop_rate) for step in operation.operations))
        case _:
            return operation


def unrolled(operation: Operation) -> Operation:
    """The same operation without `Repeat`: its copies stand in the chain around it, one after the other."""
    match operation:
        case Chain():
            return Chain(tuple(step for one in operation.operations for step in _copies(one)))
        case Residual():
            return replace(
                operation, branch=unrolled(operation.branch), shortcut=unrolled(operation.shortcut)
            )
        case Mean() | Concat():
            return replace(operation, branches=tuple(map(unrolled, operation.branches)))
        case Gate() | Auxiliary():
            return replace(operation, branch=unrolled(operation.branch))
        case Repeat():
            return Chain(_copies(operation))
        case _:
            return operation


def _copies(operation: Operation) -> tuple[Operation, ...]:
    if isinstance(operation, Repeat):
        return tuple(with_drop_rate(unrolled(operation.operation), rate) for rate in operation.drop_rates)
    return (unrolled(operation),)


def operation_tree(network: Network, resolution: int | None = None) -> Chain:
    """The whole network as one chain of stem, stages and head."""
    return Chain(tuple(part.operation for part in parts(network, resolution)))


def definition(network: Network) -> str:
    """The canonical text of a network without its labels, name and source: what the fingerprint is taken of."""
    return canonical(network, leave_out=("name", "source"))


@lru_cache(maxsize=4096)  # a plan asks for those of the same networks many times
def fingerprint(network: Network) -> str:
    """SHA-256 (hex) of the definition: equal networks, equal fingerprints."""
    return digest(definition(network))


def from_definition(text: str, *, name: str) -> Network:
    """The network of a canonical text. Errors: InputError for a text of another format or of no network."""
    try:
        table = json.loads(text)
        if not isinstance(table, dict) or table.pop("format", None) != 1:
            raise InputError(f"network {name}: its definition has an unknown format")
        return Network.model_validate({"name": name, **table})
    except ValidationError as error:
        raise explain(error, f"network {name}") from None
    except ValueError as error:
        raise InputError(f"network {name}: its definition is not JSON: {error}") from None
