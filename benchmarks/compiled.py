"""`make compiled`: what XLA makes of a training step for an H100, with no GPU here; figures of programs, not of speed.

XLA compiles for a GPU that it is told of (`h100.textproto`). Nothing runs, so convolutions and products keep the
algorithms that it picks unmeasured. Bytes are what each kernel reads and writes, as if nothing stayed in a cache: from
the card's 3.35 TB/s follows what a step takes at least. Memory is XLA's plan beside `costs.memory`'s estimate.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ["XLA_FLAGS"] = "--xla_gpu_autotune_level=0 " + os.environ.get("XLA_FLAGS", "")
os.environ["JAX_PLATFORMS"] = "cpu"

import cases
import jax
import jax.numpy as jnp
from hlo import kernels
from jax.experimental import topologies
from jax.sharding import NamedSharding, PartitionSpec

from scaling_search.architecture.network import Network
from scaling_search.costs.memory import training_memory
from scaling_search.networks.build import build
from scaling_search.report import columns
from scaling_search.report.render import show
from scaling_search.report.table import Row, Table
from scaling_search.training import recipe, steps
from scaling_search.training.compiled import planned_memory

DEVICE = Path(__file__).with_name("h100.textproto")
BANDWIDTH = 3.35e12  # bytes per second
IMAGES = 640


@dataclass(frozen=True, kw_only=True)
class Program:
    """One training step: of one network, or of several seeds of it in one program."""

    case: str
    seeds: int
    kernels: int
    convolutions: int
    products: int
    bytes: int
    planned_bytes: int | None
    estimated_bytes: int

    @property
    def least_milliseconds(self) -> float:
        """The step's time were its bytes all that took any."""
        return self.bytes / BANDWIDTH * 1e3


def step_program(network: Network, batch: int, seeds: int) -> Any:
    """The compiled step; `jax.stages.Compiled`, which cannot run here."""
    device = topologies.get_topology_desc(platform="cuda", target_config=DEVICE.read_text(), topology="1x1x1")
    here = NamedSharding(topologies.make_mesh(device, (1,), ("device",)), PartitionSpec())
    settings = recipe.named("fast").model_copy(update={"batch_size": batch})
    trial = steps.plan(build(network, platform="gpu", batched=seeds > 1), settings, IMAGES // batch)

    def step(state: Any, key: Any, order: Any, pixels: Any) -> Any:
        return steps.train_step(trial, key, order, pixels, state)

    def shapes(tree: Any, batched: bool) -> Any:
        axes = (seeds,) if batched and seeds > 1 else ()
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct((*axes, *x.shape), x.dtype, sharding=here), tree)

    channel: Any = jax.ShapeDtypeStruct((network.channels,), jnp.float32)
    numbers: Any = jax.ShapeDtypeStruct((IMAGES,), jnp.int32)
    side = network.resolution
    images: Any = jax.ShapeDtypeStruct((IMAGES, side, side, network.channels), jnp.uint8)
    pixels = steps.Pixels(images=images, labels=numbers, mean=channel, std=channel)
    key = jax.eval_shape(lambda: steps.seed_key(0))
    whole = jax.vmap(step, in_axes=(0, 0, 0, None)) if seeds > 1 else step
    arguments = [shapes(tree, True) for tree in (steps.abstract_state(trial), key, numbers)]
    return jax.jit(whole, donate_argnums=0).lower(*arguments, shapes(pixels, False)).compile()


def examine(case: cases.Case, seeds: int) -> Program:
    compiled = step_program(case.network, case.batch, seeds)
    run = kernels(compiled.as_text())
    one = training_memory(case.network, batch_size=case.batch, element_bytes=2).total
    return Program(
        case=case.name,
        seeds=seeds,
        kernels=len(run),
        convolutions=sum('target="__cudnn$conv' in kernel.line for kernel in run),
        products=sum(bool(re.search(r'"__(triton\w*gemm|cublas)', kernel.line)) for kernel in run),
        bytes=sum(kernel.bytes for kernel in run),
        planned_bytes=planned_memory(compiled),
        estimated_bytes=one * seeds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    options = parser.parse_args()
    small, large, dense = cases.DEPTHWISE[0], cases.LARGE[0], cases.DENSE[0]
    found = [examine(case, seeds) for case, seeds in ((small, 1), (small, 8), (large, 1), (dense, 1))]
    layout = (
        columns.name("case", "Network", identifies=True),
        columns.integer("seeds", "Seeds"),
        columns.integer("kernels", "Kernels"),
        columns.integer("convolutions", "Convolutions"),
        columns.integer("products", "Products"),
        columns.size("bytes", "Bytes a step"),
        columns.decimal("least_milliseconds", "ms at least", 2),
        columns.size("planned_bytes", "Memory, XLA's plan"),
        columns.size("estimated_bytes", "Estimate"),
    )
    rows = tuple(Row(cells=asdict(one) | {"least_milliseconds": one.least_milliseconds}) for one in found)
    show(Table(name="compiled", title="A training step compiled for an H100", columns=layout, rows=rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
