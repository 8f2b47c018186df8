"""A data set on the device, at a network's resolution."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp

from scaling_search.data import augment
from scaling_search.data.dataset import Dataset, Split
from scaling_search.training.steps import Pixels


@dataclass(frozen=True, kw_only=True)
class TrialPixels:
    """Both splits of a data set as one resolution's uint8 images; networks of equal resolution share it."""

    train: Pixels
    validation: Pixels


def on_device(dataset: Dataset, resolution: int) -> TrialPixels:
    """Resizes both splits to ``resolution`` pixels a side, on the default device. Never opens the test split."""
    return TrialPixels(
        train=split_on_device(dataset.train, dataset, resolution),
        validation=split_on_device(dataset.validation, dataset, resolution),
    )


def split_on_device(split: Split, dataset: Dataset, resolution: int) -> Pixels:
    """One split (a test split too), normalised later by the training split's mean and standard deviation."""
    mean, std = dataset.moments
    return Pixels(
        images=jnp.asarray(augment.resize(split.images, resolution)),
        labels=jnp.asarray(split.labels, jnp.int32),
        mean=jnp.asarray(mean, jnp.float32),
        std=jnp.asarray(std, jnp.float32),
    )
