"""Real searches whose answer is known: images made so that one dimension alone can tell the classes apart.

Three candidates of four times the base's cost (phi = 2), each scaled in one dimension: depth 4, width 2, or images of
16 px rather than 8. The base is one 3x3 convolution on 8 px.

- *fine*: stripes across or upright, drawn from the null space of the shrinking to 8 px, so that not a trace of them is
  left there. Resolution must win; more depth or width of the same 8 px see nothing at all.
- *coarse*: two bright squares side by side or one above the other, which 8 px show as well as 16. Half of the pairs
  touch, half lie too far apart for one convolution to see both, and farther still, in its pixels, at 16 px. Resolution
  must not win.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from PIL import Image

from scaling_search.cli.progress import ProgressBar
from scaling_search.data import catalog, paths
from scaling_search.ledger.ledger import Ledger
from scaling_search.report.render import show
from scaling_search.report.table import Column, Row, Table
from scaling_search.search.grid.search import GridResult, grid
from scaling_search.search.plan.study import parse

BASE, NATIVE = 8, 16
# Makes `count` images (count, 16, 16) around 0 with noise of about 1, of the class 0 or 1 of each.
Draw = Callable[[np.random.Generator, np.ndarray], np.ndarray]

NETWORK = f"""
name = "one-convolution"
resolution = {BASE}
channels = 1
classes = 2
activation = "relu"
stem = {{ width = 8, kernel = 1, stride = 1 }}
stages = [{{ block = "plain", width = 8 }}]
head = {{}}
"""

STUDY = """
name = "{task}"
baseline = "{network}"
[dataset]
name = "{task}"
validation = 0.4
[rounding]
divisor = 1
[recipe]
epochs = {epochs}
batch_size = 32
learning_rate = 0.1
crop_padding = 0.0
label_smoothing = 0.0
[grid]
phi = "2"
alpha = "1:2:1"
beta = "1:1.4:0.4"
gamma = "1:1.4:0.4"
tolerance = 0.1
seeds = {seeds}
racing = false
"""


def fine(draw: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Random stripes that vanish at 8 px, across (0) or upright (1), over random shades that do not."""
    shades = np.kron(draw.normal(0, 1, (len(labels), BASE, BASE)), np.ones((2, 2)))
    stripes = draw.normal(0, 1, (len(labels), NATIVE - BASE)) @ invisible()
    across = np.repeat(stripes[:, :, None], NATIVE, axis=2)
    return shades + np.where(labels[:, None, None] == 0, across, across.swapaxes(1, 2))


def invisible() -> np.ndarray:
    """Rows of 16 px that span what the shrinking to 8 px takes to zero."""
    shrink = jax.image.resize(np.eye(NATIVE), (BASE, NATIVE), "linear", antialias=True)
    return np.linalg.svd(np.asarray(shrink, np.float64))[2][BASE:]


