"""`make parity`: do networks learn here what they learn in PyTorch?

A residual network and a proxy of B0, on digits, with the recipe `fast` at its own length and at a tenth of it, five
seeds each. Both begin with the same weights and see the same images in the same order; the arithmetic is left.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import load
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.rounding import Rounding
from scaling_search.training.recipe import Recipe, named

LIMIT = 1.0  # points
FINE = Rounding(depth="round", divisor=2)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Validation accuracies in percent, one a seed; the difference of the means, ours less PyTorch's, in points, and
    half the width of its 95 % interval (paired t over the seeds).
    """

    network: str
    epochs: int
    steps: int
    ours: tuple[float, ...]
    pytorch: tuple[float, ...]
    difference: float
    half_width: float

    @property
    def within(self) -> bool:
        """Whether the means are within one point."""
        return abs(self.difference) <= LIMIT


def compare(
    network: str, epochs: int, steps: int, ours: Sequence[float], pytorch: Sequence[float]
) -> Comparison:
    """The comparison of two equally long lists of accuracies (shares)."""
    if len(ours) != len(pytorch) or len(ours) < 2:
        raise ValueError(
            f"{len(ours)} seeds here and {len(pytorch)} in PyTorch: expected as many, two at least"
        )
    gaps = 100 * (np.asarray(ours) - np.asarray(pytorch))
    half = float(stats.t.ppf(0.975, len(gaps) - 1) * gaps.std(ddof=1) / math.sqrt(len(gaps)))
    return Comparison(
        network=network,
        epochs=epochs,
        steps=steps,
        ours=tuple(100 * value for value in ours),
        pytorch=tuple(100 * value for value in pytorch),
        difference=float(gaps.mean()),
        half_width=half,
    )


def networks() -> dict[str, Network]:
    """What is trained: without dropout and stochastic depth, whose random numbers differ."""
    b0 = proxy(
        load("efficientnet-b0"), resolution=8, width=0.25, depth=0.5, channels=1, classes=10, rounding=FINE
    )
    residual = proxy(
        load("resnet-56"), resolution=8, width=0.5, depth=0.33, channels=1, classes=10, rounding=FINE
    )
    plain = {"stochastic_depth": 0.0, "head": b0.head.model_copy(update={"dropout": 0.0})}
    return {"efficientnet-b0": b0.model_copy(update=plain), "resnet-56": residual}


def recipes(images: int) -> tuple[Recipe, Recipe]:
    """`fast` at a tenth of its length and in full."""
    full = named("fast", images=images)
    return named("fast", images=images, epochs=max(1, round(full.epochs / 10))), full


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()

    from benchmarks import parity_programs
    from scaling_search.data import catalog

    dataset = catalog.load("digits", validation=0.3)
    print("| network | steps | here (%) | PyTorch (%) | difference (points) |")
    print("|---|---:|---:|---:|---:|")
    found = []
    for name, network in networks().items():
        for recipe in recipes(len(dataset.train)):
            seeds = range(arguments.seeds)
            ours = parity_programs.ours(network, dataset, recipe, seeds)
            theirs = [parity_programs.pytorch(network, dataset, recipe, seed) for seed in seeds]
            one = compare(name, recipe.epochs, recipe.steps(len(dataset.train)), ours, theirs)
            print(row(one), flush=True)
            found.append(one)
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"comparisons": [asdict(one) for one in found]}, indent=2) + "\n"
        )
    longest = {one.network: one for one in found}
    if not all(one.within for one in longest.values()):
        raise SystemExit(f"means differ by more than {LIMIT:g} point at the default length")


def row(one: Comparison) -> str:
    """A line of the table: mean ± sd."""
    ours, theirs = (f"{np.mean(v):.1f} ± {np.std(v, ddof=1):.1f}" for v in (one.ours, one.pytorch))
    return (
        f"| {one.network} | {one.steps} | {ours} | {theirs} | {one.difference:+.2f} ± {one.half_width:.2f} |"
    )


if __name__ == "__main__":
    main()
