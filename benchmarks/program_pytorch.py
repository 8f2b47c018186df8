"""The same network in PyTorch: channels_last, all cores; on a GPU bfloat16 autocast and `torch.compile`.

Built from the same operations rather than taken from timm, whose strides are fixed. Layers, in-place activations and
paddings are timm's: k // 2 on each side, where the sizes come out the same.
"""

from __future__ import annotations

import os
from typing import Any

import cases
import torch
from torch import nn

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import operation_tree
from scaling_search.architecture.shapes import output_shape

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


def fold(op: ops.Operation, shape: ops.Shape) -> nn.Module:
    match op:
        case ops.Conv():
            layer = nn.Conv2d(
                shape[2],
                op.features,
                op.kernel,
                stride=op.stride,
                padding=op.kernel // 2,
                groups=op.groups,
                bias=op.bias,
            )
            if (shape[0] + 2 * (op.kernel // 2) - op.kernel) // op.stride + 1 != output_shape(op, shape)[0]:
                raise ValueError(f"{op} on {shape} needs a padding of its own")
            return layer
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
            return Residual(fold(op.branch, shape), fold(op.shortcut, shape))
        case ops.Gate():
            return Gate(fold(op.branch, shape))
        case ops.Chain() | ops.Repeat():
            steps = op.operations if isinstance(op, ops.Chain) else [op.operation] * len(op.drop_rates)
            built = []
            for step in steps:
                built.append(fold(step, shape))
                shape = output_shape(step, shape)
            return nn.Sequential(*built)
    raise TypeError(f"no PyTorch layer for {op}")


def make(case: cases.Case) -> Any:
    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(cores)
    shape = (case.resolution, case.resolution, cases.CHANNELS)
    net = fold(operation_tree(case.network), shape).to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=cases.LEARNING_RATE, momentum=cases.MOMENTUM)
    images = torch.randn(case.batch, cases.CHANNELS, case.resolution, case.resolution, device=device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(cases.CLASSES, (case.batch,), device=device)
    run = torch.compile(net) if gpu else net

    def once() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=gpu):
            loss = nn.functional.cross_entropy(run(images).flatten(1).float(), labels)
        loss.backward()
        optimizer.step()
        return loss

    def steps(count: int) -> None:
        for _ in range(count):
            loss = once()
        # Waited for once, as the other programs are: a GPU is kept busy by the steps queued for it.
        loss.item()

    about = {
        "parameters": sum(p.numel() for p in net.parameters()),
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "threads": cores,
    }
    return steps, about
