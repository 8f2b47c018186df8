"""`make seeds`: seeds of one network in turn and as one batched program, on the default device.

The measurement is the one by which a search decides (`training.seeds`), on B0's proxy for the digits. A gain above 1
says that a step of all seeds together takes less time than as many steps of one. Target on a GPU: 8 seeds in at most
2.5 times the time of one.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from growth import small

from scaling_search.data import catalog
from scaling_search.networks.build import build
from scaling_search.report import columns
from scaling_search.report.render import show
from scaling_search.report.table import Row, Table
from scaling_search.search.trial import provenance
from scaling_search.training import recipe
from scaling_search.training.compiled import compile_trial
from scaling_search.training.pixels import on_device
from scaling_search.training.seeds import Speed, measure


def measured(seed_batch: list[int], resolution: int) -> list[Speed]:
    """Each number of seeds beside one, interleaved."""
    network = small("efficientnet-b0", resolution=resolution, width=0.25, depth=0.5).model_copy(
        update={"channels": 1}
    )
    platform, settings = provenance.platform_name(), recipe.named("fast", batch_size=64)
    pixels = on_device(catalog.load("digits"), resolution)
    alone = compile_trial(build(network, platform=platform), pixels, settings)
    batched = build(network, platform=platform, batched=True)
    return [
        measure(alone, compile_trial(batched, pixels, settings, seed_batch=count), pixels, repeats=9)
        for count in seed_batch
    ]


def row(speed: Speed) -> Row:
    """Milliseconds of a step, and what the seeds together take of it."""
    return Row(
        cells={
            "seed_batch": speed.seed_batch,
            "alone": speed.alone * 1e3,
            "together": speed.together * 1e3,
            "times": speed.together / speed.alone,
            "gain": speed.gain,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="*", type=int, default=[2, 4, 8], help="how many train together")
    parser.add_argument("--resolution", type=int, default=16)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    found = measured(arguments.seeds, arguments.resolution)
    layout = (
        columns.integer("seed_batch", "Seeds", identifies=True),
        columns.decimal("alone", "One (ms)"),
        columns.decimal("together", "All (ms)"),
        columns.decimal("times", "All / one"),
        columns.decimal("gain", "Gain"),
    )
    show(
        Table(name="seeds", title=provenance.device(), columns=layout, rows=tuple(row(one) for one in found))
    )
    if arguments.json:
        entries = [asdict(one) | {"gain": one.gain} for one in found]
        arguments.json.write_text(
            json.dumps({"device": provenance.device(), "seeds": entries}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
