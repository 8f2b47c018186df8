"""`make recipe-length`: how long must `fast` train for its length to change nothing?

Four sets of 1,004 to 45,000 training images, EfficientNet-B0 on the proxies of experiments/: the base, and the triple
(2, 1, 1), whose depth learns slowest. Long enough: training twice as long gains less than half a point of both.

Every trained network is a line of JSON=FILE (default: recipe-length.jsonl), so the run can be stopped and continued.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import load
from scaling_search.data import catalog
from scaling_search.data.dataset import Dataset, Split
from scaling_search.networks.build import build
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale
from scaling_search.training.cache import enable_cache
from scaling_search.training.compiled import compile_trial
from scaling_search.training.loop import train
from scaling_search.training.optimizer import norm_momentum
from scaling_search.training.pixels import on_device
from scaling_search.training.recipe import Recipe, named

FINE = Rounding(depth="round", divisor=2)
ENOUGH = 0.5  # points that a doubling may gain
ROOT = Path(__file__).parents[1]
NO_DROPOUT = ROOT / "experiments/fashion-mnist/b0-no-dropout.toml"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A set of so many training images, judged on `validation` others by `seeds` trials of each length."""

    dataset: str
    images: int
    validation: int
    seeds: int

    @property
    def name(self) -> str:
        return f"{self.dataset}, {self.images:,} images"


# Of fashion-mnist's 60,000 a quarter is held out; the proxy is half as wide as the study's, so that an hour is enough.
CASES = (
    Case(dataset="digits", images=1_004, validation=434, seeds=3),
    Case(dataset="fashion_mnist", images=5_000, validation=10_000, seeds=1),
    Case(dataset="fashion_mnist", images=20_000, validation=10_000, seeds=1),
    Case(dataset="fashion_mnist", images=45_000, validation=10_000, seeds=1),
)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One trial: validation accuracy as a share."""

    case: str
    network: str
    epochs: int
    seed: int
    recipe: str  # fingerprint
    accuracy: float


@cache
def data(case: Case) -> Dataset:
    """The set, cut to the case's numbers of images."""
    whole = catalog.load(case.dataset, validation=0.3 if case.dataset == "digits" else 0.25)
    chosen = np.random.default_rng(0).permutation(len(whole.train))[: case.images]
    # All of them, in their own order, where none is left out.
    chosen = np.arange(case.images) if case.images == len(whole.train) else chosen
    cut = slice(0, case.validation)
    return replace(
        whole,
        train=Split(images=whole.train.images[chosen], labels=whole.train.labels[chosen]),
        validation=Split(images=whole.validation.images[cut], labels=whole.validation.labels[cut]),
    )


def networks(case: Case) -> dict[str, Network]:
    """The base, and the candidate of twice its depth."""
    if case.dataset == "digits":
        baseline, resolution, width = load("efficientnet-b0"), 8, 0.25
    else:
        baseline, resolution, width = load(str(NO_DROPOUT)), 16, 0.125
    base = proxy(
        baseline, resolution=resolution, width=width, depth=0.5, channels=1, classes=10, rounding=FINE
    )
    return {"base": base, "(2, 1, 1)": scale(base, depth=2.0, name="deep", rounding=FINE)}


def trained(case: Case, name: str, network: Network, recipe: Recipe, seeds: list[int]) -> Iterator[Trained]:
    """Trains the network with each seed."""
    dataset = data(case)
    momentum = norm_momentum(network.norm_momentum, recipe, len(dataset.train))
    model = build(network.model_copy(update={"norm_momentum": momentum}), platform="cpu", init=recipe.init)
    pixels = on_device(dataset, network.resolution)
    program = compile_trial(model, pixels, recipe)
    for seed in seeds:
        outcome = train(model, pixels, recipe, seed=seed, compiled=program)
        yield Trained(
            case=case.name,
            network=name,
            epochs=recipe.epochs,
            seed=seed,
            recipe=recipe.fingerprint,
            accuracy=outcome.accuracy or 0.0,
        )


def missing(case: Case, name: str, recipe: Recipe, known: list[Trained]) -> list[int]:
    """Seeds that are not trained yet."""
    have = {
        one.seed
        for one in known
        if (one.case, one.network, one.recipe) == (case.name, name, recipe.fingerprint)
    }
    return [seed for seed in range(case.seeds) if seed not in have]


def lengths(case: Case, recipe: Recipe) -> list[Recipe]:
    """Half as long as `fast`, as long, and twice as long; nothing else changed."""
    return [
        named("fast", images=case.images, epochs=epochs, crop_padding=recipe.crop_padding)
        for epochs in (max(1, recipe.epochs // 2), recipe.epochs, 2 * recipe.epochs)
    ]


def rows(case: Case, known: list[Trained]) -> Iterator[str]:
    """Lines of the table: accuracies at each length, and what the last doubling gained."""
    recipe = named("fast", images=case.images)
    for name in networks(case):
        means = []
        for one in lengths(case, recipe):
            found = [
                100 * row.accuracy
                for row in known
                if (row.case, row.network, row.recipe) == (case.name, name, one.fingerprint)
            ]
            means.append(statistics.fmean(found) if found else float("nan"))
        cells = [f"{mean:.2f}" for mean in means] + [f"{means[2] - means[1]:+.2f}"]
        about = f"{recipe.epochs} | {recipe.batch_size} | {recipe.steps(case.images):,}"
        yield f"| {case.name} | {name} | {about} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--json", type=Path, default=Path("recipe-length.jsonl"), help="where trials are kept"
    )
    parser.add_argument("--cases", nargs="*", type=int, default=list(range(len(CASES))))
    arguments = parser.parse_args()
    enable_cache()
    lines = arguments.json.read_text().splitlines() if arguments.json.exists() else []
    known = [Trained(**json.loads(line)) for line in lines]
    for case in (CASES[index] for index in arguments.cases):
        for name, network in networks(case).items():
            for recipe in lengths(case, named("fast", images=case.images)):
                if seeds := missing(case, name, recipe, known):
                    for one in trained(case, name, network, recipe, seeds):
                        known.append(one)
                        with arguments.json.open("a") as file:
                            file.write(json.dumps(asdict(one)) + "\n")
    print("| set | network | epochs | batch | steps | half as long (%) | as long | twice as long | gained |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for index in arguments.cases:
        print("\n".join(rows(CASES[index], known)))


if __name__ == "__main__":
    main()
