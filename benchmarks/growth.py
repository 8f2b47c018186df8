"""`make growth`: seconds per image of a training step against counted MACs, as B0's proxy grows and over five families.

The line is least squares in log-log: seconds = c * MACs^p. A network off the line is dearer or cheaper per
multiply-add than its size says; `activations` (outputs of convolutions, per image) usually tells why.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cases
import jax
import jax_step
import numpy as np

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import load
from scaling_search.costs.count import Cost, cost
from scaling_search.networks.build import build
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.scaling.proxy import proxy
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import scale_network

FAMILIES = ("efficientnet-b0", "mobilenetv2", "resnet-18", "densenet-121", "shufflenetv2-1.0")
PAPER = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
STEPS = 4
FINE = Rounding(depth="round", divisor=2)


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A network to time, with `batch` images a step."""

    name: str
    network: Network
    batch: int = 64

    @property
    def resolution(self) -> int:
        return self.network.resolution


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A network's counted cost, and the seconds per image that its training step took."""

    case: Grown
    cost: Cost
    seconds: float


def small(baseline: str, *, resolution: int, width: float, depth: float) -> Network:
    network = load(baseline)
    return proxy(
        network,
        resolution=resolution,
        width=width,
        depth=depth,
        channels=cases.CHANNELS,
        classes=cases.CLASSES,
        rounding=FINE,
    )


def networks() -> list[Grown]:
    """B0's proxy at phi = 0 to 4 by the paper's triple, and a proxy of each family."""
    base = small("efficientnet-b0", resolution=16, width=0.25, depth=0.5)
    grown = [
        Grown(
            name=f"efficientnet-b0 proxy, φ = {phi}",
            network=scale_network(base, PAPER, phi=phi, rounding=FINE),
        )
        for phi in range(5)
    ]
    families = [
        Grown(name=name, network=small(name, resolution=32, width=0.5, depth=0.5)) for name in FAMILIES
    ]
    return grown + families


def measure(case: Grown, repeats: int) -> float:
    """Seconds per image: the median of `repeats` after a first, each several steps in one program, as in a trial."""
    run, _ = jax_step.stepper(build(case.network, platform=jax.default_backend()), case)
    run(1)
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run(STEPS)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) / (STEPS * case.batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    found = []
    for case in networks():
        found.append(Measured(case=case, cost=cost(case.network), seconds=measure(case, arguments.repeats)))
        print(f"{case.name}: {1 / found[-1].seconds:.0f} images/s", file=sys.stderr, flush=True)
    macs = np.log([row.cost.macs for row in found])
    seconds = np.log([row.seconds for row in found])
    power, constant = np.polyfit(macs, seconds, 1)
    off = np.exp(seconds - (power * macs + constant))
    print(f"seconds per image = {np.exp(constant):.3g} * MACs^{power:.2f}\n")
    print("| network | MACs (M) | activations (k) | images/s | ns per 1,000 MACs | times the line |")
    print("|---|---:|---:|---:|---:|---:|")
    for row, factor in zip(found, off, strict=True):
        print(
            f"| {row.case.name} | {row.cost.macs / 1e6:.2f} | {row.cost.activations / 1e3:.0f} | "
            f"{1 / row.seconds:.0f} | {row.seconds * 1e12 / row.cost.macs:.0f} | {factor:.2f} |"
        )
    if arguments.json:
        rows = [
            {"name": row.case.name, "macs": row.cost.macs, "seconds_per_image": row.seconds} for row in found
        ]
        fit = {"power": float(power), "constant": float(np.exp(constant))}
        arguments.json.write_text(json.dumps({"networks": rows, "fit": fit}, indent=2) + "\n")


if __name__ == "__main__":
    main()
