"""Tiny array_record sets, made through tensorflow-datasets as a user would make them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image


def build(
    root: Path,
    name: str = "tiny",
    version: str = "1.0.0",
    splits: dict[str, int] | None = None,
    shape: tuple[int | None, int | None, int] = (4, 5, 3),
    label: str = "label",
    numbers: bool = False,
) -> Path:
    """Build a set of random images whose first pixel is its class; returns the set's folder."""
    counts = {"train": 12, "test": 6} if splits is None else splits

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version(version)

        def _info(self) -> Any:
            kind = (
                tfds.features.Scalar(np.int64) if numbers else tfds.features.ClassLabel(names=["x", "y", "z"])
            )
            features = {"picture": tfds.features.Image(shape=shape), label: kind}
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {split: self._generate_examples(count) for split, count in counts.items()}

        def _generate_examples(self, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
            random = np.random.default_rng(count)
            for index in range(count):
                height, width, channels = shape
                size = (height or 4 + index % 3, width or 6, channels)
                pixels = random.integers(0, 256, size, dtype=np.uint8)
                pixels[0, 0] = index % 3
                yield index, {"picture": Image.fromarray(pixels.squeeze()), label: index % 3}

    root.mkdir(parents=True, exist_ok=True)
    Tiny.name = name
    Tiny.pkg_dir_path = root
    with contextlib.redirect_stdout(sys.stderr):
        tfds.disable_progress_bar()
        builder = Tiny(data_dir=root)
        builder.download_and_prepare(file_format="array_record")
    return Path(builder.data_dir)
