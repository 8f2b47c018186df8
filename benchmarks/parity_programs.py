"""One trial here and in PyTorch: the same first weights, order of images, recipe and length."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
import torch
from torch import nn

from benchmarks.numpy_forward import layers
from benchmarks.pytorch_layers import fold
from scaling_search.architecture.network import Network, operation_tree
from scaling_search.data import augment
from scaling_search.data.dataset import Dataset, Split
from scaling_search.networks.build import Model, build
from scaling_search.training import optimizer, steps
from scaling_search.training.compiled import compile_trial
from scaling_search.training.loop import train
from scaling_search.training.pixels import on_device
from scaling_search.training.recipe import Recipe


def _fitted(network: Network, recipe: Recipe, images: int) -> tuple[Network, Model]:
    """As a search trains it: running statistics fitted to the run, weights begun as the recipe says."""
    momentum = optimizer.norm_momentum(network.norm_momentum, recipe, images)
    fitted = network.model_copy(update={"norm_momentum": momentum})
    return fitted, build(fitted, platform="cpu", init=recipe.init)


def ours(network: Network, dataset: Dataset, recipe: Recipe, seeds: Sequence[int]) -> list[float]:
    """Validation accuracy of each seed, trained here."""
    model = _fitted(network, recipe, len(dataset.train))[1]
    pixels = on_device(dataset, network.resolution)
    program = compile_trial(model, pixels, recipe)
    trained = [train(model, pixels, recipe, seed=seed, compiled=program) for seed in seeds]
    return [outcome.accuracy or 0.0 for outcome in trained]


def begin(network: Network, model: Model, seed: int) -> nn.Module:
    """The network in PyTorch, with the weights that this seed begins with here."""
    shape = (network.resolution, network.resolution, network.channels)
    tree = operation_tree(network)
    net = fold(tree, shape, exact=True)
    # The stream that `training.steps` draws first weights from.
    params, _ = model.init(jax.random.fold_in(steps.seed_key(seed), 0))
    there = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    with torch.no_grad():
        for layer, (_, weights) in zip(there, layers(tree, params), strict=True):
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.copy_(torch.tensor(weights["scale"]))
            else:
                kernel = np.asarray(weights["kernel"])
                kernel = kernel[None, None] if kernel.ndim == 2 else kernel
                layer.weight.copy_(torch.tensor(kernel.transpose(3, 2, 0, 1)))
            if layer.bias is not None:
                layer.bias.copy_(torch.tensor(weights["bias"]))
    return net


def pytorch(network: Network, dataset: Dataset, recipe: Recipe, seed: int) -> float:
    """Validation accuracy of one seed, trained in PyTorch."""
    if (recipe.optimizer, recipe.schedule) != ("adamw", "cosine") or recipe.crop_padding or recipe.flip:
        raise ValueError("only what `fast` does at its own length is written in PyTorch")
    count = len(dataset.train)
    net = begin(*_fitted(network, recipe, count), seed).to(memory_format=torch.channels_last).train()
    images, labels = tensors(dataset.train, dataset, network.resolution)
    kernels = [p for p in net.parameters() if p.ndim == 4]
    rest = [p for p in net.parameters() if p.ndim != 4]
    groups = [
        {"params": kernels, "weight_decay": recipe.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    betas = (recipe.momentum, recipe.square_decay)
    optimiser = torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=recipe.epsilon)
    averaged = copy.deepcopy(net)
    for step, chosen in enumerate(batches(recipe, seed, count)):
        for group in optimiser.param_groups:
            group["lr"] = rate(recipe, step, recipe.steps(count))
        optimiser.zero_grad(set_to_none=True)
        logits = net(images[chosen]).flatten(1)
        loss = nn.functional.cross_entropy(logits, labels[chosen], label_smoothing=recipe.label_smoothing)
        loss.backward()
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(net.parameters(), recipe.clip_norm)
        optimiser.step()
        average(averaged, net, recipe, step + 1, recipe.steps(count))
    return accuracy(averaged.eval(), *tensors(dataset.validation, dataset, network.resolution))


def tensors(split: Split, dataset: Dataset, resolution: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A split's images, resized and normalised as here, and its labels."""
    mean, std = dataset.moments
    pixels = (augment.resize(split.images, resolution).astype(np.float32) - mean) / std
    images = torch.tensor(pixels.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
    return images, torch.tensor(split.labels, dtype=torch.long)


def batches(recipe: Recipe, seed: int, count: int) -> Iterator[torch.Tensor]:
    """The images of each step, in the order in which this seed sees them here."""
    key = steps.seed_key(seed)
    for epoch in range(recipe.epochs):
        order = torch.tensor(np.asarray(steps.epoch_order(key, epoch, count)), dtype=torch.long)
        for place in range(recipe.steps_per_epoch(count)):
            yield order[place * recipe.batch_size : (place + 1) * recipe.batch_size]


def rate(recipe: Recipe, step: int, total: int) -> float:
    """The learning rate: linear warm-up, then a half cosine (`training.optimizer.learning_rate`, written anew)."""
    seen = total * recipe.batch_size
    warmup = int(min(recipe.warmup_images, seen / 10) / recipe.batch_size)
    if step < warmup:
        return recipe.peak_learning_rate * step / warmup
    return recipe.peak_learning_rate * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


@torch.no_grad()
def average(averaged: nn.Module, net: nn.Module, recipe: Recipe, done: int, total: int) -> None:
    """One step of the moving average of weights and statistics."""
    horizon = min(recipe.ema_images or 1, total * recipe.batch_size / 10) / recipe.batch_size
    keep = min(1 - 1 / max(1.0, horizon), (1 + done) / (10 + done))
    for old, new in zip(floats(averaged), floats(net), strict=True):
        old.mul_(keep).add_(new, alpha=1 - keep)


def floats(net: nn.Module) -> list[Any]:
    return [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]


@torch.no_grad()
def accuracy(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    return float((net(images).flatten(1).argmax(1) == labels).float().mean())
