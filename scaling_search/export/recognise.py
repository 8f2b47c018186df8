"""A chain of operations as a table of stages.

Every block that could stand at a place is proposed with the numbers found there, written out by its own class, and
taken if that is exactly what stands there: nothing is recognised that would be built otherwise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from pydantic import ValidationError

from scaling_search.architecture import operations as ops
from scaling_search.architecture.block import Stage, Style
from scaling_search.architecture.blocks import STAGES
from scaling_search.architecture.faults import explain
from scaling_search.architecture.network import Network
from scaling_search.architecture.operations import Operation, Shape
from scaling_search.architecture.shapes import output_shape
from scaling_search.errors import InputError

Steps = Sequence[tuple[Operation, str]]


def network(name: str, steps: Steps, padding: str, shape: Shape, source: str) -> Network:
    """The network that is this chain on images of `shape`. Errors: InputError naming the layer with no block for it."""
    kept = [(step, at) for step, at in steps if not isinstance(step, ops.Dropout)]
    chain = [_plain(step) for step, _ in kept]
    norm = next((step for step in _every(chain) if isinstance(step, ops.Norm)), None)
    kinds = Counter(step.kind for step in _every(chain) if isinstance(step, ops.Activation))
    last = chain[-1] if chain else None
    if not kinds or not isinstance(last, ops.Dense):
        at = kept[-1][1] if kept else "the graph"
        raise InputError(f"{name}: {at}: expected layers with activations and a dense layer at the end")
    style = Style(
        activation=kinds.most_common(1)[0][0],
        norm=norm,
        padding=padding,  # type: ignore[arg-type] # one of the three rules
        classes=last.features,
    )
    table: dict[str, Any] = {
        "name": name,
        "source": source,
        "resolution": shape[0],
        "channels": shape[2],
        "classes": last.features,
        "activation": style.activation,
        "norm": "batch" if norm else "none",
        "padding": padding,
    }
    if norm:
        table |= {"norm_epsilon": norm.epsilon, "norm_momentum": norm.momentum}
    errors: list[InputError] = []
    for begin, stem in _stems(chain, style):
        try:
            where = [f"{name}: {at}" for _, at in kept]
            end, head = _head(chain, style, where)
            stages = _stages(chain[:end], begin, shape, style, where)
        except InputError as error:
            errors.append(error)
            continue
        rows = [stage.model_dump(exclude_defaults=True) | {"block": stage.block} for stage in stages]
        try:
            return Network.model_validate(table | {"stem": stem, "head": head, "stages": rows})
        except ValidationError as error:
            raise explain(error, name) from None
    raise errors[0]


def _stages(
    chain: Sequence[Operation], at: int, shape: Shape, style: Style, where: Sequence[str]
) -> list[Stage]:
    """The blocks from place `at` on, alike neighbours as one stage."""
    for step in chain[:at]:
        shape = output_shape(step, shape)
    found: list[Stage] = []
    while at < len(chain):
        block, length = _block(chain[at:], shape, style, where[at])
        for step in chain[at : at + length]:
            shape = output_shape(step, shape)
        at += length
        if found and block == found[-1].model_copy(update={"depth": 1, "stride": 1}):
            found[-1] = found[-1].model_copy(update={"depth": found[-1].depth + 1})
        else:
            found.append(block)
    return found


def _every(steps: Sequence[Any]) -> Iterator[Operation]:
    """All operations, those in branches too, but for what is in gates."""
    for step in steps:
        yield step
        sides = (step.branch, step.shortcut) if isinstance(step, ops.Residual) else ()
        yield from _every([*getattr(step, "operations", ()), *getattr(step, "branches", ()), *sides])


def _plain(op: Operation) -> Operation:
    """The same with one name for the padding of 1x1 convolutions, which have none by any rule."""
    match op:
        case ops.Conv(kernel=1) if isinstance(op.padding, str):
            return replace(op, padding="same")
        case ops.Chain():
            return ops.Chain(tuple(map(_plain, op.operations)))
        case ops.Residual():
            return replace(op, branch=_plain(op.branch), shortcut=_plain(op.shortcut))
        case ops.Concat():
            return replace(op, branches=tuple(map(_plain, op.branches)))
        case ops.Gate():
            return replace(op, branch=_plain(op.branch))
        case _:
            return op


def flat(op: Operation) -> list[Operation]:
    """An operation's steps, chains laid flat, as the readers of graphs lay them."""
    match op:
        case ops.Chain():
            return [leaf for step in op.operations for leaf in flat(step)]
        case ops.Residual():
            sides = (ops.Chain(tuple(flat(op.branch))), ops.Chain(tuple(flat(op.shortcut))))
            return [ops.Residual(branch=sides[0], shortcut=sides[1])]
        case _:
            return [op]


