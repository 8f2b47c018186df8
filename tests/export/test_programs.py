"""The programs as text (PyTorch is not here to run them; `make verify-export` does), and flax's run."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from flax import nnx

from scaling_search.baselines.load import baseline, names
from scaling_search.export.folder import export
from scaling_search.export.formats import flax, torch
from tests.export.cases import case, relative, small

GOLDENS = Path(__file__).parent / "goldens"
GOLDEN = ("efficientnet-b0", "resnet-50", "fractalnet", "shufflenetv2-1.0", "alexnet")
ABOUT = "{}, as the tests write it."


@pytest.mark.parametrize("name", GOLDEN)
def test_torch_is_the_golden_text(name: str) -> None:
    """Anew, after reading the difference: python -m tests.export.test_programs"""
    text = (GOLDENS / f"{name}.py").read_text(encoding="utf-8")
    assert torch.model(baseline(name), ABOUT.format(name)) == text


def test_efficientnet_has_at_most_200_lines() -> None:
    assert len(torch.model(baseline("efficientnet-b0"), ABOUT).splitlines()) <= 200


def test_every_program_passes_ruff(tmp_path: Path) -> None:
    for format in (torch, flax):
        folder = tmp_path / format.__name__
        folder.mkdir()
        for name in names():
            (folder / f"{name}.py").write_text(format.model(baseline(name), ABOUT.format(name)))
    for order in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *order, "--isolated", "--no-cache", str(tmp_path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("exported", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["efficientnet-b0", "shufflenetv1-1.0", "alexnet", "googlenet", "fractalnet"]
)
def test_flax_has_the_numbers_and_trains(name: str, tmp_path: Path) -> None:
    network = small(name)
    # A block or two of a kind are enough.
    stages = tuple(stage.model_copy(update={"depth": min(stage.depth, 2)}) for stage in network.stages[:2])
    given = case(network.model_copy(update={"stages": stages}))
    export(given.network, *given.trees, format="flax", out=tmp_path / "out", images=given.images)
    module = loaded(tmp_path / "out" / "model.py")
    model = module.load()
    # One program for all operations, not one for each.
    run = nnx.jit(lambda model, images: model(images))
    assert relative(np.asarray(run(model, given.images)), given) < 1e-5
    before = [np.asarray(leaf) for leaf in jax.tree.leaves(nnx.state(model, nnx.BatchStat))]
    model.train()
    assert np.isfinite(np.asarray(run(model, given.images))).all()
    after = jax.tree.leaves(nnx.state(model, nnx.BatchStat))
    moved = [np.any(old != np.asarray(new)) for old, new in zip(before, after, strict=True)]
    assert any(moved) or not moved


if __name__ == "__main__":
    for name in GOLDEN:
        (GOLDENS / f"{name}.py").write_text(torch.model(baseline(name), ABOUT.format(name)), encoding="utf-8")
