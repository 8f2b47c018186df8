"""`make start`: does a large network start as a small one does?

Every built-in network as a proxy of 32 px and a quarter of its width, at phi = 0 to 4 of (1.2, 1.1, 1.15), on digits:
the loss before the first step over ln(classes), and the gradient's norm after ten steps of `fast`, phi = 4 over 0.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.numpy_forward import forward
from scaling_search.architecture.network import Network, operation_tree
from scaling_search.baselines.load import load, names
from scaling_search.data import augment, catalog
from scaling_search.data.dataset import Dataset
from scaling_search.networks.build import build
from scaling_search.networks.initial import Init
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.scale import scale_network
from scaling_search.training import optimizer, steps
from scaling_search.training.pixels import split_on_device
from scaling_search.training.recipe import Recipe, named

PAPER = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
PHIS = (0, 1, 2, 3, 4)
CLASSES = 10
LOSS_LIMIT, GRADIENT_LIMIT = 1.1, 2.0
TAKEN, AVERAGED = 10, 4  # steps before the gradient counts; steps whose norms are averaged


def small(name: str, phi: float, *, resolution: int = 32, width: float = 0.25) -> Network:
    """A built-in network as a small proxy, scaled to phi."""
    base = proxy(load(name), resolution=resolution, width=width, channels=1, classes=CLASSES)
    return scale_network(base, PAPER, phi=phi)


def start_loss(network: Network, dataset: Dataset, init: Init, *, images: int = 2, seed: int = 0) -> float:
    """The worst head's cross-entropy at the start over ln(classes), all classes being equally likely."""
    params, _ = build(network, platform="cpu", init=init).init(jax.random.key(seed))
    pixels = augment.resize(dataset.train.images[:images], network.resolution)
    heads: list[np.ndarray] = []
    logits = forward(
        operation_tree(network),
        params,
        np.asarray(augment.normalise(jnp.asarray(pixels), *dataset.moments)),
        heads,
    )
    log_p = np.asarray(jax.nn.log_softmax(np.stack([logits, *heads]).reshape(-1, images, CLASSES)))
    return float((-log_p.mean((1, 2))).max() / np.log(CLASSES))


def gradient_norm(
    network: Network,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seeds: Sequence[int] = (0,),
    **compiler_options: Any,
) -> float:
    """Mean of the gradient's norm over the seeds and over the steps after the first ten."""
    count = len(dataset.train)
    momentum = optimizer.norm_momentum(network.norm_momentum, recipe, count)
    model = build(network.model_copy(update={"norm_momentum": momentum}), platform="cpu", init=recipe.init)
    setup = steps.plan(model, recipe, recipe.steps_per_epoch(count))
    pixels = split_on_device(dataset.train, dataset, network.resolution)

    def run(key: jax.Array, order: jax.Array, state: steps.State) -> jax.Array:
        def step(state: steps.State, _: None) -> tuple[steps.State, jax.Array]:
            after = steps.train_step(setup, key, order, pixels, state)
            return after, after.gradient_sum

        return jax.lax.scan(step, state, None, length=TAKEN + AVERAGED)[1]

    compiled = jax.jit(run, compiler_options=compiler_options)
    norms = []
    for seed in seeds:
        key = steps.seed_key(seed)
        state = jax.tree.map(jnp.asarray, steps.initial_state(setup, key))
        sums = np.asarray(compiled(key, steps.epoch_order(key, 0, count), state))
        norms.append((sums[-1] - sums[TAKEN - 1]) / AVERAGED)
    return float(np.mean(norms))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--networks", nargs="*", default=list(names()), choices=names())
    parser.add_argument("--init", default="small-head", choices=("small-head", "reference"))
    arguments = parser.parse_args()
    dataset = catalog.load("digits")
    recipe = named("fast", images=len(dataset.train), init=arguments.init)
    print("| network | loss / ln(10), phi = 0 | 1 | 2 | 3 | 4 | gradient norm, phi = 0 | 4 | ratio |")
    print("|---|" + "---:|" * 8)
    found = []
    for name in arguments.networks:
        members = [small(name, phi) for phi in PHIS]
        losses = [start_loss(network, dataset, arguments.init) for network in members]
        norms = [gradient_norm(members[place], dataset, recipe) for place in (0, -1)]
        cells = [f"{loss:.3f}" for loss in losses] + [f"{norm:.2f}" for norm in (*norms, norms[1] / norms[0])]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
        found.append({"name": name, "start_loss_ratio": losses, "gradient_norm": norms})
    worst = max(max(one["start_loss_ratio"]) for one in found)
    ratios = [one["gradient_norm"][1] / one["gradient_norm"][0] for one in found]
    print(f"largest loss at the start {worst:.3f}; gradients {min(ratios):.2f} to {max(ratios):.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"networks": found}, indent=2) + "\n")
    if worst > LOSS_LIMIT or not 1 / GRADIENT_LIMIT <= min(ratios) <= max(ratios) <= GRADIENT_LIMIT:
        raise SystemExit("a network starts outside the limits")


if __name__ == "__main__":
    main()
