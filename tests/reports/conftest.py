"""What the reports share: folders of images, and importing one as a user does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scaling_search.cli.main import run

Import = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that this machine has prepared is seen; everything happens in a folder of its own."""
    monkeypatch.setenv("SCALING_SEARCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def imported(capsys: pytest.CaptureFixture[str]) -> Import:
    """`data prepare set --from set --json` with more options: the document, and what was said as `said`."""

    def prepare(*options: str, code: int = 0) -> dict[str, Any]:
        assert run(["data", "prepare", "set", "--from", "set", "--json", *options]) == code
        captured = capsys.readouterr()
        document: dict[str, Any] = json.loads(captured.out) if code == 0 else {}
        return document | {"said": captured.err}

    return prepare


def noise(seed: int, size: tuple[int, ...] = (12, 12, 3)) -> np.ndarray:
    """Random pixels, the same for the same seed."""
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)


def fill(count: int = 6, classes: tuple[str, ...] = ("cat", "dog"), **options: Any) -> list[Path]:
    """`set/CLASS/I.png` of noise, no two the same; their paths."""
    paths = []
    for number, label in enumerate(classes):
        folder = Path("set") / label
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(count):
            paths.append(folder / f"{index}.png")
            Image.fromarray(noise(1000 * number + index, **options)).save(paths[-1])
    return paths


def every_image(document: dict[str, Any]) -> np.ndarray:
    """All images of the set that was imported, whatever their split, in no order."""
    from scaling_search.data import catalog

    data = catalog.load(document["name"])
    parts = [data.train.images, data.validation.images, catalog.load_test(document["name"]).images]
    return np.concatenate(parts)


def holds(document: dict[str, Any], image: np.ndarray, tolerance: int = 0) -> bool:
    """Whether an image (H, W, C) is in the set, pixel by pixel."""
    apart = np.abs(every_image(document).astype(int) - image.astype(int)).max(axis=(1, 2, 3))
    return bool((apart <= tolerance).any())
