"""Toy networks in plain jax, toy data, and programs compiled once per session (a compiler fills a core)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from scaling_search.data.dataset import Dataset, Split
from scaling_search.training.cache import enable_cache
from scaling_search.training.compiled import CompiledTrial, compile_trial
from scaling_search.training.pixels import TrialPixels, on_device
from scaling_search.training.recipe import Recipe, named

CLASSES, SIDE = 3, 5


class Toy(NamedTuple):
    init: Any
    apply: Any
    head_weights: tuple[float, ...] = (1.0,)
    split: Any = jnp.split
    initial_weights: str | None = None


def generator(key: Any) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.asarray(jax.random.key_data(key)).tolist()))


def linear_init(key: Any) -> tuple[Any, Any]:
    kernel = generator(key).normal(size=(SIDE * SIDE, CLASSES)).astype(np.float32)
    params = {"head": {"kernel": kernel, "bias": np.zeros(CLASSES, np.float32)}}
    return params, {"norm": {"mean": np.zeros(1, np.float32)}}


def linear_apply(params: Any, batch_stats: Any, images: Any, *, train: bool, key: Any) -> tuple[Any, Any]:
    """logits = (x - mean) W + b, the mean being the batch's in training and the running one (momentum 0.9)
    otherwise.
    """
    mean = images.mean((0, 1, 2)) if train else batch_stats["norm"]["mean"]
    if train:
        batch_stats = {"norm": {"mean": 0.9 * batch_stats["norm"]["mean"] + 0.1 * mean}}
    x = (images - mean[None, None, None]).reshape(images.shape[0], -1)
    return x @ params["head"]["kernel"] + params["head"]["bias"][None], batch_stats


def hidden_init(key: Any) -> tuple[Any, Any]:
    draw = generator(key)
    params = {
        "one": {"kernel": draw.normal(size=(SIDE * SIDE, 8), scale=0.2).astype(np.float32)},
        "norm": {"scale": np.ones(8, np.float32), "bias": np.zeros(8, np.float32)},
        "two": {"kernel": draw.normal(size=(8, CLASSES), scale=0.3).astype(np.float32)},
    }
    return params, {"norm": {"mean": np.zeros(8, np.float32), "variance": np.ones(8, np.float32)}}


def hidden_apply(params: Any, batch_stats: Any, images: Any, *, train: bool, key: Any) -> tuple[Any, Any]:
    """Dense, batch norm, ReLU, dropout, dense."""
    x = images.reshape(images.shape[0], -1) @ params["one"]["kernel"]
    mean, variance = batch_stats["norm"]["mean"], batch_stats["norm"]["variance"]
    if train:
        now_mean, now_variance = x.mean(0), x.var(0)
        batch_stats = {
            "norm": {"mean": 0.8 * mean + 0.2 * now_mean, "variance": 0.8 * variance + 0.2 * now_variance}
        }
        mean, variance = now_mean, now_variance
    factor = jax.lax.rsqrt(variance + 1e-3) * params["norm"]["scale"]
    x = jax.nn.relu((x - mean[None]) * factor[None] + params["norm"]["bias"][None])
    if train:
        x = x * jax.random.bernoulli(key, 0.9, x.shape) / 0.9
    return x @ params["two"]["kernel"], batch_stats


@pytest.fixture(scope="session", autouse=True)
def programs_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Programs are kept for the session, so that a killed child finds those of its parent."""
    before = jax.config.jax_compilation_cache_dir
    folder = tmp_path_factory.mktemp("programs")
    enable_cache(folder)
    yield folder
    jax.config.update("jax_compilation_cache_dir", before)
    compilation_cache.reset_cache()


@pytest.fixture(scope="session")
def linear() -> Toy:
    return Toy(linear_init, linear_apply)


@pytest.fixture(scope="session")
def hidden() -> Toy:
    return Toy(hidden_init, hidden_apply)


def make_split(count: int, seed: int) -> Split:
    """Grey images of three learnable classes: bright top, middle or bottom, with noise."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % CLASSES
    images = draw.integers(0, 120, (count, SIDE, SIDE, 1), dtype=np.uint8)
    for label in range(CLASSES):
        images[labels == label, 2 * label : 2 * label + 1] += 120
    return Split(images=images, labels=labels)


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    # Neither split is a multiple of its batch: the rest must be dropped in training and counted in evaluation.
    return Dataset(
        name="toy",
        classes=("top", "middle", "bottom"),
        fingerprint="toy",
        train=make_split(70, 0),
        validation=make_split(301, 1),
    )


@pytest.fixture(scope="session")
def test_split() -> Split:
    return make_split(47, 2)


@pytest.fixture(scope="session")
def pixels(dataset: Dataset) -> TrialPixels:
    return on_device(dataset, SIDE)


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return named("fast", batch_size=16, epochs=4, learning_rate=0.2, crop_padding=0.2, flip=True)


@pytest.fixture(scope="session")
def program(hidden: Toy, pixels: TrialPixels, recipe: Recipe) -> CompiledTrial:
    return compile_trial(hidden, pixels, recipe)


def same(one: Any, other: Any) -> bool:
    """Equal to the bit, leaf by leaf."""
    leaves, others = jax.tree.leaves(one), jax.tree.leaves(other)
    return jax.tree.structure(one) == jax.tree.structure(other) and all(
        np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(leaves, others, strict=True)
    )


@pytest.fixture(scope="session")
def is_same() -> Any:
    return same


@pytest.fixture
def seen() -> Toy:
    """A network whose statistics become the images it was last trained on."""

    def init(key: Any) -> tuple[Any, Any]:
        return {"head": {"bias": np.zeros(CLASSES, np.float32)}}, {
            "images": np.zeros((16, SIDE, SIDE, 1), np.float32)
        }

    def apply(params: Any, batch_stats: Any, images: Any, *, train: bool, key: Any) -> tuple[Any, Any]:
        logits = jnp.zeros((images.shape[0], 1)) + params["head"]["bias"][None]
        return logits, {"images": images} if train else batch_stats

    return Toy(init, apply)
