"""An operation tree as PyTorch layers.

Built from the same operations rather than taken from timm, whose strides are fixed. Layers, in-place activations and
paddings are timm's: k // 2 on each side, where the sizes come out the same; `exact` pads as our networks do.
"""

from __future__ import annotations

import torch
from torch import nn

from scaling_search.architecture import operations as ops
from scaling_search.architecture.shapes import output_shape, pads

ACTIVATE = {
    "silu": lambda: nn.SiLU(inplace=True),
    "relu": lambda: nn.ReLU(inplace=True),
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3), keepdim=True)


class Residual(nn.Module):
    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = branch, shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.branch(x) + self.shortcut(x)


class Gate(nn.Module):
    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.branch(x)


def fold(op: ops.Operation, shape: ops.Shape, *, exact: bool = False) -> nn.Module:
    match op:
        case ops.Conv():
            return convolution(op, shape, exact=exact)
        case ops.Norm():
            return nn.BatchNorm2d(shape[2], eps=op.epsilon, momentum=1 - op.momentum)
        case ops.Activation(kind=kind):
            return ACTIVATE[kind]()
        case ops.GlobalPool():
            return Mean()
        case ops.Pool(kind="max"):
            return nn.MaxPool2d(op.kernel, op.stride, op.kernel // 2, ceil_mode=op.ceil)
        case ops.Dense():
            return nn.Conv2d(shape[2], op.features, 1, bias=op.bias)
        case ops.Dropout(rate=0.0):
            return nn.Identity()
        case ops.Residual():
            return Residual(fold(op.branch, shape, exact=exact), fold(op.shortcut, shape, exact=exact))
        case ops.Gate():
            return Gate(fold(op.branch, shape, exact=exact))
        case ops.Chain() | ops.Repeat():
            steps = op.operations if isinstance(op, ops.Chain) else [op.operation] * len(op.drop_rates)
            built = []
            for step in steps:
                built.append(fold(step, shape, exact=exact))
                shape = output_shape(step, shape)
            return nn.Sequential(*built)
    raise TypeError(f"no PyTorch layer for {op}")


def convolution(op: ops.Conv, shape: ops.Shape, *, exact: bool) -> nn.Module:
    options = {"stride": op.stride, "groups": op.groups, "bias": op.bias}
    if exact:
        sides = [pads(size, op.kernel, op.stride, op.padding) for size in (shape[1], shape[0])]
        layer = nn.Conv2d(shape[2], op.features, op.kernel, **options)
        return nn.Sequential(nn.ZeroPad2d((*sides[0], *sides[1])), layer)
    if (shape[0] + 2 * (op.kernel // 2) - op.kernel) // op.stride + 1 != output_shape(op, shape)[0]:
        raise ValueError(f"{op} on {shape} needs a padding of its own")
    return nn.Conv2d(shape[2], op.features, op.kernel, padding=op.kernel // 2, **options)