def _stems(chain: Sequence[Operation], style: Style) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Where a stem could end, and its table; None for no stem."""
    first = chain[0]
    if isinstance(first, ops.Conv):
        table: dict[str, Any] = {"width": first.features, "kernel": first.kernel, "stride": first.stride}
        expected = _written(style.conv(first.features, kernel=first.kernel, stride=first.stride))
        if list(chain[: len(expected)]) == expected:
            at = len(expected)
            pool = chain[at]
            if pool == ops.Pool(
                kind="max", kernel=getattr(pool, "kernel", 1), stride=2, padding=style.padding
            ):
                yield at + 1, table | {"pool": getattr(pool, "kernel", 1)}
            yield at, table
        if expected[0] == first:
            yield 1, table | {"bare": True}
    yield 0, None


def _written(op: Operation) -> list[Operation]:
    """What a block writes, as the readers of graphs read it."""
    return [_plain(step) for step in flat(op)]


def _head(chain: Sequence[Operation], style: Style, where: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """Where the head begins, and its table."""
    if len(chain) < 2 or not isinstance(chain[-2], ops.GlobalPool):
        at = max(0, len(chain) - 2)
        raise InputError(f"{where[at]}: the network does not end in a global mean and a dense layer")
    at = len(chain) - 2
    conv = chain[at - 3] if style.norm else chain[at - 2]
    if isinstance(conv, ops.Conv) and conv.kernel == 1:
        expected = _written(style.conv(conv.features))
        before = chain[at - len(expected) - 1]
        # A block that ends in an activation may end so too; a linear one or a sum may not.
        if list(chain[at - len(expected) : at]) == expected and not isinstance(before, ops.Activation):
            return at - len(expected), {"width": conv.features}
    pair = [style.norm, style.act()]
    if style.norm and list(chain[at - 2 : at]) == pair and isinstance(chain[at - 3], ops.Residual):
        return at - 2, {"normalise": True}
    return at, {}


def _block(chain: Sequence[Operation], shape: Shape, style: Style, where: str) -> tuple[Stage, int]:
    """The first block of a chain and its length. Errors: InputError where there is none."""
    found: list[tuple[int, Stage]] = []
    for options in _proposals(chain, shape[2]):
        try:
            stage = STAGES[options["block"]].model_validate(options)
        except ValidationError:
            continue
        written = _written(stage.operation(inputs=shape[2], stride=stage.stride, drop_rate=0.0, style=style))
        if list(chain[: len(written)]) == written:
            found.append((len(written), stage))
    if not found:
        raise InputError(f"{where} ({type(chain[0]).__name__.lower()}): no block here begins like this")
    # One block may begin as another is: the longest is meant.
    length, stage = max(found, key=lambda one: one[0])
    return stage, length


def _proposals(chain: Sequence[Operation], inputs: int) -> Iterator[dict[str, Any]]:
    """What could stand here, by the convolutions that come next."""
    first = chain[0]
    if isinstance(first, ops.Norm) and isinstance(chain[2] if len(chain) > 2 else None, ops.Residual):
        residual: Any = chain[2]
    else:
        residual = first
    inside = flat(residual.branch) if isinstance(residual, ops.Residual) else list(islice(chain, 12))
    convs = [step for step in inside if isinstance(step, ops.Conv)]
    gate = next((step for step in inside if isinstance(step, ops.Gate)), None)
    counts = [len(convs)] if isinstance(residual, ops.Residual) else [3, 2, 1]
    for count in counts:
        few = convs[:count]
        if len(few) < count or not few:
            continue
        width, stride = few[-1].features, max(conv.stride for conv in few)
        ratio = few[0].features / inputs
        ratio = int(ratio) if ratio == int(ratio) else ratio
        squeezes: list[dict[str, Any]] = [{}]
        if gate is not None:
            squeezed = flat(gate.branch)[1]
            if isinstance(squeezed, ops.Conv):
                squeezes = [
                    {"squeeze": share} for share in _shares(squeezed.features, (inputs, width))
                ] + squeezes
        base = {"width": width, "stride": stride}
        for squeeze in squeezes:
            if count == 3:
                yield {"block": "mbconv", **base, "kernel": few[1].kernel, "expand": ratio, **squeeze}
                inner = {"inner": few[0].features, "kernel": few[1].kernel}
                yield {"block": "bottleneck", **base, **inner, "groups": few[1].groups, **squeeze}
                yield {"block": "preact-bottleneck", **base, **inner}
            if count == 2:
                yield {"block": "mbconv", **base, "kernel": few[0].kernel, "expand": 1, **squeeze}
                yield {"block": "fused-mbconv", **base, "kernel": few[0].kernel, "expand": ratio, **squeeze}
                yield {"block": "separable", **base, "kernel": few[0].kernel}
                yield {"block": "basic", **base, "kernel": few[0].kernel, **squeeze}
                yield {"block": "preact-basic", **base, "kernel": few[0].kernel}
            if count == 1:
                yield {"block": "fused-mbconv", **base, "kernel": few[0].kernel, "expand": 1, **squeeze}
                yield {"block": "plain", **base, "kernel": few[0].kernel, "groups": few[0].groups}


def _shares(squeezed: int, channels: Sequence[int]) -> list[float]:
    """Shares of these channels that come to so many, rounded down: the usual ones first."""
    usual = (0.25, 0.0625, 0.125, 0.5)
    found = [share for share in usual for width in channels if int(width * share) == squeezed]
    return list(dict.fromkeys([*found, *(min(1.0, (squeezed + 0.5) / width) for width in channels)]))
