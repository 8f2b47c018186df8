"""Runs one exported folder and loads nothing of ours: exported.py check | step | train FOLDER [FILE]."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

OURS = ("scaling_search",)
BATCH = 64


def loaded(folder: Path) -> Any:
    """The folder's program."""
    spec = importlib.util.spec_from_file_location("model", folder / "model.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{folder} has no model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(folder: Path) -> dict[str, float]:
    """The largest difference of logits from those in the folder."""
    expected = np.load(folder / "check.npz")
    if (folder / "model.onnx").exists():
        import onnxruntime

        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        found = session.run(["logits"], {"images": expected["images"]})[0]
    elif (folder / "model.py").read_text().find("import torch") >= 0:
        import torch

        with torch.inference_mode():
            found = loaded(folder).load(folder)(torch.from_numpy(expected["images"])).numpy()
    else:
        found = np.asarray(loaded(folder).load(folder)(expected["images"]))
    return {"difference": float(np.abs(found - expected["logits"]).max())}


def step(folder: Path, expected: Path) -> dict[str, float]:
    """Gradients and statistics of a step in float64 against the file's: the worst as shares of the largest."""
    import torch
    from safetensors.torch import load_file

    model = loaded(folder).load(folder).double().train()
    images = torch.from_numpy(np.load(expected.parent / "check.npz")["images"]).double()
    ((model(images) - 1) ** 2).mean().backward()
    wanted = load_file(expected)
    largest = max(float(p.grad.abs().max()) for p in model.parameters())
    gradients = max(
        float((p.grad - wanted[name]).abs().max()) / largest for name, p in model.named_parameters()
    )
    statistics = 0.0
    for kind in ("running_mean", "running_var"):
        moments = {name: b for name, b in model.named_buffers() if name.endswith(kind)}
        # Of all layers' largest: behind another normalisation a mean is 0 but for rounding.
        largest = max((float(wanted[name].abs().max()) for name in moments), default=1.0)
        apart = (float((b - wanted[name]).abs().max()) / largest for name, b in moments.items())
        statistics = max(statistics, *apart, 0.0)
    return {"gradients": gradients, "statistics": statistics}


def train(folder: Path) -> dict[str, float]:
    """Accuracy on the test images before and after one more epoch."""
    import torch

    torch.manual_seed(0)
    model = loaded(folder).load(folder)
    arrays = {name: torch.from_numpy(value) for name, value in np.load(folder / "digits.npz").items()}

    def accuracy() -> float:
        with torch.inference_mode():
            right = model.eval()(arrays["test"]).argmax(1) == arrays["test_labels"]
        return float(right.float().mean())

    before = accuracy()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
    model.train()
    losses = []
    for chosen in torch.randperm(len(arrays["train"])).split(BATCH):
        optimizer.zero_grad()
        logits = model(arrays["train"][chosen])
        loss = torch.nn.functional.cross_entropy(logits, arrays["train_labels"][chosen].long())
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return {
        "accuracy_before": before,
        "accuracy_after": accuracy(),
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }


def main() -> None:
    what, folder, *more = sys.argv[1:]
    found = {"check": check, "step": step, "train": train}[what](Path(folder), *map(Path, more))
    strangers = [name for name in OURS if name in sys.modules]
    if strangers:
        raise SystemExit(f"an exported program loaded {', '.join(strangers)}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
