"""Other people's graphs as operation trees: sums become residuals, products gates, concatenations branches.

A reader of one format makes `Node`s; here their paths are laid out as chains that fork and meet again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from scaling_search.architecture import operations as ops
from scaling_search.architecture.operations import Operation, Shape
from scaling_search.architecture.shapes import output_shape, pads
from scaling_search.errors import InputError


@dataclass(frozen=True)
class Node:
    """One step of a graph in topological order. `inputs` are places of nodes; -1 is the image.

    `sides` are the pixels, (top, left, bottom, right), that a convolution or pooling is padded by: a rule comes later.
    """

    what: Operation | Literal["add", "mul", "concat"]
    inputs: tuple[int, ...]
    name: str
    sides: tuple[int, ...] | None = None


def chain_of(nodes: Sequence[Node], output: int, shape: Shape) -> tuple[list[tuple[Operation, str]], str]:
    """The network as one chain, each step with the name of the node that ends it, and its rule of padding.

    `shape` is the image's. Errors: InputError naming the node that joins paths in a way that has no operation.
    """
    shapes: dict[int, Shape] = {-1: shape}
    for place, node in enumerate(nodes):
        shapes[place] = _shape(node, [shapes[one] for one in node.inputs])
    rule = _rule(nodes, shapes)
    return _Paths(nodes, shapes, rule).steps(output, -1), rule


def _shape(node: Node, inputs: Sequence[Shape]) -> Shape:
    if node.what == "concat":
        return (*inputs[0][:2], sum(one[2] for one in inputs))
    if isinstance(node.what, str):
        return max(inputs)
    if node.sides is not None and isinstance(node.what, ops.Conv | ops.Pool):
        top, left, bottom, right = node.sides
        kernel, stride = node.what.kernel, node.what.stride
        height = (inputs[0][0] + top + bottom - kernel) // stride + 1
        width = (inputs[0][1] + left + right - kernel) // stride + 1
        return (height, width, node.what.features if isinstance(node.what, ops.Conv) else inputs[0][2])
    return output_shape(node.what, inputs[0])


def _fits(node: Node, shape: Shape, rule: ops.Padding) -> bool:
    """Whether a rule gives the very pixels that a convolution or pooling is padded by."""
    assert isinstance(node.what, ops.Conv | ops.Pool) and node.sides is not None  # noqa: S101
    sides = [pads(size, node.what.kernel, node.what.stride, rule) for size in shape[:2]]
    return (*(one for one, _ in sides), *(one for _, one in sides)) == node.sides


def _rule(nodes: Sequence[Node], shapes: dict[int, Shape]) -> Literal["same", "symmetric", "valid"]:
    """The rule that most convolutions follow."""
    # Of rules that say the same throughout, PyTorch's: most graphs come from there.
    rules: tuple[Literal["same", "symmetric", "valid"], ...] = ("symmetric", "same", "valid")
    convs = [node for node in nodes if isinstance(node.what, ops.Conv)]
    return max(rules, key=lambda rule: sum(_fits(node, shapes[node.inputs[0]], rule) for node in convs))


class _Paths:
    """Walks from a node back to where its path began."""

    def __init__(self, nodes: Sequence[Node], shapes: dict[int, Shape], rule: ops.Padding) -> None:
        self.nodes, self.shapes, self.rule = nodes, shapes, rule
        self.above = {-1: frozenset({-1})}  # each place and those that lead to it
        for place, node in enumerate(nodes):
            self.above[place] = frozenset({place, -1}).union(*(self.above[one] for one in node.inputs))

    def steps(self, end: int, begin: int) -> list[tuple[Operation, str]]:
        """The operations between two places, in order."""
        found: list[tuple[Operation, str]] = []
        while end != begin:
            if end < 0:
                raise InputError("two paths that meet did not begin at one place")
            node = self.nodes[end]
            if isinstance(node.what, str):
                fork = max(frozenset.intersection(*(self.above[one] for one in node.inputs)))
                found.append((self._joined(node, fork), node.name))
                end = fork
            else:
                found.append((self._padded(node), node.name))
                (end,) = node.inputs
        return found[::-1]

    def _joined(self, node: Node, fork: int) -> Operation:
        paths = [ops.Chain(tuple(step for step, _ in self.steps(one, fork))) for one in node.inputs]
        if node.what == "concat":
            return ops.Concat(branches=tuple(paths))
        paths.sort(key=lambda path: len(path.operations))
        shorter, longer = paths
        if node.what == "add":
            return ops.Residual(branch=longer, shortcut=shorter)
        if shorter.operations:
            raise InputError(f"{node.name}: a product of two paths that have both changed")
        if longer.operations == (ops.Activation(kind="sigmoid"),):
            return ops.Activation(kind="silu")
        return ops.Gate(branch=longer)

    def _padded(self, node: Node) -> Operation:
        what = node.what
        if node.sides is None or not isinstance(what, ops.Conv | ops.Pool):
            assert not isinstance(what, str)  # noqa: S101 # joins are handled above
            return what
        shape = self.shapes[node.inputs[0]]
        for rule in (self.rule, "symmetric", "same", "valid", node.sides[0]):
            if _fits(node, shape, rule):
                return replace(what, padding=rule)
        raise InputError(
            f"{node.name}: padded by {node.sides} (top, left, bottom, right), which is by no rule here"
        )
