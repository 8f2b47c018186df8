"""The fold that frameworks with modules share: combinators as text, and `model.py` around its stages.

What differs are the expressions of single operations, which a `Dialect` has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import Operation, Shape
from scaling_search.architecture.shapes import output_shape
from scaling_search.export.blocks import Columns, ends, single, table
from scaling_search.export.source import Call, Node, Pieces, layout, program


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a framework says things.

    `layers` names operations that are said alike everywhere but for the name; where nothing is called, the whole
    expression. `bias`: whether a convolution has one unless told. `conv` names one; `padding` is its argument for that,
    by the expression of its kernel, if it needs any; `pool` writes a pooling of these expressions of kernel and stride.
    """

    pieces: str  # the file of helpers; its last functions close the program
    last: tuple[str, ...]
    sequential: str
    module: str
    array: str  # the type of what goes through
    call: str  # the method that runs a module
    stack: str  # puts arrays on top of each other
    logits: str  # takes the pixel's axes from a head's output; {} is the head
    training: str
    images: str  # the axes of a batch
    momentum: Callable[[float], float]  # of a norm, from ours
    activations: Mapping[str, str]
    layers: Mapping[type[Operation], str]
    bias: bool
    conv: Callable[[Sequence[ops.Conv]], str]
    padding: Callable[[Sequence[ops.Conv], str], str | None]
    pool: Callable[[Sequence[ops.Pool], str, str], Node]


