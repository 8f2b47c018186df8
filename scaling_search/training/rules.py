"""The named recipes, as rules: fields that become a `Recipe` once the number of training images is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# A set of which nothing is known yet is taken for a small one: its runs are the longest.
UNKNOWN = 1_000
MOST = 2**31 - 1  # steps, passes, images of a batch: they are counted in 32 bits on the device
IMAGENET = 1_281_167

# `fast`: a large set is seen fewer times than a small one. Whether twice as long still gains half a point is what
# `make recipe-length` measures.
SEEN = 250
LEAST_STEPS = 500
SMALLEST_BATCH, LARGEST_BATCH = 16, 64
PEAK = 0.02  # the rate at a batch of 256
# Passes over the set from which on shifted images gain more than they cost.
SHIFT_FROM = 30


@dataclass(frozen=True, kw_only=True)
class Rule:
    """``constants``: what the data do not change. ``follow``: the rest, from the number of training images and what
    is given. ``said``: the rest in words, for the reference.
    """

    constants: Mapping[str, Any]
    follow: Callable[[int, Mapping[str, Any]], dict[str, Any]]
    said: Mapping[str, str]


def fields(name: str, images: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of a named recipe for ``images`` training images, with what is ``given`` in place."""
    rule = RULES[name]
    return {**rule.constants, **rule.follow(images, given), **given}


def batch_size(images: int) -> int:
    """Images in a batch of `fast`: the power of two nearest below √images / 2, from 16 to 64.

    >>> [batch_size(images) for images in (5, 1000, 5000, 60_000)]
    [4, 16, 32, 64]
    """
    nearest = int(2 ** math.floor(math.log2(max(1.0, math.sqrt(images) / 2))))
    largest = int(2 ** math.floor(math.log2(max(1, images))))
    return int(min(max(nearest, SMALLEST_BATCH), LARGEST_BATCH, largest))


def epochs(images: int, batch: int) -> int:
    """Passes of `fast` over a set: it sees 250 · images^(2/3) images, a larger set each of them fewer times.

    >>> [epochs(images, batch_size(images)) for images in (5, 1000, 5000, 20_000, 60_000, 1_281_167)]
    [500, 25, 15, 10, 7, 3]
    """
    steps = max(1, images // batch)
    return max(math.ceil(SEEN / round(math.cbrt(images), 9)), math.ceil(LEAST_STEPS / steps))


def _count(given: Mapping[str, Any], key: str) -> int | None:
    """A number of images or passes that is given, if it is one: `Recipe` refuses the rest."""
    value: object = given.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST else None


def _fast(images: int, given: Mapping[str, Any]) -> dict[str, Any]:
    batch = _count(given, "batch_size") or batch_size(images)
    passes = _count(given, "epochs") or epochs(images, batch)
    return {
        "batch_size": batch,
        # An adaptive optimizer's rate goes with the square root of the batch (Malladi et al. 2022, arXiv:2205.10287).
        "learning_rate": round(PEAK * math.sqrt(256 / batch), 4),
        "epochs": passes,
        "crop_padding": 0.0625 if passes >= SHIFT_FROM else 0.0,
    }


def _efficientnet(images: int, given: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    return {"decay_epochs": 2.4 * (_count(given, "epochs") or 350) / 350}


RULES = {
    # The paper's section 5 and its released code: RMSProp, 0.256 at batch 4096 = 0.016 at 256, five epochs of
    # warm-up. Its AutoAugment and random-area crops are not part of it here; dropout and stochastic depth belong to
    # the network.
    "efficientnet": Rule(
        constants={
            "optimizer": "rmsprop",
            "learning_rate": 0.016,
            "momentum": 0.9,
            "square_decay": 0.9,
            "epsilon": 1e-3,
            "weight_decay": 1e-5,
            "clip_norm": None,
            "batch_size": 4096,
            "epochs": 350,
            "schedule": "staircase",
            "warmup_images": 5 * IMAGENET,
            "decay_factor": 0.97,
            "label_smoothing": 0.1,
            "ema_images": 10_000 * 4096,
            "crop_padding": 0.125,
            "flip": True,
            "init": "reference",
            "initial_weights": None,
            "frozen": (),
        },
        follow=_efficientnet,
        said={"decay_epochs": "2.4 of 350 epochs, the same share of others"},
    ),
    # No flip: it is wrong for digits and letters, and a study of photographs asks for it in one word.
    "fast": Rule(
        constants={
            "optimizer": "adamw",
            "momentum": 0.9,
            "square_decay": 0.99,
            "epsilon": 1e-8,
            "weight_decay": 0.05,
            "clip_norm": 1.0,
            "schedule": "cosine",
            "warmup_images": 25_600,
            "decay_factor": None,
            "decay_epochs": None,
            "label_smoothing": 0.1,
            "ema_images": 64_000,
            "flip": False,
            "init": "small-head",
            "initial_weights": None,
            "frozen": (),
        },
        follow=_fast,
        said={
            "batch_size": f"the power of two nearest below √images / 2, {SMALLEST_BATCH} to {LARGEST_BATCH}",
            "learning_rate": f"{PEAK} · √(256 / batch_size): the peak rate goes with the root of the batch",
            "epochs": f"{SEEN} / ∛images, and at least {LEAST_STEPS} steps",
            "crop_padding": f"0.0625 from {SHIFT_FROM} epochs on, else 0",
        },
    ),
}
