"""`make verify-export`: every exported folder, loaded and run where there is nothing but its own framework.

This program writes the folders and judges; `benchmarks/exported.py` runs in a process of its own for each folder and
loads nothing of ours. A network passes when its logits differ from ours by at most three times our own rounding errors
(float32 against float64) and by 1e-5 of the largest logit; PyTorch's gradients of one training step by 1e-4 of the
largest of a layer. Then one network trains an epoch on `digits` in our program and one more in PyTorch.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import baseline, names
from scaling_search.errors import InputError
from scaling_search.export import reference
from scaling_search.export.folder import export
from scaling_search.networks.build import build
from scaling_search.networks.native import PLAIN
from scaling_search.scaling.proxy import proxy

HERE = Path(__file__).parent
TOLERANCE, ROUNDINGS, GRADIENTS = 1e-5, 3, 1e-4
CLASSES = 10
# Their stochastic parts are off and the batch is small: gradients are compared on these.
STEP = ("efficientnet-b0", "resnet-18", "shufflenetv2-1.0", "fractalnet", "alexnet")
TRAINED = "efficientnet-b0"


def small(name: str) -> Network:
    """The built-in network at 32 px and a quarter of the width; larger where its pooling would leave nothing."""
    network, side = baseline(name), 32
    while True:
        try:
            return proxy(network, resolution=side, width=0.25, channels=network.channels, classes=CLASSES)
        except InputError:
            side *= 2


def without_chance(network: Network) -> Network:
    """The same with every rate of dropout and stochastic depth at 0."""
    table = network.model_dump(exclude_defaults=True) | {"stochastic_depth": 0.0}

    def calm(value: Any) -> Any:
        if isinstance(value, dict):
            rates = {key: 0.0 for key in ("dropout", "drop", "drop_path") if key in value}
            rates |= {"drop_path": 0.0} if value.get("block") == "fractal" else {}
            return {key: calm(item) for key, item in value.items()} | rates
        return [calm(item) for item in value] if isinstance(value, list | tuple) else value

    return Network.model_validate(calm(table))


def run(folder: Path, what: str, *more: str) -> dict[str, Any]:
    """What `exported.py` says of a folder."""
    command = [sys.executable, str(HERE / "exported.py"), what, str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{folder}: {done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def verify(name: str, network: Network, formats: list[str], work: Path) -> list[dict[str, Any]]:
    """One row for each format: how far its logits are from ours, as a share of the largest."""
    params, batch_stats = reference.random_weights(network, 0)
    images = reference.noise(network, 0)
    ours = reference.logits(network, params, batch_stats, images)
    exact = reference.logits(network, params, batch_stats, images, double=True)
    largest, rounding = float(np.abs(ours).max()), float(np.abs(exact - ours).max())
    rows = []
    for format in formats:
        folder = work / f"{name}-{format}"
        try:
            export(network, params, batch_stats, format=format, out=folder)
        except InputError as error:
            if format != "timm":
                raise
            rows.append({"name": name, "format": format, "max_relative_difference": None, "why": str(error)})
            continue
        difference = run(folder, "check")["difference"]
        rows.append(
            {
                "name": name,
                "format": format,
                "max_relative_difference": difference / largest,
                "own_rounding": rounding / largest,
                "passed": difference <= min(ROUNDINGS * rounding, TOLERANCE * largest),
            }
        )
    return rows


def step(name: str, work: Path) -> dict[str, Any]:
    """Gradients of Σ (logits - 1)² / n in training mode, and the statistics after it, here and in PyTorch."""
    network = without_chance(small(name))
    params, batch_stats = reference.random_weights(network, 0)
    folder = work / f"{name}-step"
    export(network, params, batch_stats, format="torch", out=folder)
    apply = build(network, platform=PLAIN).apply
    images = reference.noise(network, 0)

    def loss(params: Any, batch_stats: Any, images: Any) -> tuple[jax.Array, Any]:
        logits, after = apply(params, batch_stats, images, train=True, key=jax.random.key(0))
        return jnp.mean((logits - 1) ** 2), after

    # In float64: what float32 rounds away is another size on each side of a kink, and says nothing of the program.
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda each: np.asarray(each, np.float64), (params, batch_stats, images))
        gradients, after = jax.jit(jax.grad(loss, has_aux=True))(*wide)
    expected = folder / "expected"
    export(network, gradients, after, format="torch", out=expected, images=images)
    return {"name": name, **run(folder, "step", str(expected / "model.safetensors"))}


def train(work: Path) -> dict[str, Any]:
    """An epoch on `digits` in our program's own loop, and one more in PyTorch."""
    from scaling_search.data.digits import INFO, read_digits

    network = proxy(baseline(TRAINED), resolution=8, width=0.25, depth=0.5, channels=1, classes=CLASSES)
    # Three epochs are 66 steps: statistics with a longer memory would still be those of the start.
    network = network.model_copy(update={"norm_momentum": 0.9})
    train_split, _ = read_digits(test=False)
    test_split, _ = read_digits(test=True)
    mean, std = train_split.images.mean(), train_split.images.std()
    params, batch_stats = trained(network, (train_split.images - mean) / std, train_split.labels)
    folder = work / "trained"
    images = ((test_split.images - mean) / std).astype(np.float32)
    export(network, params, batch_stats, format="torch", out=folder, images=images[:16])
    np.savez(
        folder / "digits.npz",
        train=((train_split.images - mean) / std).astype(np.float32).transpose(0, 3, 1, 2),
        train_labels=train_split.labels,
        test=images.transpose(0, 3, 1, 2),
        test_labels=test_split.labels,
    )
    ours = reference.logits(network, params, batch_stats, images).argmax(1)
    return {
        "name": network.name,
        "dataset": INFO.name,
        "accuracy_here": float((ours == test_split.labels).mean()),
        **run(folder, "train"),
    }


