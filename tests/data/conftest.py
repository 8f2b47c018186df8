"""Small sets that the tests make themselves; no test looks at this machine's own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Pictures = Callable[..., Path]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data directory, named by the environment; tfds's own default folder is empty too."""
    monkeypatch.setenv("SCALING_SEARCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds-default"))
    return tmp_path / "data"


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    """Write random pictures `ROOT/CLASS/I.png` and return ROOT; the colour channel says the class."""

    def write(
        root: str = "pictures",
        classes: Sequence[str] = ("cat", "dog"),
        count: int = 5,
        size: tuple[int, int] = (6, 6),
        mode: str = "RGB",
        seed: int = 0,
    ) -> Path:
        random = np.random.default_rng(seed)
        for number, name in enumerate(classes):
            (tmp_path / root / name).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                pixels = random.integers(0, 100, (*size, 3), dtype=np.uint8)
                pixels[..., number % 3] += 100
                Image.fromarray(pixels).convert(mode).save(tmp_path / root / name / f"{index}.png")
        return tmp_path / root

    return write
