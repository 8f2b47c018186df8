"""The same network in PyTorch: channels_last, all cores; on a GPU bfloat16 autocast and `torch.compile`."""

from __future__ import annotations

import os
from typing import Any

import cases
import torch
from pytorch_layers import fold
from torch import nn

from scaling_search.architecture.network import operation_tree


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