def trained(network: Network, images: np.ndarray, labels: np.ndarray) -> tuple[Any, Any]:
    """Weights after three epochs of plain AdamW."""
    import optax

    model = build(network, platform="cpu")
    key = jax.random.key(0)
    params, batch_stats = model.init(key)
    optimizer = optax.adamw(3e-3)
    state = optimizer.init(params)

    @jax.jit
    def update(params: Any, batch_stats: Any, state: Any, x: Any, y: Any, key: Any) -> Any:
        def loss(params: Any) -> Any:
            logits, after = model.apply(params, batch_stats, x, train=True, key=key)
            return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), after

        gradients, after = jax.grad(loss, has_aux=True)(params)
        changes, state = optimizer.update(gradients, state, params)
        return optax.apply_updates(params, changes), after, state

    random = np.random.default_rng(0)
    for epoch in range(3):
        order = random.permutation(len(images))
        for at in range(0, len(images) - 63, 64):
            chosen = order[at : at + 64]
            place = jax.random.fold_in(key, epoch * len(images) + at)
            batch = np.asarray(images[chosen], np.float32)
            params, batch_stats, state = update(params, batch_stats, state, batch, labels[chosen], place)
    return params, batch_stats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--networks", nargs="*", default=list(names()), help="built-in networks (all)")
    parser.add_argument("--formats", nargs="*", default=["torch", "onnx", "flax"])
    parser.add_argument("--full", action="store_true", help="at their own width and resolution")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        rows: list[dict[str, Any]] = []
        for name in arguments.networks:
            network = baseline(name) if arguments.full else small(name)
            rows += (found := verify(name, network, arguments.formats, work))
            for row in found:
                print(json.dumps(row), file=sys.stderr, flush=True)
        steps = [step(name, work) for name in STEP if name in arguments.networks]
        result = {"networks": rows, "steps": steps, "training": train(work)}
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")
    failed = [row["name"] for row in rows if row.get("passed") is False]
    failed += [one["name"] for one in steps if max(one["gradients"], one["statistics"]) > GRADIENTS]
    if failed:
        raise SystemExit(f"too far from ours: {', '.join(failed)}")


if __name__ == "__main__":
    main()
