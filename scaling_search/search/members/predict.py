"""What members say of images: probabilities, one member's or several members' mean, and how right they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from scaling_search.errors import InputError
from scaling_search.search.members.images import Images, decode, find
from scaling_search.search.members.member import Member
from scaling_search.statistics import Estimate, ImageSample, accuracies, gather
from scaling_search.statistics.multiple_comparisons import LEVEL

if TYPE_CHECKING:
    from pandas import DataFrame

TOP = 5
_PIXELS_AT_ONCE = 32 * 224**2


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How right predictions are on the images whose class is known.

    `accuracy` with its interval over images; `top5` the share whose class is among the five most likely (None with five
    classes or fewer); `per_class` (NaN for a class without an image); `confusion[label, predicted]` counts images;
    `correct` is over those images, in their order.
    """

    accuracy: Estimate
    top5: float | None
    per_class: Float[np.ndarray, " classes"]
    confusion: Int[np.ndarray, "classes classes"]
    correct: Bool[np.ndarray, " n"]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """`probabilities` of each image and class: the mean over the members."""

    members: tuple[Member, ...]
    images: Images
    source: str
    split: str | None
    probabilities: Float[np.ndarray, "n classes"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, by number."""
        return self.members[0].classes

    @cached_property
    def order(self) -> Int[np.ndarray, "n top"]:
        """Class numbers, the most likely first."""
        return np.argsort(-self.probabilities, axis=1, kind="stable")[:, :TOP]

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """Against the classes that are known; None where none is."""
        known = self.images.labels >= 0
        if not known.any():
            return None
        labels, order = self.images.labels[known], self.order[known]
        count = len(self.classes)
        correct = order[:, 0] == labels
        confusion = np.zeros((count, count), int)
        np.add.at(confusion, (labels, order[:, 0]), 1)
        images = confusion.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            per_class = np.diag(confusion) / images
        estimate = _interval(correct)
        return Evaluation(
            accuracy=estimate,
            top5=float((order == labels[:, None]).any(axis=1).mean()) if count > TOP else None,
            per_class=per_class,
            confusion=confusion,
            correct=correct,
        )

    def records(self) -> list[dict[str, object]]:
        """One dictionary for each image: its most likely classes with their probabilities, and its class if known."""
        found = []
        for at, (name, label) in enumerate(zip(self.images.names, self.images.labels, strict=True)):
            first = int(self.order[at, 0])
            record: dict[str, object] = {
                "image": name,
                "label": None if label < 0 else self.classes[label],
                "predicted": self.classes[first],
                "probability": float(self.probabilities[at, first]),
                "right": None if label < 0 else bool(first == label),
            }
            for rank, number in enumerate(self.order[at, 1:], start=2):
                record[f"predicted_{rank}"] = self.classes[number]
                record[f"probability_{rank}"] = float(self.probabilities[at, number])
            found.append(record)
        return found

    def to_dataframe(self) -> DataFrame:
        """`records` as a pandas frame. Needs pandas."""
        from scaling_search.report import notebook

        return notebook.frame(self.records())


def _interval(correct: Bool[np.ndarray, " n"]) -> Estimate:
    if len(correct) < 2:
        value = float(correct.mean())
        return Estimate(
            value=value, low=0.0, high=1.0, standard_error=0.0, sd=None, seeds=1, sources="images"
        )
    return accuracies(gather({"": {0: correct}}, ImageSample()), level=LEVEL)[0]


def predict(
    members: Sequence[Member], source: str, *, should_stop: Callable[[], bool] = lambda: False
) -> Prediction:
    """What one member, or several as an ensemble, say of an image, a folder or a data set (`images.find`).

    Errors: InputError for what is no image, for members of different classes, for weights that are not kept.
    """
    first = members[0]
    for other in members[1:]:
        if other.classes != first.classes:
            raise InputError(f"{_apart(first, other)}: they are no ensemble")
    found = find(source, first.classes)
    decoded = decode(found, first.form, first.classes)
    total = np.zeros((len(decoded.names), len(first.classes)))
    for member in members:
        images = decoded if member.form == first.form else decode(found, member.form, member.classes)
        total += probabilities(member, images.images, should_stop)
    return Prediction(
        members=tuple(members),
        images=decoded,
        source=found.name,
        split=found.split,
        probabilities=total / len(members),
    )


def _apart(one: Member, other: Member) -> str:
    """How the classes of two members differ."""
    if len(one.classes) != len(other.classes):
        return f"{one.label} has {len(one.classes)} classes, {other.label} {len(other.classes)}"
    at = next(
        at for at, names in enumerate(zip(one.classes, other.classes, strict=True)) if len({*names}) > 1
    )
    nameless = None in (one.metadata.class_names, other.metadata.class_names)
    hint = " (--class-names FILE names those of all)" if nameless else ""
    return f"class {at} of {one.label} is {one.classes[at]!r}, of {other.label} {other.classes[at]!r}{hint}"


def probabilities(
    member: Member, images: np.ndarray, should_stop: Callable[[], bool] = lambda: False
) -> Float[np.ndarray, "n classes"]:
    """Softmax of one member's logits for stored images (N, H, W, C), 0..255. Errors: InputError: it is not finite."""
    import jax

    from scaling_search.data import augment
    from scaling_search.networks.build import build
    from scaling_search.training.outcome import TrainingStopped

    network = member.network
    mean, std = moments(member)
    params, batch_stats = member.weights
    apply = build(network, platform=jax.default_backend()).apply
    key = jax.random.key(0)

    @jax.jit
    def run(params: object, batch_stats: object, batch: jax.Array) -> jax.Array:
        inputs = augment.normalise(batch, mean, std)
        return jax.nn.softmax(apply(params, batch_stats, inputs, train=False, key=key)[0])

    resized = augment.resize(images, network.resolution)
    size = max(1, min(len(resized), _PIXELS_AT_ONCE // network.resolution**2))
    found = []
    for start in range(0, len(resized), size):
        if should_stop():
            raise TrainingStopped(None)
        batch = resized[start : start + size]
        # One shape, one program: the last batch is filled up.
        filled = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])
        found.append(np.asarray(run(params, batch_stats, filled))[: len(batch)])
    whole = np.concatenate(found).astype(np.float64)
    if faults := int((~np.isfinite(whole).all(axis=1)).sum()):
        raise InputError(
            f"{member.label}: what it says of {faults} of {len(whole)} images is not finite: its weights, or mean and "
            "std, are beyond float32"
        )
    return whole


def moments(member: Member) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std by which its images are normalised, 0 to 255. Errors: InputError where they are not known."""
    if member.metadata.mean is None or member.metadata.std is None:
        raise InputError(
            f"{member.label}: it is not known how its images are normalised: give --mean and --std"
        )
    return member.metadata.mean, member.metadata.std