class Writer:
    """One expression for the same operation of several blocks. Keeps the network's norm and its auxiliary heads."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.norm: ops.Norm | None = None
        self.heads: list[float] = []

    def __call__(self, same: Sequence[Operation], shapes: Sequence[Shape], columns: Columns) -> Node:
        op: Any = same[0]
        every: Sequence[Any] = same
        match op:
            case ops.Norm():
                self.norm = self.norm or op
                if op != self.norm:
                    raise TypeError("a network has one kind of norm")
                return f"Norm({columns.width([shape[2] for shape in shapes], columns.inner)})"
            case ops.Chain():
                return Call(self.dialect.sequential, self._steps(every, shapes, columns))
            case ops.Residual():
                shortcut = op.shortcut != ops.Chain()
                sides = ("branch", "shortcut") if shortcut else ("branch",)
                written = [self([getattr(one, side) for one in every], shapes, columns) for side in sides]
                return Call("Residual", (*written, *_drop(every, columns)))
            case ops.Mean():
                return Call("Mean", (*self._branches(every, shapes, columns), *_drop(every, columns)))
            case ops.Concat():
                inside = shapes
                if op.split:
                    inside = [(h, w, c // len(op.branches)) for h, w, c in shapes]
                branches = self._branches(every, inside, columns)
                return Call("Concat", (*branches, *(("split=True",) if op.split else ())))
            case ops.Gate():
                columns.inner = "squeezed"
                steps = self._steps([ops.chain(one.branch) for one in every], shapes, columns)
                columns.inner = "inner"
                return Call("Gate", steps)
            case ops.Auxiliary():
                self.heads += [one.weight for one in every]
                return Call("Auxiliary", (self([one.branch for one in every], shapes, columns),))
            case _:
                return self._leaf(every, shapes, columns)

    def _leaf(self, every: Sequence[Any], shapes: Sequence[Shape], columns: Columns) -> Node:
        """One operation that is no combinator."""
        op: Any = every[0]
        if isinstance(op, ops.Conv):
            return self._conv(every, shapes, columns)
        if isinstance(op, ops.Activation):
            return self.dialect.activations[op.kind]
        if isinstance(op, ops.Pool):
            kernel = columns.number([one.kernel for one in every], "kernel")
            return self.dialect.pool(every, kernel, columns.number([one.stride for one in every], "stride"))
        name = self.dialect.layers.get(type(op))
        if name is None:
            raise TypeError(f"no {self.dialect.pieces} for {type(op).__name__}")
        match op:
            case ops.LocalResponseNorm():
                return f"{name}({op.size}, {op.alpha!r}, {op.beta!r}, {op.k!r})"
            case ops.Dense():
                return Call(name, (*_widths(every, shapes, columns), *(() if op.bias else ("bias=False",))))
            case ops.Dropout():
                return Call(name, (columns.number([one.rate for one in every], "rate"),))
            case ops.ChannelShuffle():
                return Call(name, (columns.groups([one.groups for one in every]),))
            case _:
                return name

    def _conv(self, every: Sequence[ops.Conv], shapes: Sequence[Shape], columns: Columns) -> Node:
        bias, kernels = every[0].bias, [one.kernel for one in every]
        arguments = [*_widths(every, shapes, columns), kernel := columns.number(kernels, "kernel")]
        if any(one.stride > 1 for one in every):
            arguments.append(columns.number([one.stride for one in every], "stride"))
        if padding := self.dialect.padding(every, kernel):
            arguments.append(f"padding={padding}")
        if any(one.groups > 1 for one in every):
            arguments.append(f"groups={columns.groups([one.groups for one in every])}")
        if bias != self.dialect.bias:
            arguments.append(f"bias={bias}")
        return Call(self.dialect.conv(every), tuple(arguments))

    def _branches(self, every: Sequence[Any], shapes: Sequence[Shape], columns: Columns) -> tuple[Node, ...]:
        rows = zip(*(one.branches for one in every), strict=True)
        return tuple(self(branches, shapes, columns) for branches in rows)

    def _steps(self, every: Sequence[Any], shapes: Sequence[Shape], columns: Columns) -> tuple[Node, ...]:
        steps: list[Node] = []
        for step in zip(*(one.operations for one in every), strict=True):
            steps.append(self(step, shapes, columns))
            shapes = [output_shape(one, shape) for one, shape in zip(step, shapes, strict=True)]
        return tuple(steps)


def _widths(every: Sequence[Any], shapes: Sequence[Shape], columns: Columns) -> tuple[str, str]:
    """Channels in and out."""
    inputs = columns.width([shape[2] for shape in shapes], columns.inner)
    return inputs, columns.width([one.features for one in every], columns.inner)


def _drop(every: Sequence[Any], columns: Columns) -> tuple[Node, ...]:
    rates = [one.drop_rate for one in every]
    return (f"drop={columns.number(rates, 'drop')}",) if any(rates) else ()


def model(network: Network, about: str, dialect: Dialect) -> str:
    """The text of `model.py`; `about` begins it."""
    write = Writer(dialect)
    stem, head = ends(network)
    written = table(network, write, dialect.module)
    rows = Call("", tuple(Call("", stage) for stage in written.stages), tall=True)
    whole = _model(network, write, None if stem is None else single(write, stem), single(write, head))
    body = [*written.functions, layout(rows, before="STAGES = "), _stage(written.shortcuts, dialect)]
    if write.heads:
        body.append(f"HEAD_WEIGHTS = ({', '.join(map(repr, (1.0, *write.heads)))})")
    pieces = Pieces.of(dialect.pieces)
    last = [*(pieces.helpers[name] for name in dialect.last), 'if __name__ == "__main__":\n    check()']
    constants = []
    if norm := write.norm:
        constants = [f"EPSILON = {norm.epsilon!r}", f"MOMENTUM = {dialect.momentum(norm.momentum)!r}"]
    return program(about, [*body, whole], pieces, constants=constants, last=last)


def _stage(shortcuts: bool, dialect: Dialect) -> str:
    """The function that makes a stage of its rows."""
    if not shortcuts:
        return f'''def stage(rows: tuple) -> {dialect.module}:
    """Each row is a block function, how many blocks, and its arguments."""
    blocks = [block(*numbers) for block, depth, *numbers in rows for _ in range(depth)]
    return {dialect.sequential}(*blocks)'''
    return f'''def stage(rows: tuple) -> {dialect.module}:
    """Each row: a function, drop rates of its blocks (None: no shortcut), its arguments."""
    blocks = []
    for block, drops, *numbers in rows:
        for drop in drops:
            layer = block(*numbers)
            blocks.append(layer if drop is None else Residual(layer, drop=drop))
    return {dialect.sequential}(*blocks)'''


def _model(network: Network, write: Writer, stem: Node | None, head: Node) -> str:
    dialect = write.dialect
    images = dialect.images.format(side=network.resolution, channels=network.channels)
    lines = [] if stem is None else [" " * 8 + layout(stem, indent=8, before="self.stem = ")]
    lines += [f"        self.stages = {dialect.sequential}(*map(stage, STAGES))"]
    lines += [" " * 8 + layout(head, indent=8, before="self.head = ")]
    through = f"self.head({'self.stages(x)' if stem is None else 'self.stages(self.stem(x))'})"
    says = f"Normalised images {images} to logits (N, {network.classes})."
    result = [f"        return {dialect.logits.format(through)}"]
    if write.heads:
        says += "\n\n    In training (heads, N, classes), the main head first: sum their losses by HEAD_WEIGHTS.\n    "
        result = [
            f"        heads = [{through}]",
            f"        if {dialect.training}:",
            "            heads += [aux.logits for aux in auxiliaries(self)]",
            f"            return {dialect.stack}([{dialect.logits.format('y')} for y in heads])",
            f"        return {dialect.logits.format('heads[0]')}",
        ]
    call = f"    def {dialect.call}(self, x: {dialect.array}) -> {dialect.array}:"
    text = [f"class Model({dialect.module}):", f'    """{says}"""', "", "    def __init__(self) -> None:"]
    return "\n".join([*text, "        super().__init__()", *lines, "", call, *result])
