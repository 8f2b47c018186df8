"""Every operation is written by every format: one without an export fails here."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable

import numpy as np
import pytest

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import unrolled
from scaling_search.architecture.operations import Operation
from scaling_search.export.blocks import Columns
from scaling_search.export.formats import flax, onnx, torch
from scaling_search.export.layers import _Walk
from scaling_search.export.writer import Writer

SHAPE = (8, 8, 4)
CONV = ops.Conv(features=4, kernel=3)
EXAMPLES: dict[type, Operation] = {
    ops.Conv: CONV,
    ops.Norm: ops.Norm(),
    ops.LocalResponseNorm: ops.LocalResponseNorm(),
    ops.Activation: ops.Activation(kind="silu"),
    ops.Pool: ops.Pool(kind="average", kernel=3, stride=2),
    ops.GlobalPool: ops.GlobalPool(),
    ops.Flatten: ops.Flatten(),
    ops.Dense: ops.chain(ops.Flatten(), ops.Dense(features=3)),
    ops.Dropout: ops.Dropout(rate=0.5),
    ops.ChannelShuffle: ops.ChannelShuffle(groups=2),
    ops.Chain: ops.Chain(),
    ops.Residual: ops.Residual(branch=CONV, drop_rate=0.1),
    ops.Mean: ops.Mean(branches=(CONV, ops.Chain()), drop_rate=0.1),
    ops.Concat: ops.Concat(branches=(ops.Chain(), ops.Activation(kind="relu")), split=True),
    ops.Gate: ops.Gate(branch=ops.chain(ops.GlobalPool(), ops.Conv(features=4))),
    ops.Auxiliary: ops.Auxiliary(branch=ops.chain(ops.Flatten(), ops.Dense(features=3)), weight=0.3),
    ops.Repeat: ops.Repeat(operation=CONV, drop_rates=(0.0, 0.0)),
}


def as_torch(op: Operation) -> None:
    Writer(torch.DIALECT)([op], [SHAPE], Columns(literal=True))


def as_flax(op: Operation) -> None:
    Writer(flax.DIALECT)([op], [SHAPE], Columns(literal=True))


def as_onnx(op: Operation) -> None:
    anything = np.ones(1, np.float32)
    walk = _Walk()
    walk.visit("x", op, SHAPE)
    tensors = {name: {"weight": anything} for name in ("x", *(layer.name for layer in walk.found))}
    onnx.Writer(tensors).write(op, SHAPE, "images", "x")


def as_names(op: Operation) -> None:
    _Walk().visit("x", op, SHAPE)


FOLDS = [as_torch, as_flax, as_onnx, as_names]


def test_there_is_an_example_of_every_operation() -> None:
    assert set(EXAMPLES) == set(typing.get_args(Operation))


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_format_writes_it(kind: type, fold: Callable[[Operation], None]) -> None:
    fold(unrolled(EXAMPLES[kind]))


@pytest.mark.parametrize("fold", FOLDS)
def test_an_operation_that_a_format_does_not_know_is_an_error(fold: Callable[[Operation], None]) -> None:
    @dataclasses.dataclass(frozen=True)
    class New:
        pass

    with pytest.raises(TypeError, match="New"):
        fold(New())  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ops.ACTIVATIONS)
def test_every_activation_is_known(kind: str) -> None:
    assert kind in torch.ACTIVATIONS and kind in flax.ACTIVATIONS
    onnx.Writer({})._activation(kind, "x")