def coarse(draw: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Two squares of one pixel at 8 px, side by side (0) or one above the other (1), 1 or 4 pixels apart."""
    images = np.zeros((len(labels), BASE, BASE))
    apart = draw.choice([1, 4], len(labels))
    for image, label, step in zip(images, labels, apart, strict=True):
        # One pixel from the edge, so that a 3x3 convolution meets no border that would tell a place.
        first, other = 1 + draw.integers(0, BASE - 2 - step), 1 + draw.integers(0, BASE - 2)
        for place in (first, first + step):
            image[(other, place) if label == 0 else (place, other)] = 5
    return np.kron(images + draw.normal(0, 1, images.shape), np.ones((2, 2)))


TASKS: dict[str, Draw] = {"fine": fine, "coarse": coarse}


def grey(images: np.ndarray) -> np.ndarray:
    """Images around 0 as 8-bit shades."""
    return np.clip(128 + 16 * images, 0, 255).round().astype(np.uint8)


def write_images(task: str, folder: Path, count: int) -> None:
    """`count` grey PNG files in two class folders."""
    draw = np.random.default_rng(0)
    labels = np.arange(count) % 2
    for index, (image, label) in enumerate(zip(grey(TASKS[task](draw, labels)), labels, strict=True)):
        place = folder / ("across" if label == 0 else "upright")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{index:04d}.png")


def search(task: str, folder: Path, *, seeds: int, epochs: int = 20, images: int = 1600) -> GridResult:
    """The task's grid, by the search's own code from picture files to findings. Works in `folder`."""
    write_images(task, folder / "pictures" / task, images)
    catalog.prepare(task, source=folder / "pictures" / task)
    network = folder / "one-convolution.toml"
    network.write_text(NETWORK, encoding="utf-8")
    study = parse(STUDY.format(task=task, network=network, seeds=seeds, epochs=epochs))
    with Ledger.open(folder / f"{task}.db") as ledger, ProgressBar() as bars:
        return grid(study, ledger=ledger, callbacks=(bars,))


DIMENSIONS = ("alpha", "beta", "gamma")
# Five standard errors over the half that guessing gets right of 512 images.
GUESSING = 0.6


def scaled(outcome: GridResult, key: str) -> str:
    """The one dimension in which a candidate is larger than the base."""
    return DIMENSIONS[int(np.argmax(outcome.found.candidate(key).triple))]


def accuracies(outcome: GridResult) -> dict[str, list[float]]:
    """Validation accuracy of each seed by the dimension that was scaled."""
    found: dict[str, list[float]] = {}
    for one in outcome.found.candidates:
        rows = [trial for trial in outcome.trials if trial.network == one.group]
        found[scaled(outcome, one.group)] = [row.accuracy for row in rows if row.accuracy is not None]
    return found


def members(outcome: GridResult) -> tuple[str, ...]:
    """The dimensions in the confidence set, the one that is named first."""
    behind, named = outcome.found.behind, outcome.found.winner
    if behind is None or named is None:
        return ()
    others = [name for name in behind.set if name != named.group]
    return tuple(scaled(outcome, key) for key in (named.group, *others))


def targets(found: dict[str, GridResult]) -> list[tuple[str, bool]]:
    """What must hold, and whether it does."""
    unseen = accuracies(found["fine"])
    return [
        ("fine: gamma alone is in the confidence set", members(found["fine"]) == ("gamma",)),
        (
            "fine: alpha and beta guess (at most 60 % right)",
            all(np.mean(unseen[name]) <= GUESSING for name in ("alpha", "beta")),
        ),
        ("coarse: gamma is not in the confidence set", "gamma" not in members(found["coarse"])),
    ]


def verdict(outcome: GridResult, key: str) -> str:
    """What the search says of a candidate."""
    if key in outcome.found.at_chance:
        return "at chance"
    kept, name = members(outcome), scaled(outcome, key)
    return "eliminated" if name not in kept else "winner" if name == kept[0] else "in the set"


def table(found: dict[str, GridResult]) -> Table:
    """One row per task and candidate."""
    rows = []
    for task, outcome in found.items():
        got = accuracies(outcome)
        for candidate in outcome.plan.candidates:
            (build,) = candidate.builds
            name = scaled(outcome, candidate.group)
            rows.append(
                Row(
                    cells={
                        "task": task,
                        "scaled": name,
                        "resolution": build.network.resolution,
                        "macs": build.macs_ratio,
                        "accuracy": float(np.mean(got[name])) if got[name] else None,
                        "spread": float(np.std(got[name], ddof=1)) if len(got[name]) > 1 else None,
                        "seeds": len(got[name]),
                        "verdict": verdict(outcome, candidate.group),
                    }
                )
            )
    return Table(
        name="real",
        title="Real searches whose answer is known",
        columns=(
            Column(key="task", title="detail", align="left", identifies=True),
            Column(key="scaled", title="scaled", align="left", identifies=True),
            Column(key="resolution", title="size (px)"),
            Column(key="macs", title="MACs / base", show="{:.2f}".format),
            Column(key="accuracy", title="accuracy (%)", show=_percent),
            Column(key="spread", title="sd over seeds (points)", show=_percent),
            Column(key="seeds", title="seeds"),
            Column(key="verdict", title="verdict", align="left"),
        ),
        rows=tuple(rows),
        notes=("Guessing one of two classes is right in 50 %.",),
    )


def _percent(share: float) -> str:
    return f"{share * 100:.1f}"


def main() -> int:
    """Search, print, write; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="add the figures to this file, under `real`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[paths.VARIABLE] = folder
        found = {task: search(task, Path(folder), seeds=options.seeds) for task in TASKS}
    show(table(found))
    met = targets(found)
    if options.json:
        known = json.loads(options.json.read_text("utf-8")) if options.json.exists() else {}
        known["real"] = {
            task: {"accuracy": accuracies(outcome), "confidence_set": members(outcome)}
            for task, outcome in found.items()
        } | {"met": all(good for _, good in met)}
        options.json.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    for what, good in met:
        print(f"{'met   ' if good else 'MISSED'}  {what}")
    return 0 if all(good for _, good in met) else 1


if __name__ == "__main__":
    sys.exit(main())
