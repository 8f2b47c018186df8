"""Stages as tables: blocks of one structure become one function, and what they differ in becomes its arguments.

The structure of an operation is all of it but its numbers, so no block has to be known here.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network, Part, parts, unrolled
from scaling_search.architecture.operations import Operation, Shape
from scaling_search.architecture.shapes import output_shape
from scaling_search.export.source import Call, Node, layout

# What blocks of one structure may differ in. All else is a part of the structure.
NUMBERS = {"features", "kernel", "stride", "groups", "rate", "drop_rate"}


class Columns:
    """Names for the numbers of some operations of one structure, one value for each of them.

    Widths are always arguments, other numbers where they differ; equal columns of one kind share a name. With
    `literal`, for parts that there is only one of, every number stands for itself.
    """

    def __init__(self, *, literal: bool) -> None:
        self.literal = literal
        self.named: dict[tuple[str, tuple[Any, ...]], str] = {}
        self.inner = "inner"  # what widths are called that are neither the block's input nor its output

    def width(self, values: Sequence[int], name: str) -> str:
        return repr(values[0]) if self.literal else self._name("width", values, name)

    def number(self, values: Sequence[Any], name: str) -> str:
        constant = all(value == values[0] for value in values)
        return repr(values[0]) if self.literal or constant else self._name(name, values, name)

    def groups(self, values: Sequence[int]) -> str:
        """As many groups as channels are named like these."""
        return self.named.get(("width", tuple(values))) or self.number(values, "groups")

    def _name(self, kind: str, values: Sequence[Any], name: str) -> str:
        key = (kind, tuple(values))
        if key not in self.named:
            taken = set(self.named.values())
            names = (name if count == 1 else f"{name}_{count}" for count in range(1, len(taken) + 2))
            self.named[key] = next(one for one in names if one not in taken)
        return self.named[key]


# (the same operation of every block, the shapes that they see, the names) -> an expression
Write = Callable[[Sequence[Operation], Sequence[Shape], Columns], Node]


@dataclass(frozen=True)
class Block:
    """One block of a stage and the map that it sees. `drop` is the rate of the shortcut around it, if there is one."""

    kind: str
    operation: Operation
    shape: Shape
    drop: float | None


@dataclass(frozen=True)
class Table:
    """Block functions as text, rows for each stage, and whether rows tell of shortcuts around blocks."""

    functions: tuple[str, ...]
    stages: tuple[tuple[Node, ...], ...]
    shortcuts: bool


def structure(value: Any) -> Any:
    """An operation without its numbers."""
    if isinstance(value, tuple):
        return tuple(map(structure, value))
    if not hasattr(value, "__dataclass_fields__"):
        return value
    kept = [getattr(value, field.name) for field in fields(value) if field.name not in NUMBERS]
    return (type(value).__name__, *map(structure, kept))


def ends(network: Network) -> tuple[Part | None, Part]:
    """Stem, if there is one, and head."""
    found = parts(network)
    return (found[0] if network.stem is not None else None), found[-1]


def single(write: Write, part: Part) -> Node:
    """The expression of a stem or head."""
    return write([unrolled(part.operation)], [part.inputs], Columns(literal=True))


def table(network: Network, write: Write, returns: str) -> Table:
    """The stages of a network. `returns` is the type that a block function says it returns."""
    stages = [tuple(blocks(part)) for part in parts(network) if part.label.startswith("stage ")]
    groups: dict[Any, list[Block]] = {}
    for block in (block for stage in stages for block in stage):
        groups.setdefault(structure(block.operation), []).append(block)
    functions: list[str] = []
    calls: dict[int, tuple[str, ...]] = {}
    names: set[str] = set()
    for members in groups.values():
        name = _function_name(members[0].kind, names)
        names.add(name)
        columns = Columns(literal=False)
        shapes = [block.shape for block in members]
        columns.width([shape[2] for shape in shapes], "inputs")
        outputs = [output_shape(block.operation, block.shape)[2] for block in members]
        columns.width(outputs, "outputs")
        body = write([block.operation for block in members], shapes, columns)
        text, used = _function(name, body, columns, returns)
        functions.append(text)
        for index, block in enumerate(members):
            values = {named: repr(values[index]) for (_, values), named in columns.named.items()}
            calls[id(block)] = (name, *(values[named] for named in used))
    shortcuts = any(block.drop is not None for stage in stages for block in stage)
    rows = (_rows([(calls[id(block)], block.drop) for block in stage], shortcuts) for stage in stages)
    return Table(tuple(functions), tuple(map(tuple, rows)), shortcuts)


def blocks(part: Part) -> Iterator[Block]:
    """The blocks of a stage."""
    shape = part.inputs
    operation = unrolled(part.operation)
    assert isinstance(operation, ops.Chain)  # noqa: S101 # a stage is a chain of its blocks
    for step in operation.operations:
        if isinstance(step, ops.Residual) and step.shortcut == ops.Chain():
            yield Block(part.block, step.branch, shape, step.drop_rate)
        else:
            yield Block(part.block, step, shape, None)
        shape = output_shape(step, shape)


def _function_name(kind: str, taken: set[str]) -> str:
    name = "".join(letter if letter.isalnum() else "_" for letter in kind)
    name = f"{name}_" if keyword.iskeyword(name) else name
    return next(one for one in (name, *(f"{name}_{i}" for i in range(2, len(taken) + 3))) if one not in taken)


def _function(name: str, body: Node, columns: Columns, returns: str) -> tuple[str, list[str]]:
    """The text of a block function, and the names of its parameters (those of its columns that it uses)."""
    text = "    " + layout(body, indent=4, before="return ")
    read = {node.id for node in ast.walk(ast.parse(text.strip())) if isinstance(node, ast.Name)}
    named = [one for one in columns.named.values() if one in read]
    arguments = tuple(f"{one}: {'float' if one in ('drop', 'rate') else 'int'}" for one in named)
    head = layout(Call(f"def {name}", arguments), behind=f" -> {returns}:")
    return f"{head}\n{text}", named


def _rows(calls: Sequence[tuple[tuple[str, ...], float | None]], shortcuts: bool) -> Iterator[Node]:
    """One row for each run of blocks that differ in nothing but their rate: function, how many, numbers.

    Where blocks have shortcuts around them, "how many" is a tuple of their rates, None for a block without one.
    """
    for (name, *numbers), run in groupby(calls, key=lambda call: call[0]):
        rates = tuple("None" if drop is None else repr(round(drop, 9)) for _, drop in run)
        alike = len(rates) > 1 and len(set(rates)) == 1
        how_many: Node = f"({rates[0]},) * {len(rates)}" if alike else Call("", rates)
        yield Call("", (name, how_many if shortcuts else str(len(rates)), *numbers))
