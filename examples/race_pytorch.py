"""Race PyTorch networks: width or depth for the same cost? `python examples/race_pytorch.py` (needs torch)

The networks, the training loop and the data are PyTorch's; which candidates get more seeds, and when it is decided, is
`scaling_search.race`'s.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import scaling_search as ss

IMAGES, LABELS = load_digits(return_X_y=True)
TRAIN, VALIDATION, TRAIN_LABELS, VALIDATION_LABELS = (
    torch.as_tensor(part)
    for part in train_test_split(
        (IMAGES / 16).astype(np.float32).reshape(-1, 1, 8, 8), LABELS, test_size=0.4, random_state=0
    )
)
# (blocks, channels): about the same number of multiply-adds.
CANDIDATES = {"wide": (1, 34), "balanced": (2, 24), "deep": (8, 12)}


def network(blocks: int, channels: int) -> nn.Sequential:
    """3x3 convolutions with batch normalisation, a mean, a linear layer."""
    layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, padding=1)]
    for _ in range(blocks):
        layers += [
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def train(shape: tuple[int, int], seed: int, *, epochs: int) -> np.ndarray:
    """One candidate with one seed: the seed decides weights and the order of images."""
    torch.manual_seed(seed)
    model = network(*shape)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(TRAIN)).split(32):
            loss = nn.functional.cross_entropy(model(TRAIN[batch]), TRAIN_LABELS[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(VALIDATION).argmax(1) == VALIDATION_LABELS).numpy()


def main(epochs: int = 8) -> ss.Race:
    """Runs the race and prints it."""
    found = ss.race(
        CANDIDATES,
        train=partial(train, epochs=epochs),
        seeds=range(5),
        on_look=lambda look: print(f"seeds: {look.seeds}, still in the race: {', '.join(look.keep)}"),
    )
    print(f"{found.winner}: {'decided' if found.decided else 'leads, undecided'}")
    for row in found.records():
        print(
            f"{row['candidate']:9} {row['accuracy']:.1%}, up to {100 * row['behind_high']:.1f} points behind"
        )
    return found


if __name__ == "__main__":
    main()
